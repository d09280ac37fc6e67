#include "pack.h"

#include "crypto.h"

#include <string.h>

/* type byte: bit 0 tree, bit 1 compressed */
enum { TYPE_TREE = 1, TYPE_COMPRESSED = 2, TYPE_MAX = 3, PLAIN_ENTRY_BYTES = 37 };

void pack_put_u32(unsigned char bytes[4], uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t get_u32(const unsigned char bytes[4])
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

unsigned char *pack_header_write(unsigned char *to, const struct blob_entry *entry)
{
    bool compressed = entry->plain_length > 0;
    *to++ = (unsigned char)((unsigned)blob_entry_type(entry) | (compressed ? TYPE_COMPRESSED : 0u));
    pack_put_u32(to, entry->length);
    to += 4;
    if (compressed) {
        pack_put_u32(to, entry->plain_length);
        to += 4;
    }
    memcpy(to, entry->id.bytes, BLOB_ID_BYTES);
    return to + BLOB_ID_BYTES;
}

enum status pack_header_read(const void *header, size_t len, pack_entry_fn *seen, void *context,
                             struct error *err)
{
    const unsigned char *at = header;
    uint64_t offset = 0;
    while (len > 0) {
        unsigned char type = at[0];
        bool compressed = (type & TYPE_COMPRESSED) != 0;
        size_t size = compressed ? PACK_HEADER_ENTRY_MAX : PLAIN_ENTRY_BYTES;
        if (type > TYPE_MAX || len < size)
            return FAIL(err, STATUS_CORRUPT, "pack header: not an entry");
        struct blob_entry entry = {.offset = (uint32_t)offset, .length = get_u32(at + 1)};
        if (compressed)
            entry.plain_length = get_u32(at + 5);
        memcpy(entry.id.bytes, at + size - BLOB_ID_BYTES, BLOB_ID_BYTES);
        offset += entry.length;
        if (entry.length < SEAL_OVERHEAD || offset > UINT32_MAX)
            return FAIL(err, STATUS_CORRUPT, "pack header: a blob of %u bytes", entry.length);
        if (seen(context, (type & TYPE_TREE) != 0 ? BLOB_TREE : BLOB_DATA, &entry, err) !=
            STATUS_OK)
            return error_status(err);
        at += size;
        len -= size;
    }
    return STATUS_OK;
}
