/*
 * What a driver of the object store fills in. The front (object_store.c) has checked the names
 * and puts bucket and object in front of every error: a driver says only what went wrong.
 *
 * All functions are required and keep the promises of bucket/object_store.h: puts are atomic and
 * durable, deleting what is not there succeeds, one driver may be used by several threads.
 */
#ifndef BUCKET_OBJECT_STORE_DRIVER_H
#define BUCKET_OBJECT_STORE_DRIVER_H

#include "bucket/object.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OBJECT_NAME_MAX = 512 };

enum put_mode { PUT_REPLACE, PUT_NEW /* CONFLICT if it is there */ };

struct object_store_driver {
    enum status (*put)(void *self, const char *name, const struct object_part *parts,
                       size_t part_count, enum put_mode mode, struct error *err);
    enum status (*get)(void *self, const char *name, struct buffer *buffer, struct error *err);
    enum status (*get_range)(void *self, const char *name, uint64_t offset, size_t len, void *bytes,
                             struct error *err);
    enum status (*size)(void *self, const char *name, uint64_t *ret_size, struct error *err);
    enum status (*remove)(void *self, const char *name, struct error *err);
    enum status (*look_again)(void *self, struct error *err);
    enum status (*check_place)(void *self, struct error *err);
    /* prefix is "" or ends with '/' */
    enum status (*list)(void *self, const char *prefix, object_seen_fn *seen, void *context,
                        struct error *err);
    void (*close)(void *self);
};

struct object_store;

/* Takes `self`, also on failure. The driver's table must be static. */
enum status object_store_new(const char *bucket, const struct object_store_driver *driver,
                             void *self, struct object_store **ret_store, struct error *err)
    MUST_CHECK;

/* One segment of a name: [a-zA-Z0-9._-]+ but "." and "..". */
bool object_segment_is_valid(const char *segment, size_t len);
/* May a listing show it? It has an object's name, and no part of it is hidden, as ".snapshot" is. */
bool object_name_is_shown(const char *name);
bool object_name_is_valid(const char *name);

#endif
