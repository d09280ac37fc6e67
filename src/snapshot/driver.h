/*
 * What a driver does, for those who write one. It is declared in the list of model/app.h, whose
 * order is the order of `auto`, and defined as <name>_driver in a file of this folder.
 */
#ifndef SNAPSHOT_DRIVER_H
#define SNAPSHOT_DRIVER_H

#include "core/cancel.h"
#include "core/error.h"
#include "model/app.h"
#include "snapshot/gaps.h"

#include <limits.h>
#include <stdbool.h>
#include <time.h>

/* The copy in its place: "<root>/snapshot". */
#define PLACE_COPY "snapshot"

struct copy_order {
    struct timespec planned; /* when the plan was made, by the clock that file systems take times
                                from */
    int source_fd, place_fd;
};

/* A driver without functions makes no copy: the volume itself is read. */
struct driver {
    /* What has to be copied for this volume (itself or a directory above it), or why that cannot
     * be done here: UNSUPPORTED. Changes nothing. */
    enum status (*find_source)(const char *volume, char source[PATH_MAX], struct error *err);

    /* Makes PLACE_COPY in the place, a copy of the source, but for gaps. What a failure leaves is
     * removed by the caller. */
    enum status (*copy)(const struct copy_order *order, const struct cancel *cancel,
                        struct gaps *gaps, struct error *err);

    /* Removes what copy() has made, or half made; that there is nothing is success. */
    enum status (*remove)(int place_fd, struct error *err);

    bool keeps_origins;      /* its files are new ones, which keep their origin */
    bool shows_under_mounts; /* what lies under a mount point is in the copy */
};

#define DRIVER_DECLARED(CONSTANT, name) extern const struct driver name##_driver;
APP_SNAPSHOT_DRIVERS(DRIVER_DECLARED)

#endif
