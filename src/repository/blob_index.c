#include "blob_index.h"

#include "core/array.h"
#include "crypto.h"

#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_ENTRIES = 16 * 1024,
    FIRST_SLOTS = 1024,
    PACKS_MAX = 1 << 30 /* what is left of 32 bits beside the type, with room to spare */
};

static const size_t entries_max = UINT32_MAX - 1;

enum status blob_index_init(struct blob_index *index, struct error *err)
{
    memset(index, 0, sizeof(*index));
    if (crypto_random(&index->seed, sizeof(index->seed), err) != STATUS_OK)
        return error_status(err);
    index->seed |= 1;
    return STATUS_OK;
}

void blob_index_clear(struct blob_index *index)
{
    for (size_t i = 0; i * SEGMENT_ENTRIES < index->count; i++)
        free(index->segments[i]);
    free(index->segments);
    free(index->slots);
    free(index->packs);
    *index = (struct blob_index){.seed = index->seed};
}

void blob_index_done(struct blob_index *index)
{
    blob_index_clear(index);
}

struct blob_entry *blob_index_entry(const struct blob_index *index, size_t number)
{
    return &index->segments[number / SEGMENT_ENTRIES][number % SEGMENT_ENTRIES];
}

static size_t slot_of(const struct blob_index *index, enum blob_type type, const struct blob_id *id)
{
    uint64_t key = 0;
    memcpy(&key, id->bytes, sizeof(key)); /* ids are hashes: any eight bytes will do */
    key = (key ^ (uint64_t)type) * index->seed;
    return (size_t)((key ^ key >> 32) & (index->slot_count - 1));
}

/* The slot that holds the blob, or the free one where it would go. */
static size_t find_slot(const struct blob_index *index, enum blob_type type,
                        const struct blob_id *id)
{
    size_t slot = slot_of(index, type, id);
    while (index->slots[slot] != 0) {
        const struct blob_entry *entry = blob_index_entry(index, index->slots[slot] - 1);
        if (memcmp(&entry->id, id, sizeof(*id)) == 0 && blob_entry_type(entry) == type)
            break;
        slot = (slot + 1) & (index->slot_count - 1);
    }
    return slot;
}

const struct blob_entry *blob_index_find(const struct blob_index *index, enum blob_type type,
                                         const struct blob_id *id)
{
    if (index->slot_count == 0)
        return NULL;
    uint32_t found = index->slots[find_slot(index, type, id)];
    return found == 0 ? NULL : blob_index_entry(index, found - 1);
}

/* Keeps a quarter of the slots free. */
static enum status make_slots(struct blob_index *index, struct error *err)
{
    if (index->count < index->slot_count / 4 * 3)
        return STATUS_OK;
    size_t slot_count = index->slot_count == 0 ? FIRST_SLOTS : index->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "an index of %zu blobs", index->count);
    free(index->slots);
    index->slots = slots;
    index->slot_count = slot_count;
    for (size_t i = 0; i < index->count; i++) {
        const struct blob_entry *entry = blob_index_entry(index, i);
        slots[find_slot(index, blob_entry_type(entry), &entry->id)] = (uint32_t)i + 1;
    }
    return STATUS_OK;
}

static enum status make_segment(struct blob_index *index, struct error *err)
{
    if (index->count % SEGMENT_ENTRIES != 0)
        return STATUS_OK;
    size_t segment = index->count / SEGMENT_ENTRIES;
    struct blob_entry **segments =
        reallocarray(index->segments, segment + 1,
                     sizeof(struct blob_entry *)); /* NOLINT(bugprone-sizeof-expression) */
    if (segments == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "an index of %zu blobs", index->count);
    index->segments = segments;
    segments[segment] = malloc(SEGMENT_ENTRIES * sizeof(**segments));
    if (segments[segment] == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "an index of %zu blobs", index->count);
    return STATUS_OK;
}

enum status blob_index_add(struct blob_index *index, const struct blob_entry *entry,
                           uint32_t *ret_number, struct error *err)
{
    if (index->count >= entries_max)
        return FAIL(err, STATUS_TOO_LARGE, "more than %zu blobs", entries_max);
    if (make_slots(index, err) != STATUS_OK)
        return error_status(err);
    size_t slot = find_slot(index, blob_entry_type(entry), &entry->id);
    if (index->slots[slot] != 0) {
        *ret_number = index->slots[slot] - 1;
        return STATUS_OK;
    }
    if (make_segment(index, err) != STATUS_OK)
        return error_status(err);
    *blob_index_entry(index, index->count) = *entry;
    *ret_number = (uint32_t)index->count++;
    index->slots[slot] = *ret_number + 1;
    return STATUS_OK;
}

enum status blob_index_add_pack(struct blob_index *index, uint32_t *ret_pack, struct error *err)
{
    if (index->pack_count == PACKS_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "more than %d packs", PACKS_MAX);
    if (array_reserve(&index->packs, &index->pack_capacity, index->pack_count + 1,
                      sizeof(*index->packs), err) != STATUS_OK)
        return FAIL_IN(err, "the packs of an index");
    memset(&index->packs[index->pack_count], 0, sizeof(*index->packs));
    *ret_pack = (uint32_t)index->pack_count++;
    return STATUS_OK;
}
