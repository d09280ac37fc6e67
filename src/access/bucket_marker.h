/*
 * Bucket marker: is this directory the bucket that it was before? A file system that is not mounted
 * leaves an empty directory in its place, which would pass for a new bucket: backups would go to
 * the wrong disk, and those that are not there would be taken for lost.
 *
 * Backing   the marker "appbackup-bucket.json" in the root of the bucket,
 *             {"version": 1, "bucket": "<id>", "mark": "<a random UUID>"}
 *           and its copy on this host, once it was seen: "<seen_directory>/<id>". The mark tells
 *           apart directories that were taken for the same bucket, one after the other.
 */
#ifndef ACCESS_BUCKET_MARKER_H
#define ACCESS_BUCKET_MARKER_H

#include "bucket/object_store.h"
#include "core/error.h"
#include "model/bucket.h"

/* Checks root, the bucket's directory without a prefix. Without a copy of its marker on this host a
 * bucket is what it seems to be: it is marked, and the marker copied. It is not marked as long as
 * it is empty, since something may be about to be mounted there, nor where it can only be read.
 * UNAVAILABLE, reason "bucket_unreachable": it is not that bucket; the text says how to have it
 * accepted. */
enum status bucket_marker_check(const struct bucket_definition *definition,
                                struct object_store *root, struct error *err) MUST_CHECK;

#endif
