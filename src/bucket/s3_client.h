/*
 * S3 client: one signed request at a time per calling thread, repeated where that may help.
 *
 * Handles   libcurl's easy handles in a pool, the last used first: each keeps its connection, and
 *           there are as many as threads call at the same time.
 * Payload   is hashed and the hash signed, over TLS as well: with SHA-256 in hardware that costs
 *           less than TLS itself, and a server refuses what was damaged on the way, wherever.
 * Repeats   5xx, 429, SlowDown, resets, time-outs, and what arrived damaged: with a back-off that
 *           doubles, is jittered, and heeds Retry-After. Not what asks for a person: other 4xx, a
 *           certificate that is not trusted. When the keys are refused, their file is read again,
 *           and used if it has others by now (temporary ones expire).
 * Time-outs of each attempt: to connect, without a byte moving, in all. Time spent waiting for
 *           bandwidth does not count.
 * Errors    the text says what the server said, cleaned, never a credential. Reasons besides the
 *           statuses' own: bucket_forbidden, bucket_missing, bucket_full, bucket_unreachable,
 *           certificate_untrusted, clock_skewed.
 */
#ifndef BUCKET_S3_CLIENT_H
#define BUCKET_S3_CLIENT_H

#include "bucket/object_store.h"
#include "s3_place.h"
#include "s3_request.h"

#include <stdbool.h>
#include <stdint.h>

struct s3_reply {
    uint64_t length; /* of what the server said it sends */
    uint64_t total;  /* of the object, in the answer to a range */
    bool unsure;     /* an earlier attempt may have come through without our knowing */
};

struct s3_client;

enum status s3_client_new(const struct object_store_s3 *options, struct s3_client **ret_client,
                          struct error *err) MUST_CHECK;
void s3_client_free(struct s3_client *client); /* NULL is a no-op */
DEFINE_CLEANUP(struct s3_client *, s3_client_free)

const struct s3_place *s3_client_place(const struct s3_client *client);

/* *ret_reply is filled also on failure. Any thread. */
enum status s3_client_run(struct s3_client *client, const struct s3_request *request,
                          struct s3_reply *ret_reply, struct error *err) MUST_CHECK;

#endif
