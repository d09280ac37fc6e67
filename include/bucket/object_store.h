/*
 * Object store: whole objects under names, in a directory today, in S3 tomorrow. A driver fills
 * bucket/object_store_driver.h; users see only this.
 *
 * Names     '/'-separated segments of [a-zA-Z0-9._-], no "." or "..", no leading '/', 1-512 bytes
 * Puts      are atomic and durable: after STATUS_OK the object is there whole, also after a power
 * cut; before, nothing is seen under its name. An object of that name is replaced. Errors NOT_FOUND
 * no such object; FORBIDDEN; NO_SPACE; UNAVAILABLE, TIMEOUT transient; CANCELED. The text names
 * bucket and object. Threads   one handle may be used by several threads.
 */
#ifndef BUCKET_OBJECT_STORE_H
#define BUCKET_OBJECT_STORE_H

#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct object_store;

/* The directory must exist; `prefix` below it ("" for none) is made when something is put. The name
 * is for messages. Caller owns *ret_store. Layout and modes as restic's local backend has them. */
enum status object_store_open_directory(const char *name, const char *path, const char *prefix,
                                        struct object_store **ret_store, struct error *err)
    MUST_CHECK;
void object_store_close(struct object_store *store);
DEFINE_CLEANUP(struct object_store *, object_store_close)

struct object_part {
    const void *bytes;
    size_t len;
};

/* The object is the concatenation of the parts. */
enum status object_store_put(struct object_store *store, const char *name,
                             const struct object_part *parts, size_t part_count, struct error *err)
    MUST_CHECK;

/* The same, but CONFLICT, and nothing changed, if an object of that name is there: of several that
 * try at the same time one succeeds. */
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

/* Deleting what is not there is success. */
enum status object_store_delete(struct object_store *store, const char *name, struct error *err)
    MUST_CHECK;

/* Calls once per object below `prefix` ("data/" …), in no order, with the name's part behind the
 * last
 * '/'; a prefix that does not exist has no objects. Temporary files are not objects. A failing
 * callback ends the listing with its status. */
typedef enum status object_seen_fn(void *context, const char *base_name, uint64_t size,
                                   struct error *err);
enum status object_store_list(struct object_store *store, const char *prefix, object_seen_fn *seen,
                              void *context, struct error *err) MUST_CHECK;

#endif
