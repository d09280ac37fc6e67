/*
 * Blob index: which pack holds a blob, and where. 48 bytes a blob in segments that never move, and
 * a table of 4-byte slots (open addressing, at most three quarters full) that finds them: 53 to 59
 * bytes a blob, whatever the repository's size.
 *
 * Entries and packs are known by number, in the order in which they came.
 */
#ifndef REPOSITORY_BLOB_INDEX_H
#define REPOSITORY_BLOB_INDEX_H

#include "core/error.h"
#include "repository/blob_id.h"

#include <stddef.h>
#include <stdint.h>

struct blob_entry {
    struct blob_id id;
    uint32_t pack_and_type; /* pack number << 1 | type */
    uint32_t offset;        /* in the pack */
    uint32_t length;        /* sealed */
    uint32_t plain_length;  /* 0: stored uncompressed, length - 32 bytes of plaintext */
};

struct blob_index {
    struct blob_entry **segments;
    size_t count;          /* entries */
    uint32_t *slots;       /* entry number + 1; 0: free */
    size_t slot_count;     /* a power of two, or 0 */
    uint64_t seed;         /* odd; random, so that chosen ids cannot be made to collide */
    struct blob_id *packs; /* ids; all zero while a pack is still being filled */
    size_t pack_count, pack_capacity;
};

enum status blob_index_init(struct blob_index *index, struct error *err) MUST_CHECK;
void blob_index_done(struct blob_index *index);
void blob_index_clear(struct blob_index *index);

static inline enum blob_type blob_entry_type(const struct blob_entry *entry)
{
    return (enum blob_type)(entry->pack_and_type & 1);
}

static inline uint32_t blob_entry_pack(const struct blob_entry *entry)
{
    return entry->pack_and_type >> 1;
}

/* NULL: not known. */
const struct blob_entry *blob_index_find(const struct blob_index *index, enum blob_type type,
                                         const struct blob_id *id);
struct blob_entry *blob_index_entry(const struct blob_index *index, size_t number);

/* Copies. Of two entries for one blob the first stays: *ret_number is then that one's. */
enum status blob_index_add(struct blob_index *index, const struct blob_entry *entry,
                           uint32_t *ret_number, struct error *err) MUST_CHECK;

enum status blob_index_add_pack(struct blob_index *index, uint32_t *ret_pack, struct error *err)
    MUST_CHECK;

#endif
