#include "core/hex.h"
#include "index_file.h"

#include <stdio.h>
#include <string.h>

static enum status add_text(struct text_stream *stream, const char *text, struct error *err)
{
    return text_stream_add(stream, text, strlen(text), err);
}

static enum status write_blob(const struct blob_entry *entry, bool first,
                              struct text_stream *stream, struct error *err)
{
    char id[BLOB_ID_TEXT_SIZE];
    char plain[48] = "";
    char text[256];
    blob_id_to_text(&entry->id, id);
    if (entry->plain_length > 0)
        (void)snprintf(plain, sizeof(plain), ",\"uncompressed_length\":%u", entry->plain_length);
    int len = snprintf(text, sizeof(text),
                       "%s{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%u,\"length\":%u%s}",
                       first ? "" : ",", id, blob_entry_type(entry) == BLOB_TREE ? "tree" : "data",
                       entry->offset, entry->length, plain);
    return text_stream_add(stream, text, (size_t)len, err);
}

static enum status write_pack(const struct index_pack *pack, bool first, struct text_stream *stream,
                              struct error *err)
{
    char id[BLOB_ID_TEXT_SIZE];
    char text[128];
    blob_id_to_text(&pack->id, id);
    (void)snprintf(text, sizeof(text), "%s{\"id\":\"%s\",\"blobs\":[", first ? "" : ",", id);
    if (add_text(stream, text, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < pack->count; i++)
        if (write_blob(pack->entries[i], i == 0, stream, err) != STATUS_OK)
            return error_status(err);
    return add_text(stream, "]}", err);
}

enum status index_file_write(const struct index_pack *packs, size_t count,
                             struct text_stream *stream, struct error *err)
{
    if (add_text(stream, "{\"packs\":[", err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++)
        if (write_pack(&packs[i], i == 0, stream, err) != STATUS_OK)
            return error_status(err);
    return add_text(stream, "]}\n", err);
}
