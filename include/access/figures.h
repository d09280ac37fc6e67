/*
 * Figures: when a snapshot was taken and how much is in it, as the record of a backup can tell it.
 * A snapshot may have been changed with restic, or be made by it, and then says what it likes.
 *
 * Units     milliseconds since the epoch from 1 on, where 0 is "not known"; bytes up to 2^53, and -1
 *           where the snapshot does not tell
 */
#ifndef ACCESS_FIGURES_H
#define ACCESS_FIGURES_H

#include "repository/snapshot_fields.h"

#include <stdbool.h>
#include <stdint.h>

struct figures {
    int64_t taken_ms;
    int64_t bytes;
    bool other_time; /* the snapshot's is one that no record can tell: the nearest that it can */
    bool other_bytes;
};

struct figures figures_of(const struct repository_snapshot *snapshot);

#endif
