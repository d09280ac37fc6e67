/*
 * Bucket check: is a bucket's directory there right now, and is it the bucket that it was before
 * (access/bucket.h)? It knows nothing of S3: to ask a server takes a while, and is done apart
 * (helper_probe.c); a job finds out with its first request.
 *
 * Errors    UNAVAILABLE, reason "bucket_unreachable": a file server that is not mounted may come
 *           back, so whoever needs the bucket tries again.
 */
#ifndef WORKER_BUCKET_CHECK_H
#define WORKER_BUCKET_CHECK_H

#include "core/error.h"
#include "model/bucket.h"

#include <stdbool.h>

/* for_writing: the directory has to be writable as well. */
enum status bucket_check(const struct bucket_definition *definition, bool for_writing,
                         struct error *err) MUST_CHECK;

#endif
