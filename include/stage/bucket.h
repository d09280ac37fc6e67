/* Bucket: the one place that opens what a configuration defines, whatever kind it is. */
#ifndef STAGE_BUCKET_H
#define STAGE_BUCKET_H

#include "core/bandwidth.h"
#include "core/cancel.h"
#include "core/error.h"
#include "model/bucket.h"

struct object_store;

/* cancel and bandwidth are borrowed and may be NULL; what they mean: bucket/object_store.h. */
struct stage_bucket_use {
    const char *below; /* "": the whole bucket; an app's id: its repository */
    const struct cancel *cancel;
    struct bandwidth *bandwidth;
};

/* Errors: UNAVAILABLE, reason "bucket_unreachable", for a directory that is not there now: a mount
 * may be late. Of S3, the keys are read, but nothing is asked yet. Caller owns *ret_store. */
enum status stage_bucket_open(const struct bucket_definition *definition,
                              const struct stage_bucket_use *use, struct object_store **ret_store,
                              struct error *err) MUST_CHECK;

/* Can a backup go there? Lists, puts, reads back and deletes a marker,
 * "probe/<seconds since the epoch>-<32 digits>"; at most a minute or so. Markers that are more than
 * an hour old, of probes that were killed, are removed. */
enum status stage_bucket_probe(const struct bucket_definition *definition, struct error *err)
    MUST_CHECK;

#endif
