#include "core/hex.h"
#include "crypto.h"
#include "index_file.h"
#include "json_scanner.h"

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

static enum status read_blob(struct json_scanner *scanner, uint32_t pack, struct blob_index *index,
                             struct error *err)
{
    struct parsed_blob blob = {.seen = 0};
    struct json_slice key;
    bool first = true;
    bool more = true;
    uint32_t ignored = 0;
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
    blob.entry.pack_and_type = pack << 1 | (uint32_t)blob.type;
    return blob_index_add(index, &blob.entry, &ignored, err);
}

static enum status read_blobs(struct json_scanner *scanner, uint32_t pack, struct blob_index *index,
                              struct error *err)
{
    bool first = true;
    bool more = true;
    if (json_scan_null(scanner))
        return STATUS_OK;
    if (json_scan_char(scanner, '[', err) != STATUS_OK ||
        json_scan_element(scanner, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read_blob(scanner, pack, index, err) != STATUS_OK ||
            json_scan_element(scanner, &first, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_pack(struct json_scanner *scanner, struct blob_index *index,
                             struct error *err)
{
    struct json_slice key;
    bool first = true;
    bool more = true;
    bool has_id = false;
    uint32_t pack = 0;
    if (blob_index_add_pack(index, &pack, err) != STATUS_OK ||
        json_scan_char(scanner, '{', err) != STATUS_OK ||
        json_scan_member(scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        enum status status = STATUS_OK;
        if (json_slice_is(&key, "id")) {
            has_id = true;
            status = read_id(scanner, &index->packs[pack], err);
        } else if (json_slice_is(&key, "blobs")) {
            status = read_blobs(scanner, pack, index, err);
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

static enum status read_packs(struct json_scanner *scanner, struct blob_index *index,
                              struct error *err)
{
    bool first = true;
    bool more = true;
    if (json_scan_null(scanner))
        return STATUS_OK;
    if (json_scan_char(scanner, '[', err) != STATUS_OK ||
        json_scan_element(scanner, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read_pack(scanner, index, err) != STATUS_OK ||
            json_scan_element(scanner, &first, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status index_file_read(const void *text, size_t len, struct blob_index *index,
                            struct error *err)
{
    struct json_scanner scanner;
    struct json_slice key;
    bool first = true;
    bool more = true;
    json_scanner_init(&scanner, text, len);
    if (json_scan_peek(&scanner) == '[')
        return FAIL(err, STATUS_UNSUPPORTED, "an index of restic before 0.2");
    if (json_scan_char(&scanner, '{', err) != STATUS_OK ||
        json_scan_member(&scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        enum status status = json_slice_is(&key, "packs") ? read_packs(&scanner, index, err)
                                                          : json_scan_skip(&scanner, err);
        if (status != STATUS_OK ||
            json_scan_member(&scanner, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return json_scan_end(&scanner, err);
}
