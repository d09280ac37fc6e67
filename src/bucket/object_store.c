#include "bucket/object_store.h"

#include "object_store_driver.h"

#include <stdlib.h>
#include <string.h>

struct object_store {
    const struct object_store_driver *driver;
    void *self;
    struct bandwidth *bandwidth; /* NULL: none, or the driver's business */
    const struct cancel *cancel;
    char bucket[];
};

enum status object_store_new(const char *bucket, const struct object_store_driver *driver,
                             void *self, struct object_store **ret_store, struct error *err)
{
    size_t size = strlen(bucket) + 1;
    struct object_store *store = malloc(sizeof(*store) + size);
    if (store == NULL) {
        driver->close(self);
        return FAIL(err, STATUS_NO_MEMORY, "bucket '%s'", bucket);
    }
    store->driver = driver;
    store->self = self;
    store->bandwidth = NULL;
    store->cancel = NULL;
    memcpy(store->bucket, bucket, size);
    *ret_store = store;
    return STATUS_OK;
}

void object_store_close(struct object_store *store)
{
    if (store == NULL)
        return;
    store->driver->close(store->self);
    free(store);
}

void object_store_set_bandwidth(struct object_store *store, struct bandwidth *bandwidth,
                                const struct cancel *cancel)
{
    store->bandwidth = bandwidth;
    store->cancel = cancel;
}

static void wait_for(const struct object_store *store, enum bandwidth_way way, size_t bytes)
{
    int64_t waited_ms = 0;
    while (store->bandwidth != NULL && bytes > 0)
        bytes -= bandwidth_take(store->bandwidth, way, bytes, store->cancel, &waited_ms);
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool object_segment_is_valid(const char *segment, size_t len)
{
    if (len == 0 || (len == 1 && segment[0] == '.') ||
        (len == 2 && segment[0] == '.' && segment[1] == '.'))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_character(segment[i]))
            return false;
    return true;
}

bool object_name_is_valid(const char *name)
{
    if (strlen(name) > OBJECT_NAME_MAX)
        return false;
    for (const char *segment = name;;) {
        const char *end = strchrnul(segment, '/');
        if (!object_segment_is_valid(segment, (size_t)(end - segment)))
            return false;
        if (*end == '\0')
            return true;
        segment = end + 1;
    }
}

bool object_name_is_shown(const char *name)
{
    return object_name_is_valid(name) && name[0] != '.' && strstr(name, "/.") == NULL;
}

static enum status check_name(const char *name, struct error *err)
{
    if (!object_name_is_valid(name))
        return FAIL(err, STATUS_INVALID, "not an object name");
    return STATUS_OK;
}

static enum status put(struct object_store *store, const char *name,
                       const struct object_part *parts, size_t part_count, enum put_mode mode,
                       struct error *err)
{
    for (size_t i = 0; i < part_count; i++)
        wait_for(store, BANDWIDTH_UPLOAD, parts[i].len);
    if (check_name(name, err) != STATUS_OK ||
        store->driver->put(store->self, name, parts, part_count, mode, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s': put '%s'", store->bucket, name);
    return STATUS_OK;
}

enum status object_store_put(struct object_store *store, const char *name,
                             const struct object_part *parts, size_t part_count, struct error *err)
{
    return put(store, name, parts, part_count, PUT_REPLACE, err);
}

enum status object_store_put_new(struct object_store *store, const char *name,
                                 const struct object_part *parts, size_t part_count,
                                 struct error *err)
{
    return put(store, name, parts, part_count, PUT_NEW, err);
}

enum status object_store_get(struct object_store *store, const char *name, struct buffer *buffer,
                             struct error *err)
{
    size_t before = buffer->len;
    if (check_name(name, err) != STATUS_OK ||
        store->driver->get(store->self, name, buffer, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s': get '%s'", store->bucket, name);
    wait_for(store, BANDWIDTH_DOWNLOAD, buffer->len - before);
    return STATUS_OK;
}

enum status object_store_get_range(struct object_store *store, const char *name, uint64_t offset,
                                   size_t len, void *bytes, struct error *err)
{
    if (check_name(name, err) != STATUS_OK ||
        store->driver->get_range(store->self, name, offset, len, bytes, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s': get '%s'", store->bucket, name);
    wait_for(store, BANDWIDTH_DOWNLOAD, len);
    return STATUS_OK;
}

enum status object_store_size(struct object_store *store, const char *name, uint64_t *ret_size,
                              struct error *err)
{
    if (check_name(name, err) != STATUS_OK ||
        store->driver->size(store->self, name, ret_size, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s': look at '%s'", store->bucket, name);
    return STATUS_OK;
}

enum status object_store_look_again(struct object_store *store, struct error *err)
{
    if (store->driver->look_again(store->self, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s'", store->bucket);
    return STATUS_OK;
}

enum status object_store_check_place(struct object_store *store, struct error *err)
{
    if (store->driver->check_place(store->self, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s'", store->bucket);
    return STATUS_OK;
}

enum status object_store_is_gone(struct object_store *store, const char *name, bool *ret_gone,
                                 struct error *err)
{
    uint64_t size = 0;
    enum status status = object_store_size(store, name, &size, err);
    if (status == STATUS_NOT_FOUND) {
        if (object_store_look_again(store, err) != STATUS_OK)
            return error_status(err);
        status = object_store_size(store, name, &size, err);
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *ret_gone = status == STATUS_NOT_FOUND;
    return STATUS_OK;
}

enum status object_store_delete(struct object_store *store, const char *name, struct error *err)
{
    if (check_name(name, err) != STATUS_OK ||
        store->driver->remove(store->self, name, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s': delete '%s'", store->bucket, name);
    return STATUS_OK;
}

/* "" is everything, "data/" what is below it; part of a segment is not a prefix. */
static enum status check_prefix(const char *prefix, struct error *err)
{
    char name[OBJECT_NAME_MAX + 1];
    size_t len = strlen(prefix);
    if (len == 0)
        return STATUS_OK;
    if (len > OBJECT_NAME_MAX || prefix[len - 1] != '/')
        return FAIL(err, STATUS_INVALID, "not a prefix: it must end with '/'");
    memcpy(name, prefix, len - 1);
    name[len - 1] = '\0';
    return check_name(name, err);
}

/* Failures of the callback are the caller's own: no context is put in front of them. */
struct list_call {
    object_seen_fn *seen;
    void *context;
    bool seen_failed;
};

static enum status on_object(void *context, const char *name, uint64_t size, struct error *err)
{
    struct list_call *call = context;
    enum status status = call->seen(call->context, name, size, err);
    call->seen_failed = status != STATUS_OK;
    return status;
}

enum status object_store_list(struct object_store *store, const char *prefix, object_seen_fn *seen,
                              void *context, struct error *err)
{
    struct list_call call = {.seen = seen, .context = context};
    if (check_prefix(prefix, err) == STATUS_OK &&
        store->driver->list(store->self, prefix, on_object, &call, err) == STATUS_OK)
        return STATUS_OK;
    if (call.seen_failed)
        return error_status(err);
    return FAIL_IN(err, "bucket '%s': list '%s'", store->bucket, prefix);
}
