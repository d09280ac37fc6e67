#include "service/health.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <string.h>

static const char *fault_of(const struct health *health)
{
    const char *fault = health_find_fault(health);
    return fault == NULL ? "none" : fault;
}

Test(health, has_no_fault_when_nothing_is_wrong)
{
    struct health idle = {0};
    struct health busy = {.lag_ms = 100, .unclaimed_ms = 900, .moving = 3};

    cr_expect(eq(str, (char *)fault_of(&idle), "none"));
    cr_expect(eq(str, (char *)fault_of(&busy), "none"));
}

Test(health, is_lost_with_a_loop_that_is_late)
{
    struct health in_time = {.lag_ms = HEALTH_LAG_MAX_MS};
    struct health late = {.lag_ms = HEALTH_LAG_MAX_MS + 1};

    cr_expect(eq(str, (char *)fault_of(&in_time), "none"));
    cr_expect(eq(str, (char *)fault_of(&late), "the loop is late"));
}

Test(health, is_lost_with_a_redis_that_hangs_but_not_with_one_that_is_away)
{
    struct health away = {.redis = HEALTH_REDIS_AWAY};
    struct health silent = {.redis = HEALTH_REDIS_SILENT};

    cr_expect(eq(str, (char *)fault_of(&away), "none"));
    cr_expect(eq(str, (char *)fault_of(&silent), "redis does not answer"));
}

Test(health, is_lost_when_nothing_is_claimed_though_redis_answers)
{
    struct health idle = {.unclaimed_ms = HEALTH_CLAIM_MAX_MS};
    struct health stuck = {.unclaimed_ms = HEALTH_CLAIM_MAX_MS + 1};
    struct health away = {.unclaimed_ms = INT64_MAX, .redis = HEALTH_REDIS_AWAY};

    cr_expect(eq(str, (char *)fault_of(&idle), "none"));
    cr_expect(eq(str, (char *)fault_of(&stuck), "no jobs are claimed"));
    cr_expect(eq(str, (char *)fault_of(&away), "none"));
}

Test(health, is_lost_when_all_jobs_hang_but_not_for_one_beside_others)
{
    struct health some = {.moving = 1, .stalled = 2};
    struct health all = {.stalled = 2};

    cr_expect(eq(str, (char *)fault_of(&some), "none"));
    cr_expect(eq(str, (char *)fault_of(&all), "no job moves"));
}

Test(health, tells_a_fault_once_until_it_is_mended)
{
    const struct health sound = {0};
    const struct health late = {.lag_ms = HEALTH_LAG_MAX_MS + 1};
    const char *fault = NULL;

    cr_expect(eq(ptr, (void *)(uintptr_t)health_beat(&sound, &fault), NULL));
    const char *news = health_beat(&late, &fault);
    cr_assert(ne(ptr, (void *)(uintptr_t)news, NULL));
    cr_expect(eq(str, (char *)(uintptr_t)news, "the loop is late"));
    cr_expect(eq(ptr, (void *)(uintptr_t)health_beat(&late, &fault), NULL));
    cr_expect(eq(ptr, (void *)(uintptr_t)health_beat(&sound, &fault), NULL));
    cr_expect(ne(ptr, (void *)(uintptr_t)health_beat(&late, &fault), NULL));
}

static char text[256];

static char *described(const struct load *load)
{
    load_describe(load, text, sizeof(text));
    return text;
}

Test(load, reads_like_a_sentence)
{
    struct load usual = {.running = 3, .queued = 12, .oldest_ms = 250000, .redis_us = 449};

    cr_expect(eq(str, described(&usual), "3 running, 12 queued, oldest 4 min, redis 0.4 ms"));
}

Test(load, says_no_age_of_an_empty_queue)
{
    struct load idle = {.slots = 2, .oldest_ms = 5, .redis_us = 12345};

    cr_expect(eq(str, described(&idle), "0 of 2 running, 0 queued, redis 12.3 ms"));
}

Test(load, tells_of_a_quarantine)
{
    struct load sick = {.running = 1, .queued = 1, .quarantined = 2};

    cr_expect(eq(str, described(&sick),
                 "1 running, 1 queued, oldest 0 s, 2 in quarantine, redis 0.0 ms"));
}

Test(load, that_does_not_fit_is_cut)
{
    struct load usual = {.running = 3, .queued = 12};
    char small[10];

    load_describe(&usual, small, sizeof(small));

    cr_expect(eq(str, small, "3 running"));
}

struct age {
    long long ms;
    char says[16];
};

static const struct age ages[] = {
    {-5, "oldest 0 s"},          {119999, "oldest 119 s"},         {120000, "oldest 2 min"},
    {7199999, "oldest 119 min"}, {7200000, "oldest 2 h"},          {172799999, "oldest 47 h"},
    {172800000, "oldest 2 d"},   {86400000LL * 91, "oldest 91 d"},
};

ParameterizedTestParameters(load, gives_an_age_in_the_unit_that_fits)
{
    static size_t indices[sizeof(ages) / sizeof(ages[0])];
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, sizeof(ages) / sizeof(ages[0]));
}

ParameterizedTest(size_t *index, load, gives_an_age_in_the_unit_that_fits)
{
    struct load load = {.queued = 1, .oldest_ms = ages[*index].ms};

    cr_expect(strstr(described(&load), ages[*index].says) != NULL, "%s", text);
}
