/* What a driver does, for those who write one. */
#ifndef SNAPSHOT_DRIVER_H
#define SNAPSHOT_DRIVER_H

#include "core/cancel.h"
#include "core/error.h"
#include "snapshot/snapshot.h"

#include <limits.h>

/* The copy in its place: "<root>/snapshot". */
#define PLACE_COPY "snapshot"

struct driver {
    /* What has to be copied for this volume (itself or a directory above it), or why that cannot
     * be done here: UNSUPPORTED. Changes nothing. */
    enum status (*find_source)(const char *volume, char source[PATH_MAX], struct error *err);

    /* Makes PLACE_COPY in the place, a copy of the source. What a failure leaves is removed by the
     * caller. Of the plan, it may want to know when it was made. */
    enum status (*copy)(const struct snapshot_plan *plan, int source_fd, int place_fd,
                        const struct cancel *cancel, struct error *err);
};

extern const struct driver btrfs_driver, reflink_driver;

#endif
