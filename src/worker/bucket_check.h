/* Bucket check: is a bucket's directory there right now, and is it the bucket that it was before
 * (access/bucket.h)? Of S3 it knows nothing: that takes a while, and is probed apart (probe.h); a
 * job finds out with its first request. */
#ifndef WORKER_BUCKET_CHECK_H
#define WORKER_BUCKET_CHECK_H

#include "core/error.h"
#include "model/bucket.h"

#include <stdbool.h>

/* for_writing: it has to be writable as well. Errors: UNAVAILABLE, reason "bucket_unreachable": a
 * file server that is not mounted may come back, so whoever needs the bucket tries again. */
enum status bucket_check(const struct bucket_definition *definition, bool for_writing,
                         struct error *err) MUST_CHECK;

#endif
