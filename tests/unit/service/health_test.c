#include "service/health.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

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
