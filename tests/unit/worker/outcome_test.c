#include "src/worker/outcome.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

enum { RETRIES_MAX = 3 };

struct fact {
    int status;
    int canceled;
    int failures;
    int outcome;
};

/* clang-format off */
static const struct fact facts[] = {
    {STATUS_OK,          STATUS_OK,          0, OUTCOME_COMPLETED},
    {STATUS_OK,          STATUS_CANCELED,    0, OUTCOME_COMPLETED}, /* too late to matter */
    {STATUS_OK,          STATUS_UNAVAILABLE, 0, OUTCOME_COMPLETED},
    {STATUS_CANCELED,    STATUS_CANCELED,    0, OUTCOME_CANCELED},
    {STATUS_INTERNAL,    STATUS_CANCELED,    0, OUTCOME_CANCELED}, /* a symptom of the cancel */
    {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE, 0, OUTCOME_RELEASED},
    {STATUS_INTERNAL,    STATUS_UNAVAILABLE, 8, OUTCOME_RELEASED}, /* attempts do not matter */
    {STATUS_TIMEOUT,     STATUS_TIMEOUT,     0, OUTCOME_FAILED}, /* its own deadline */
    {STATUS_UNAVAILABLE, STATUS_TIMEOUT,     0, OUTCOME_FAILED},
    {STATUS_LOST,        STATUS_LOST,        0, OUTCOME_LOST},
    {STATUS_CORRUPT,     STATUS_LOST,        0, OUTCOME_LOST},
    {STATUS_LOST,        STATUS_OK,          0, OUTCOME_LOST},
    {STATUS_CANCELED,    STATUS_OK,          0, OUTCOME_CANCELED},
    {STATUS_UNAVAILABLE, STATUS_OK,          0, OUTCOME_RETRY},
    {STATUS_TIMEOUT,     STATUS_OK,          1, OUTCOME_RETRY},
    {STATUS_LOCKED,      STATUS_OK,          RETRIES_MAX - 1, OUTCOME_RETRY},
    {STATUS_NO_SPACE,    STATUS_OK,          RETRIES_MAX, OUTCOME_FAILED},
    {STATUS_NO_MEMORY,   STATUS_OK,          0, OUTCOME_RETRY},
    {STATUS_INVALID,     STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_NOT_FOUND,   STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_CONFLICT,    STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_FORBIDDEN,   STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_TOO_LARGE,   STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_UNSUPPORTED, STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_CORRUPT,     STATUS_OK,          0, OUTCOME_FAILED},
    {STATUS_INTERNAL,    STATUS_OK,          0, OUTCOME_FAILED},
};

/* clang-format on */

ParameterizedTestParameters(outcome_decide, follows_from_how_the_run_ended)
{
    static struct fact parameters[sizeof(facts) / sizeof(facts[0])];
    memcpy(parameters, facts, sizeof(facts));
    return cr_make_param_array(struct fact, parameters, sizeof(facts) / sizeof(facts[0]));
}

ParameterizedTest(struct fact *fact, outcome_decide, follows_from_how_the_run_ended)
{
    enum outcome outcome = outcome_decide(&(struct outcome_facts){
        .status = (enum status)fact->status,
        .canceled = (enum status)fact->canceled,
        .failures = fact->failures,
        .retries_max = RETRIES_MAX,
    });

    cr_assert(eq(int, (int)outcome, fact->outcome), "%s, canceled %s, failures %d",
              status_name((enum status)fact->status), status_name((enum status)fact->canceled),
              fact->failures);
}

Test(outcome_decide, never_retries_when_no_retries_are_allowed)
{
    enum outcome outcome =
        outcome_decide(&(struct outcome_facts){.status = STATUS_UNAVAILABLE, .retries_max = 0});

    cr_assert(eq(int, (int)outcome, OUTCOME_FAILED));
}

Test(outcome_to_store, says_the_same_in_redis)
{
    cr_assert(eq(int, (int)outcome_to_store(OUTCOME_COMPLETED), (int)STORE_OUTCOME_COMPLETED));
    cr_assert(eq(int, (int)outcome_to_store(OUTCOME_FAILED), (int)STORE_OUTCOME_FAILED));
    cr_assert(eq(int, (int)outcome_to_store(OUTCOME_CANCELED), (int)STORE_OUTCOME_CANCELED));
    cr_assert(eq(int, (int)outcome_to_store(OUTCOME_RETRY), (int)STORE_OUTCOME_RETRY));
    cr_assert(eq(int, (int)outcome_to_store(OUTCOME_RELEASED), (int)STORE_OUTCOME_RELEASED));
}

static const int64_t delays_s[] = {5, 30, 120};

Test(outcome_delay_ms, follows_the_list_and_stays_at_its_end)
{
    static const int64_t bases_ms[] = {5000, 30000, 120000, 120000, 120000};

    for (int64_t failures = 1; failures <= 5; failures++) {
        int64_t base = bases_ms[failures - 1];
        for (uint32_t random = 0; random < 100000; random += 997) {
            int64_t delay = outcome_delay_ms(delays_s, 3, failures, random);
            cr_assert(ge(i64, delay, base * 4 / 5));
            cr_assert(le(i64, delay, base * 6 / 5));
        }
    }
}

Test(outcome_delay_ms, spreads_what_failed_together)
{
    cr_assert(eq(i64, outcome_delay_ms(delays_s, 3, 1, 0), 4000));
    cr_assert(eq(i64, outcome_delay_ms(delays_s, 3, 1, 2000), 6000));
    cr_assert(ne(i64, outcome_delay_ms(delays_s, 3, 2, 17), outcome_delay_ms(delays_s, 3, 2, 18)));
    cr_assert(eq(i64, outcome_delay_ms(delays_s, 3, 0, 1000), 5000));
    cr_assert(eq(i64, outcome_delay_ms(delays_s, 3, INT64_MAX, 24000), 120000));
}

Test(outcome_delay_ms, may_be_none)
{
    static const int64_t none_s[] = {0};
    cr_assert(zero(i64, outcome_delay_ms(none_s, 1, 1, 12345)));
}
