/* Outcome: what becomes of a job, decided in one place from how its run ended. */
#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include "core/error.h"
#include "store/calls.h"

#include <stddef.h>
#include <stdint.h>

enum outcome {
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,   /* for good */
    OUTCOME_CANCELED, /* somebody asked for it */
    OUTCOME_RETRY,    /* transient: again, after a while */
    OUTCOME_RELEASED, /* the worker stops: again, at once, by whoever is there */
    OUTCOME_LOST,     /* another worker has the job: nothing is ours to write */
    OUTCOME_COUNT
};

struct outcome_facts {
    enum status status;   /* of the run */
    enum status canceled; /* of the struct cancel: what asked the run to end; OK: nothing */
    int64_t failures;     /* earlier ones of this job that counted */
    int64_t retries_max;
};

enum outcome outcome_decide(const struct outcome_facts *facts);
const char *outcome_name(enum outcome outcome);

/* OUTCOME_LOST is not allowed here: it is never written. */
enum store_outcome outcome_to_store(enum outcome outcome);

/* How long to wait after this many failures, counted from 1: as the entry of the list says, or its
 * last entry where it is shorter. The result is up to a fifth shorter or longer (random: any
 * number), so that what failed together does not come back together. */
int64_t outcome_delay_ms(const int64_t *delays_s, size_t count, int64_t failures, uint32_t random);

#endif
