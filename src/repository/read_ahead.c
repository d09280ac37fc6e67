#include "read_ahead.h"

#include "core/cleanup.h"
#include "object_names.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1024 * 1024, BLOCKS = 8 };

/* Bytes of a pack from a multiple of BLOCK_BYTES on; more than that if a blob goes beyond. */
struct block {
    struct blob_id pack;
    uint64_t pack_bytes;
    uint64_t from;
    unsigned char *bytes;
    size_t len;    /* 0: empty */
    uint64_t used; /* the clock, when last */
};

struct read_ahead {
    struct object_store *store; /* borrowed */
    struct block blocks[BLOCKS];
    uint64_t clock;
};

struct read_ahead *read_ahead_new(struct object_store *store)
{
    struct read_ahead *ahead = calloc(1, sizeof(*ahead));
    if (ahead != NULL)
        ahead->store = store;
    return ahead;
}

void read_ahead_free(struct read_ahead *ahead)
{
    for (size_t i = 0; ahead != NULL && i < BLOCKS; i++)
        free(ahead->blocks[i].bytes);
    free(ahead);
}

static bool is_of(const struct block *block, const struct blob_id *pack)
{
    return block->len > 0 && memcmp(&block->pack, pack, sizeof(*pack)) == 0;
}

static struct block *find(struct read_ahead *ahead, const struct blob_id *pack, uint64_t offset,
                          size_t len)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        struct block *block = &ahead->blocks[i];
        if (is_of(block, pack) && block->from <= offset && offset + len <= block->from + block->len)
            return block;
    }
    return NULL;
}

static struct block *oldest(struct read_ahead *ahead)
{
    struct block *oldest = &ahead->blocks[0];
    for (size_t i = 1; i < BLOCKS; i++)
        if (ahead->blocks[i].used < oldest->used)
            oldest = &ahead->blocks[i];
    return oldest;
}

static enum status size_of(const struct read_ahead *ahead, const struct blob_id *pack,
                           uint64_t *ret_bytes, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    for (size_t i = 0; i < BLOCKS; i++) {
        if (is_of(&ahead->blocks[i], pack)) {
            *ret_bytes = ahead->blocks[i].pack_bytes;
            return STATUS_OK;
        }
    }
    pack_path(path, pack);
    return object_store_size(ahead->store, path, ret_bytes, err);
}

static enum status fill(struct block *block, struct object_store *store, uint64_t offset,
                        size_t len, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    uint64_t end = offset + len;
    block->from = offset / BLOCK_BYTES * BLOCK_BYTES;
    uint64_t block_end = block->from + BLOCK_BYTES;
    block_end = block_end < block->pack_bytes ? block_end : block->pack_bytes;
    end = end > block_end ? end : block_end;
    size_t wanted = (size_t)(end - block->from);
    unsigned char *bytes = realloc(block->bytes, wanted);
    if (bytes == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu bytes of a pack", wanted);
    block->bytes = bytes;
    pack_path(path, &block->pack);
    if (object_store_get_range(store, path, block->from, wanted, bytes, err) != STATUS_OK)
        return error_status(err);
    block->len = wanted;
    return STATUS_OK;
}

enum status read_ahead_get(struct read_ahead *ahead, const struct blob_id *pack, uint64_t offset,
                           size_t len, void *bytes, struct error *err)
{
    struct block *block = find(ahead, pack, offset, len);
    if (block == NULL) {
        uint64_t pack_bytes = 0;
        if (size_of(ahead, pack, &pack_bytes, err) != STATUS_OK)
            return error_status(err);
        block = oldest(ahead);
        block->len = 0;
        block->pack = *pack;
        block->pack_bytes = pack_bytes;
        if (fill(block, ahead->store, offset, len, err) != STATUS_OK)
            return error_status(err);
    }
    block->used = ++ahead->clock;
    memcpy(bytes, block->bytes + (offset - block->from), len);
    return STATUS_OK;
}

void read_ahead_forget(struct read_ahead *ahead, const struct blob_id *pack)
{
    for (size_t i = 0; i < BLOCKS; i++)
        if (is_of(&ahead->blocks[i], pack))
            ahead->blocks[i].len = 0;
}
