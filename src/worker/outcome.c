#include "outcome.h"

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_COMPLETED] = "completed", [OUTCOME_FAILED] = "failed",
    [OUTCOME_CANCELED] = "canceled",   [OUTCOME_RETRY] = "retry",
    [OUTCOME_RELEASED] = "released",   [OUTCOME_LOST] = "lost",
};

/* A run that was asked to end fails in whatever it was doing: the request is the cause, the failure
 * its symptom. */
static enum outcome of_request(enum status canceled)
{
    if (canceled == STATUS_CANCELED)
        return OUTCOME_CANCELED;
    if (canceled == STATUS_TIMEOUT)
        return OUTCOME_FAILED;
    return canceled == STATUS_LOST ? OUTCOME_LOST : OUTCOME_RELEASED;
}

enum outcome outcome_decide(const struct outcome_facts *facts)
{
    if (facts->status == STATUS_OK)
        return OUTCOME_COMPLETED; /* also when a request came too late to matter */
    if (facts->canceled != STATUS_OK)
        return of_request(facts->canceled);
    if (facts->status == STATUS_CANCELED)
        return OUTCOME_CANCELED;
    if (facts->status == STATUS_LOST)
        return OUTCOME_LOST;
    if (status_is_transient(facts->status) && facts->failures < facts->retries_max)
        return OUTCOME_RETRY;
    return OUTCOME_FAILED;
}

const char *outcome_name(enum outcome outcome)
{
    return (unsigned)outcome < OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

enum store_outcome outcome_to_store(enum outcome outcome)
{
    static const enum store_outcome table[OUTCOME_COUNT] = {
        [OUTCOME_COMPLETED] = STORE_OUTCOME_COMPLETED, [OUTCOME_FAILED] = STORE_OUTCOME_FAILED,
        [OUTCOME_CANCELED] = STORE_OUTCOME_CANCELED,   [OUTCOME_RETRY] = STORE_OUTCOME_RETRY,
        [OUTCOME_RELEASED] = STORE_OUTCOME_RELEASED,
    };

    assert(outcome < OUTCOME_LOST);
    return table[outcome];
}

int64_t outcome_delay_ms(const int64_t *delays_s, size_t count, int64_t failures, uint32_t random)
{
    assert(count > 0);
    size_t last = count - 1;
    size_t index = failures < 1 ? 0 : (size_t)(failures - 1);
    int64_t base = delays_s[index > last ? last : index] * 1000;
    int64_t span = base * 2 / 5; /* a fifth to either side */
    return base - span / 2 + (int64_t)(random % (uint64_t)(span + 1));
}
