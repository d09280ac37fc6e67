#include "odd_store.h"

#include "src/bucket/object_store_driver.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static bool happens(struct odd_store *odd, enum odd_kind kind, const char *name)
{
    if (odd->odd[kind].times == 0 || strstr(name, odd->odd[kind].part) == NULL)
        return false;
    odd->odd[kind].times--;
    return true;
}

static enum status not_there(struct error *err)
{
    return FAIL(err, STATUS_NOT_FOUND, "the store has no such object");
}

static void damage(void *bytes, size_t len)
{
    if (len > 0)
        ((unsigned char *)bytes)[len / 2] ^= 1;
}

static enum status odd_put(void *self, const char *name, const struct object_part *parts,
                           size_t part_count, enum put_mode mode, struct error *err)
{
    struct odd_store *odd = self;
    return mode == PUT_NEW ? object_store_put_new(odd->inner, name, parts, part_count, err)
                           : object_store_put(odd->inner, name, parts, part_count, err);
}

static enum status odd_get(void *self, const char *name, struct buffer *buffer, struct error *err)
{
    struct odd_store *odd = self;
    size_t before = buffer->len;
    if (happens(odd, ODD_ABSENT, name))
        return not_there(err);
    if (object_store_get(odd->inner, name, buffer, err) != STATUS_OK)
        return error_status(err);
    if (happens(odd, ODD_DAMAGED, name))
        damage(buffer->bytes + before, buffer->len - before);
    if (happens(odd, ODD_EMPTY, name))
        buffer->len = before;
    return STATUS_OK;
}

static enum status odd_get_range(void *self, const char *name, uint64_t offset, size_t len,
                                 void *bytes, struct error *err)
{
    struct odd_store *odd = self;
    if (happens(odd, ODD_ABSENT, name))
        return not_there(err);
    if (happens(odd, ODD_SHORT, name))
        return FAIL(err, STATUS_CORRUPT, "too short");
    if (object_store_get_range(odd->inner, name, offset, len, bytes, err) != STATUS_OK)
        return error_status(err);
    if (happens(odd, ODD_DAMAGED, name))
        damage(bytes, len);
    return STATUS_OK;
}

static enum status odd_size(void *self, const char *name, uint64_t *ret_size, struct error *err)
{
    struct odd_store *odd = self;
    if (happens(odd, ODD_ABSENT, name))
        return not_there(err);
    return object_store_size(odd->inner, name, ret_size, err);
}

static enum status odd_remove(void *self, const char *name, struct error *err)
{
    struct odd_store *odd = self;
    return object_store_delete(odd->inner, name, err);
}

static enum status odd_look_again(void *self, struct error *err)
{
    struct odd_store *odd = self;
    odd->looks++;
    return object_store_look_again(odd->inner, err);
}

static enum status odd_check_place(void *self, struct error *err)
{
    struct odd_store *odd = self;
    return object_store_check_place(odd->inner, err);
}

struct listing {
    object_seen_fn *seen;
    void *context;
    bool hides_sizes, has_zeros;
};

static enum status on_object(void *context, const char *base_name, uint64_t size, struct error *err)
{
    const struct listing *listing = context;
    if (listing->hides_sizes)
        size = OBJECT_SIZE_UNKNOWN;
    return listing->seen(listing->context, base_name, listing->has_zeros ? 0 : size, err);
}

static enum status odd_list(void *self, const char *prefix, object_seen_fn *seen, void *context,
                            struct error *err)
{
    struct odd_store *odd = self;
    struct listing listing = {.seen = seen, .context = context};
    if (happens(odd, ODD_LIST_EMPTY, prefix))
        return STATUS_OK;
    listing.hides_sizes = happens(odd, ODD_LIST_SIZES, prefix);
    listing.has_zeros = happens(odd, ODD_LIST_ZEROS, prefix);
    return object_store_list(odd->inner, prefix, on_object, &listing, err);
}

static void odd_close(void *self)
{
    (void)self; /* the test's own */
}

static const struct object_store_driver odd_driver = {
    .put = odd_put,
    .get = odd_get,
    .get_range = odd_get_range,
    .size = odd_size,
    .remove = odd_remove,
    .look_again = odd_look_again,
    .check_place = odd_check_place,
    .list = odd_list,
    .close = odd_close,
};

void odd_store_open(struct odd_store *odd, struct object_store *inner,
                    struct object_store **ret_store)
{
    struct error err = {0};
    *odd = (struct odd_store){.inner = inner};
    cr_assert(
        eq(int, (int)object_store_new("odd", &odd_driver, odd, ret_store, &err), (int)STATUS_OK));
}

void odd_store_set(struct odd_store *odd, enum odd_kind kind, const char *part, int times)
{
    odd->odd[kind].part = part;
    odd->odd[kind].times = times;
}
