#include "repository/chunker.h"
#include "repository_internal.h"

#include <string.h>

static const size_t blob_max = INT32_MAX;

/* Any chunk fits into an open pack, which holds less than PACK_TARGET_BYTES. */
static size_t pack_capacity(void)
{
    return PACK_TARGET_BYTES + sealed_max(CHUNK_MAX_BYTES);
}

enum status repository_check_writable(const struct repository *repository, struct error *err)
{
    if (repository->config.read_only != NULL)
        return FAIL(err, STATUS_UNSUPPORTED, "the repository cannot be written to: %s",
                    repository->config.read_only);
    if (repository->failure.status != STATUS_OK)
        return FAIL_REASON(err, repository->failure.status, repository->failure.reason,
                           "an earlier write failed: %s", repository->failure.text);
    return STATUS_OK;
}

static enum status fail_blob(const struct blob_id *id, struct error *err)
{
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    return FAIL_IN(err, "save blob %s", text);
}

static enum status begin_pack(struct repository *repository, struct open_pack *open,
                              struct error *err)
{
    if (open->bytes == NULL) {
        open->bytes = malloc(pack_capacity());
        open->entries = malloc(PACK_ENTRIES_MAX * sizeof(*open->entries));
        if (open->bytes == NULL || open->entries == NULL) {
            free(open->bytes);
            free(open->entries);
            open->bytes = NULL;
            open->entries = NULL;
            return FAIL(err, STATUS_NO_MEMORY, "a pack");
        }
    }
    if (open->count == 0)
        return blob_index_add_pack(&repository->index, &open->pack, err);
    return STATUS_OK;
}

/* What lies there must read back to the id, before anything refers to it. */
static enum status verify(struct repository *repository, const struct segment *segments,
                          size_t count, const struct blob_id *id, struct error *err)
{
    struct blob_id found = {{0}};
    if (sealer_digest(&repository->sealer, segments, count, 0, found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, id, sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "what was to be stored does not read back the same");
    return STATUS_OK;
}

/* The sealed blob stands at the end of the pack. */
static enum status enter(struct repository *repository, struct open_pack *open, size_t sealed_len,
                         size_t plain_len, const struct blob_id *id, struct error *err)
{
    struct blob_entry entry = {.id = *id,
                               .pack_and_type = open->pack << 1 | (uint32_t)open->type,
                               .offset = (uint32_t)open->len,
                               .length = (uint32_t)sealed_len,
                               .plain_length = (uint32_t)plain_len};
    if (blob_index_add(&repository->index, &entry, &open->entries[open->count], err) != STATUS_OK)
        return error_status(err);
    open->count++;
    open->len += sealed_len;
    if (open->len < PACK_TARGET_BYTES && open->count < PACK_ENTRIES_MAX)
        return STATUS_OK;
    return repository_store_open_pack(repository, open, err);
}

static enum status save_in_pack(struct repository *repository, struct open_pack *open,
                                const void *bytes, size_t len, const struct blob_id *id,
                                struct error *err)
{
    size_t sealed_len = 0;
    if (begin_pack(repository, open, err) != STATUS_OK ||
        sealer_seal(&repository->sealer, bytes, len, open->bytes + open->len, &sealed_len, err) !=
            STATUS_OK)
        return error_status(err);
    struct segment sealed = {.bytes = open->bytes + open->len, .len = sealed_len};
    if (verify(repository, &sealed, 1, id, err) != STATUS_OK)
        return error_status(err);
    return enter(repository, open, sealed_len, len, id, err);
}

static enum status save_alone(struct repository *repository, enum blob_type type,
                              const struct text_stream *stream, size_t len,
                              const struct blob_id *id, struct error *err)
{
    uint32_t pack = 0;
    uint32_t number = 0;
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    if (blob_index_add_pack(&repository->index, &pack, err) != STATUS_OK)
        return error_status(err);
    struct blob_entry entry = {.id = *id,
                               .pack_and_type = pack << 1 | (uint32_t)type,
                               .length = (uint32_t)len,
                               .plain_length = (uint32_t)text_stream_text_len(stream)};
    if (blob_index_add(&repository->index, &entry, &number, err) != STATUS_OK)
        return error_status(err);
    return repository_store_single_pack(repository, number, segments, count, err);
}

static enum status copy_to_pack(struct repository *repository, struct open_pack *open,
                                const struct text_stream *stream, const struct blob_id *id,
                                struct error *err)
{
    if (begin_pack(repository, open, err) != STATUS_OK)
        return error_status(err);
    assert(open->bytes != NULL);
    size_t count = 0;
    size_t len = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    for (size_t i = 0; i < count; i++) {
        memcpy(open->bytes + open->len + len, segments[i].bytes, segments[i].len);
        len += segments[i].len;
    }
    return enter(repository, open, len, (size_t)text_stream_text_len(stream), id, err);
}

static enum status save_stream(struct repository *repository, enum blob_type type,
                               struct text_stream *stream, const struct blob_id *id,
                               struct error *err)
{
    size_t count = 0;
    size_t len = 0;
    if (text_stream_text_len(stream) > blob_max)
        return FAIL(err, STATUS_TOO_LARGE, "more than %zu bytes in one blob", blob_max);
    if (text_stream_seal(stream, repository->sealer.crypto, err) != STATUS_OK)
        return error_status(err);
    const struct segment *segments = text_stream_segments(stream, &count);
    if (verify(repository, segments, count, id, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++)
        len += segments[i].len;
    if (len > sealed_max(CHUNK_MAX_BYTES))
        return save_alone(repository, type, stream, len, id, err);
    return copy_to_pack(repository, &repository->open[type], stream, id, err);
}

enum status repository_save_stream(struct repository *repository, enum blob_type type,
                                   struct text_stream *stream, const struct blob_id *id,
                                   struct error *err)
{
    if (repository_has_blob(repository, type, id))
        return STATUS_OK;
    if (repository_check_writable(repository, err) != STATUS_OK ||
        save_stream(repository, type, stream, id, err) != STATUS_OK)
        return fail_blob(id, err);
    return STATUS_OK;
}

/* Larger than any chunk: its compressed form may not fit into a pack's buffer. */
static enum status save_large(struct repository *repository, enum blob_type type, const void *bytes,
                              size_t len, const struct blob_id *id, struct error *err)
{
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    struct blob_id finished;
    if (text_stream_new("", &stream, err) != STATUS_OK ||
        text_stream_add(stream, bytes, len, err) != STATUS_OK ||
        text_stream_finish(stream, finished.bytes, err) != STATUS_OK)
        return error_status(err);
    return save_stream(repository, type, stream, id, err);
}

/* NOLINTNEXTLINE(readability-function-size): the seven parameters are the contract's */
enum status repository_save_blob(struct repository *repository, enum blob_type type,
                                 const void *bytes, size_t len, struct blob_id *ret_id,
                                 bool *ret_known, struct error *err)
{
    struct blob_id id;
    if (len == 0 || len > blob_max)
        return FAIL(err, STATUS_TOO_LARGE, "a blob of %zu bytes: 1 to %zu are possible", len,
                    blob_max);
    if (hash_bytes(repository->sealer.hash, bytes, len, id.bytes, err) != STATUS_OK)
        return error_status(err);
    bool known = repository_has_blob(repository, type, &id);
    if (!known) {
        if (repository_check_writable(repository, err) != STATUS_OK)
            return fail_blob(&id, err);
        enum status status =
            len <= CHUNK_MAX_BYTES
                ? save_in_pack(repository, &repository->open[type], bytes, len, &id, err)
                : save_large(repository, type, bytes, len, &id, err);
        if (status != STATUS_OK)
            return fail_blob(&id, err);
    }
    *ret_id = id;
    *ret_known = known;
    return STATUS_OK;
}

enum status repository_flush(struct repository *repository, struct error *err)
{
    if (repository_check_writable(repository, err) != STATUS_OK)
        return error_status(err);
    for (int type = BLOB_DATA; type <= BLOB_TREE; type++)
        if (repository_store_open_pack(repository, &repository->open[type], err) != STATUS_OK)
            return error_status(err);
    return repository_write_index(repository, err);
}
