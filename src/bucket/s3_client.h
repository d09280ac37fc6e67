/*
 * S3 client: one signed request at a time per calling thread, repeated where that may help.
 *
 * Handles   libcurl's easy handles in a pool, the last used first: each keeps its connection, and
 *           there are as many as threads call at the same time.
 * Payload   is hashed and the hash signed, over TLS as well: with SHA-256 in hardware that costs
 *           less than TLS itself, and a server refuses what was damaged on the way, wherever.
 * Answers   are judged before they count: one that is not whole, does not fit the request, comes
 *           from somebody else than a server of S3, or holds an error under a good status, is none.
 * Repeats   5xx, 429, SlowDown, resets, time-outs, what arrived damaged, and answers that are none:
 *           over a new connection, with a back-off that doubles, is jittered, and heeds
 *           Retry-After. Not what asks for a person: other 4xx, a certificate that is not trusted.
 *           When the keys are refused, their file is read again, and used if it has others by now
 *           (temporary ones expire).
 * Redirect  is followed once, signed anew, to a host of the same domain, with the same or a
 *           better protection. Any other is a failure that names where it leads.
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
    bool has_total;
    uint64_t total;     /* bytes of the object */
    uint64_t received;  /* bytes of the answer to a GET */
    bool is_whole;      /* the server sent the object, though a range was asked for */
    bool no_such_range; /* the server says so: 416 */
    bool unsure;        /* an earlier attempt may have come through without our knowing */
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

/* For what fits the request, but not what else is known: after attempt `number`, counted from 1,
 * waits as before a repetition. *ret_again false: there have been enough. CANCELED. */
enum status s3_client_pause(struct s3_client *client, int64_t number, bool *ret_again,
                            struct error *err) MUST_CHECK;

/* What bucket/object_store.h says of a second look. */
enum status s3_client_look_again(struct s3_client *client, struct error *err) MUST_CHECK;

#endif
