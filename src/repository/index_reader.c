#include "core/array.h"
#include "core/cleanup.h"
#include "core/hex.h"
#include "crypto.h"
#include "index_file.h"
#include "json_scanner.h"

#include <stdlib.h>
#include <string.h>

static enum status read_id(struct json_scanner *scanner, struct blob_id *ret_id, struct error *err)
{
    struct json_slice slice;
    char text[BLOB_ID_TEXT_SIZE];
    if (json_scan_string(scanner, &slice, err) != STATUS_OK)
        return error_status(err);
    if (slice.len != sizeof(text) - 1)
        return json_scan_fail(scanner, "an id of 64 digits is expected", err);
    memcpy(text, slice.at, slice.len);
    text[slice.len] = '\0';
    if (!hex_decode(text, ret_id->bytes, BLOB_ID_BYTES))
        return json_scan_fail(scanner, "an id of 64 digits is expected", err);
    return STATUS_OK;
}

enum { INDEX_PACKS_MAX = 1 << 24 }; /* of one file: far more than any has */

/* What an entry has shown of itself. */
enum { SEEN_ID = 1, SEEN_TYPE = 2, SEEN_LENGTH = 4, SEEN_ALL = 7 };

struct parsed_blob {
    struct blob_entry entry;
    enum blob_type type;
    unsigned seen;
};

static enum status read_type(struct json_scanner *scanner, enum blob_type *ret_type,
                             struct error *err)
{
    struct json_slice slice;
    if (json_scan_string(scanner, &slice, err) != STATUS_OK)
        return error_status(err);
    if (!json_slice_is(&slice, "data") && !json_slice_is(&slice, "tree"))
        return json_scan_fail(scanner, "a blob of unknown type", err);
    *ret_type = json_slice_is(&slice, "tree") ? BLOB_TREE : BLOB_DATA;
    return STATUS_OK;
}

static enum status read_u32(struct json_scanner *scanner, uint32_t *ret_number, struct error *err)
{
    uint64_t number = 0;
    if (json_scan_number(scanner, UINT32_MAX, &number, err) != STATUS_OK)
        return error_status(err);
    *ret_number = (uint32_t)number;
    return STATUS_OK;
}

static enum status read_blob_member(struct json_scanner *scanner, const struct json_slice *key,
                                    struct parsed_blob *blob, struct error *err)
{
    if (json_slice_is(key, "id")) {
        blob->seen |= SEEN_ID;
        return read_id(scanner, &blob->entry.id, err);
    }
    if (json_slice_is(key, "type")) {
        blob->seen |= SEEN_TYPE;
        return read_type(scanner, &blob->type, err);
    }
    if (json_slice_is(key, "length")) {
        blob->seen |= SEEN_LENGTH;
        return read_u32(scanner, &blob->entry.length, err);
    }
    if (json_slice_is(key, "offset"))
        return read_u32(scanner, &blob->entry.offset, err);
    if (json_slice_is(key, "uncompressed_length"))
        return read_u32(scanner, &blob->entry.plain_length, err);
    return json_scan_skip(scanner, err);
}

/* A list whose elements are read one by one; null is an empty one. */
typedef enum status element_fn(struct json_scanner *scanner, struct index_part *part,
                               struct error *err);

static enum status read_list(struct json_scanner *scanner, element_fn *read,
                             struct index_part *part, struct error *err)
{
    bool first = true;
    bool more = true;
    if (json_scan_null(scanner))
        return STATUS_OK;
    if (json_scan_char(scanner, '[', err) != STATUS_OK ||
        json_scan_element(scanner, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read(scanner, part, err) != STATUS_OK ||
            json_scan_element(scanner, &first, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status add_entry(struct index_part *part, const struct blob_entry *entry,
                             struct error *err)
{
    if (array_reserve(&part->entries, &part->entry_capacity, part->entry_count + 1,
                      sizeof(*part->entries), err) != STATUS_OK)
        return FAIL_IN(err, "the blobs of an index file");
    part->entries[part->entry_count++] = *entry;
    return STATUS_OK;
}

static enum status add_pack(struct index_part *part, struct error *err)
{
    if (array_reserve(&part->packs, &part->pack_capacity, part->pack_count + 1,
                      sizeof(*part->packs), err) != STATUS_OK)
        return FAIL_IN(err, "the packs of an index file");
    part->packs[part->pack_count++] = (struct blob_id){{0}};
    return STATUS_OK;
}

/* Into the part's last pack. */
static enum status read_blob(struct json_scanner *scanner, struct index_part *part,
                             struct error *err)
{
    struct parsed_blob blob = {.seen = 0};
    struct json_slice key;
    bool first = true;
    bool more = true;
    if (json_scan_char(scanner, '{', err) != STATUS_OK ||
        json_scan_member(scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read_blob_member(scanner, &key, &blob, err) != STATUS_OK ||
            json_scan_member(scanner, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    if (blob.seen != SEEN_ALL || blob.entry.length < SEAL_OVERHEAD ||
        blob.entry.length > UINT32_MAX - blob.entry.offset)
        return json_scan_fail(scanner, "a blob that cannot be", err);
    if (part->pack_count > INDEX_PACKS_MAX)
        return json_scan_fail(scanner, "too many packs", err);
    blob.entry.pack_and_type = (uint32_t)(part->pack_count - 1) << 1 | (uint32_t)blob.type;
    return add_entry(part, &blob.entry, err);
}

static enum status read_pack(struct json_scanner *scanner, struct index_part *part,
                             struct error *err)
{
    struct json_slice key;
    bool first = true;
    bool more = true;
    bool has_id = false;
    if (add_pack(part, err) != STATUS_OK || json_scan_char(scanner, '{', err) != STATUS_OK ||
        json_scan_member(scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        enum status status = STATUS_OK;
        if (json_slice_is(&key, "id")) {
            has_id = true;
            status = read_id(scanner, &part->packs[part->pack_count - 1], err);
        } else if (json_slice_is(&key, "blobs")) {
            status = read_list(scanner, read_blob, part, err);
        } else {
            status = json_scan_skip(scanner, err);
        }
        if (status != STATUS_OK || json_scan_member(scanner, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    if (!has_id)
        return json_scan_fail(scanner, "a pack without id", err);
    return STATUS_OK;
}

enum status index_part_read(struct index_part *part, const void *text, size_t len,
                            struct error *err)
{
    struct json_scanner scanner;
    struct json_slice key;
    bool first = true;
    bool more = true;
    part->pack_count = 0;
    part->entry_count = 0;
    json_scanner_init(&scanner, text, len);
    if (json_scan_peek(&scanner) == '[')
        return FAIL(err, STATUS_UNSUPPORTED, "an index of restic before 0.2");
    if (json_scan_char(&scanner, '{', err) != STATUS_OK ||
        json_scan_member(&scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        enum status status = json_slice_is(&key, "packs")
                                 ? read_list(&scanner, read_pack, part, err)
                                 : json_scan_skip(&scanner, err);
        if (status != STATUS_OK ||
            json_scan_member(&scanner, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return json_scan_end(&scanner, err);
}

void index_part_done(struct index_part *part)
{
    free(part->packs);
    free(part->entries);
    *part = (struct index_part){0};
}

enum status index_part_add_to(const struct index_part *part, struct blob_index *index,
                              struct error *err)
{
    uint32_t base = 0;
    uint32_t number = 0;
    for (size_t i = 0; i < part->pack_count; i++) {
        if (blob_index_add_pack(index, &number, err) != STATUS_OK)
            return error_status(err);
        index->packs[number] = part->packs[i];
        base = i == 0 ? number : base;
    }
    for (size_t i = 0; i < part->entry_count; i++) {
        struct blob_entry entry = part->entries[i];
        entry.pack_and_type += base << 1;
        if (blob_index_add(index, &entry, &number, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status index_file_read(const void *text, size_t len, struct blob_index *index,
                            struct error *err)
{
    CLEANUP(index_part_done) struct index_part part = {0};
    if (index_part_read(&part, text, len, err) != STATUS_OK)
        return error_status(err);
    return index_part_add_to(&part, index, err);
}
