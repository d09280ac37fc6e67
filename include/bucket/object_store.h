/*
 * Object store: whole objects under names, in a directory or in S3. A driver fills
 * bucket/object_store_driver.h; users see only this.
 *
 * Names     '/'-separated segments of [a-zA-Z0-9._-], no "." or "..", no leading '/', 1-512 bytes
 * Puts      are atomic and durable: after STATUS_OK the object is there whole, also after a power
 *           cut; before, nothing is seen under its name. An object of that name is replaced.
 * Answers   count if they are whole and fit what was asked. All others are no news of an object:
 *           they are UNAVAILABLE. CORRUPT and NOT_FOUND are what a whole answer says.
 * Errors    NOT_FOUND no such object; FORBIDDEN; NO_SPACE; UNAVAILABLE, TIMEOUT transient;
 *           CANCELED. The text names bucket and object. Reasons of their own: bucket_unreachable,
 *           bucket_full, bucket_read_only, and those of an S3 server.
 * Threads   one handle may be used by several threads
 */
#ifndef BUCKET_OBJECT_STORE_H
#define BUCKET_OBJECT_STORE_H

#include "bucket/object.h"
#include "core/bandwidth.h"
#include "core/buffer.h"
#include "core/cancel.h"
#include "core/cleanup.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_store;

/* The directory must exist; `prefix` below it ("" for none) is made when something is put. The name
 * is for messages. Caller owns *ret_store. Layout and modes as restic's local backend has them. */
enum status object_store_open_directory(const char *name, const char *path, const char *prefix,
                                        struct object_store **ret_store, struct error *err)
    MUST_CHECK;

/* 0 in any of these is the default. Times in ms. */
struct object_store_patience {
    int64_t connect_ms;     /* to look up the name, connect and agree on TLS: 10 s */
    int64_t stall_ms;       /* without a byte moving: 60 s */
    int64_t request_ms;     /* one attempt in all: 15 min */
    int64_t attempts;       /* 7 */
    int64_t backoff_ms;     /* the first; then twice the one before: 250 ms */
    int64_t backoff_max_ms; /* 15 s; of a Retry-After: 60 s */
    int64_t again_ms;       /* before a second look: 1 s */
};

struct object_store_s3 {
    const char *name;             /* for messages */
    const char *server;           /* "https://host[:port]"; http is for loopback and tests */
    const char *bucket;           /* must exist */
    const char *prefix;           /* "" for none */
    const char *region;           /* "us-east-1" where the server has none */
    bool path_style;              /* the bucket in the path, not in the host's name */
    const char *ca_file;          /* PEM; NULL: those that the system trusts */
    const char *credentials_file; /* bucket/s3_credentials.h */
    const struct cancel *cancel;  /* borrowed, may be NULL. Deleting is not cancelled: that is how a
                                   * cancelled backup tidies up */
    struct bandwidth *bandwidth;  /* borrowed, may be NULL */
    struct object_store_patience patience;
};

/* Reads the credentials, but does not connect. Copies all but what is borrowed. Objects are put
 * whole, in one request (a pack is 24 MiB at most, where S3 takes 5 GiB): an upload that was
 * interrupted leaves nothing, so there are no parts that anybody would have to clear away. */
enum status object_store_open_s3(const struct object_store_s3 *options,
                                 struct object_store **ret_store, struct error *err) MUST_CHECK;
void object_store_close(struct object_store *store);

/* For a driver that does not count bytes as they move, which is the directory's: before each put
 * and after each get, what it moves is waited for. Both are borrowed and may be NULL. */
void object_store_set_bandwidth(struct object_store *store, struct bandwidth *bandwidth,
                                const struct cancel *cancel);

DEFINE_CLEANUP(struct object_store *, object_store_close)

/* The object is the concatenation of the parts. */
enum status object_store_put(struct object_store *store, const char *name,
                             const struct object_part *parts, size_t part_count, struct error *err)
    MUST_CHECK;

/* Puts an object only if there is none of that name: otherwise CONFLICT, and nothing has changed.
 * Of several that try at the same time one succeeds. */
enum status object_store_put_new(struct object_store *store, const char *name,
                                 const struct object_part *parts, size_t part_count,
                                 struct error *err) MUST_CHECK;

/* Appends to the buffer. The whole object, or exactly len bytes at offset (CORRUPT if it is
 * shorter). */
enum status object_store_get(struct object_store *store, const char *name, struct buffer *buffer,
                             struct error *err) MUST_CHECK;
enum status object_store_get_range(struct object_store *store, const char *name, uint64_t offset,
                                   size_t len, void *bytes, struct error *err) MUST_CHECK;
enum status object_store_size(struct object_store *store, const char *name, uint64_t *ret_size,
                              struct error *err) MUST_CHECK;

/* Before something is said to be damaged or gone because of what the store answered once: what is
 * asked from here on goes over new connections, after a moment. Many second looks do not wait as
 * many times: only the first few do. CANCELED. */
enum status object_store_look_again(struct object_store *store, struct error *err) MUST_CHECK;

/* Is there no such object? True if the store says so twice, the second time after a second look. */
enum status object_store_is_gone(struct object_store *store, const char *name, bool *ret_gone,
                                 struct error *err) MUST_CHECK;

/* Is it still the place that was opened? A directory may have been unmounted or replaced since, and
 * what was written to the old one is no backup: UNAVAILABLE. A server is asked with each request
 * anyway. */
enum status object_store_check_place(struct object_store *store, struct error *err) MUST_CHECK;

/* Deleting what is not there is success. */
enum status object_store_delete(struct object_store *store, const char *name, struct error *err)
    MUST_CHECK;

/* Calls once per object below `prefix` ("data/" …), in no order, with its name behind the prefix; a
 * prefix that does not exist has no objects. Temporary files are not objects, nor is what begins
 * with '.' or lies in a directory that does: file servers and desktops keep things of their own
 * there. A failing callback ends the listing with its status. */
enum status object_store_list(struct object_store *store, const char *prefix, object_seen_fn *seen,
                              void *context, struct error *err) MUST_CHECK;

#endif
