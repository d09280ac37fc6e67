/*
 * Bucket: the one place that opens what a configuration defines, whatever kind it is.
 *
 * A directory is known by its marker, the file "appbackup-bucket.json" in it. The first use of a
 * bucket that is not empty makes it, if it is not there, and leaves a copy in the definition's
 * seen_directory. From then on, a directory without it, or with another one, is not this bucket: a
 * file system is not mounted, or a wrong one. Where the copy is removed, the directory is accepted
 * as it is. A bucket that can only be read, and has none, is used without.
 */
#ifndef ACCESS_BUCKET_H
#define ACCESS_BUCKET_H

#include "core/bandwidth.h"
#include "core/cancel.h"
#include "core/error.h"
#include "model/bucket.h"

#include <stdbool.h>

struct object_store;

/* What a bucket is opened for. cancel and bandwidth are borrowed and may be NULL;
 * bucket/object_store.h says what they do. */
struct access_bucket_use {
    const char *below; /* "": the whole bucket; an app's id: its repository */
    const struct cancel *cancel;
    struct bandwidth *bandwidth;
};

/* Opens a bucket. UNAVAILABLE, reason "bucket_unreachable": a directory is not there now, or is not
 * this bucket; a mount may be late. For S3 the keys are read, but nothing is asked yet. Caller owns
 * *ret_store. */
enum status access_bucket_open(const struct bucket_definition *definition,
                               const struct access_bucket_use *use, struct object_store **ret_store,
                               struct error *err) MUST_CHECK;

/* Is the directory there, and is it this bucket? The errors are those of access_bucket_open(). It
 * asks no S3 server: such a bucket passes. */
enum status access_bucket_check(const struct bucket_definition *definition, struct error *err)
    MUST_CHECK;

/* Is the directory there, may this process read it and, for_writing, write to it? Then it is
 * checked as by access_bucket_check(). UNAVAILABLE, reason "bucket_unreachable" or
 * "bucket_read_only": a file server that is not mounted may come back, so whoever needs the bucket
 * tries again. An S3 bucket passes here as well: to ask a server takes a while, and is done apart,
 * or by the first request of a job. */
enum status access_bucket_check_directory(const struct bucket_definition *definition,
                                          bool for_writing, struct error *err) MUST_CHECK;

/* Can a backup go there? Lists, puts, reads back and deletes a marker,
 * "probe/<seconds since the epoch>-<32 digits>"; at most a minute or so. Markers that are more than
 * an hour old, of probes that were killed, are removed. */
enum status access_bucket_probe(const struct bucket_definition *definition, struct error *err)
    MUST_CHECK;

/* Are the files that this host has for a bucket in order? They are loaded as a job would load them,
 * without a word to the server. Errors: those of s3_credentials_read() and s3_ca_check(), with the
 * path. */
enum status access_bucket_check_credentials(const char *path, struct error *err) MUST_CHECK;
enum status access_bucket_check_ca(const char *path, struct error *err) MUST_CHECK;

#endif
