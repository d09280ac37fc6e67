#include "repository_internal.h"

#include <stdio.h>
#include <string.h>

static enum status check_name(struct sealer *sealer, const struct buffer *stored, const char *id,
                              struct error *err)
{
    unsigned char digest[HASH_BYTES];
    char text[BLOB_ID_TEXT_SIZE];
    if (hash_bytes(sealer->hash, stored->bytes, stored->len, digest, err) != STATUS_OK)
        return error_status(err);
    blob_id_to_text((const struct blob_id *)digest, text);
    if (strcmp(text, id) != 0)
        return FAIL(err, STATUS_CORRUPT, "its bytes do not have the hash that is its name");
    return STATUS_OK;
}

/* A version byte and zstd, or, from repositories of format 1, bare JSON. */
static enum status unwrap(struct sealer *sealer, const unsigned char *bytes, size_t len,
                          struct buffer *text, struct error *err)
{
    if (len > 0 && (bytes[0] == '{' || bytes[0] == '['))
        return buffer_add(text, bytes, len, err);
    if (len == 0 || bytes[0] != UNPACKED_PREFIX[0])
        return FAIL(err, STATUS_CORRUPT, "neither JSON nor compressed");
    return compressor_expand(sealer->compressor, bytes + 1, len - 1, 0, text, err);
}

static enum status fetch_once(struct object_store *store, struct sealer *sealer, const char *path,
                              const char *id, struct buffer *stored, struct error *err)
{
    buffer_clear(stored);
    if (object_store_get(store, path, stored, err) != STATUS_OK)
        return error_status(err);
    return check_name(sealer, stored, id, err);
}

/* A second time if its bytes are not the right ones: they may have been damaged on their way. */
static enum status fetch(struct object_store *store, struct sealer *sealer, const char *path,
                         const char *id, struct buffer *stored, struct error *err)
{
    enum status status = fetch_once(store, sealer, path, id, stored, err);
    if (status != STATUS_CORRUPT && status != STATUS_TOO_LARGE)
        return status;
    if (object_store_look_again(store, err) != STATUS_OK)
        return error_status(err);
    return fetch_once(store, sealer, path, id, stored, err);
}

/* There may be a copy on this host. */
static enum status fetch_cached(const struct repository *repository, struct sealer *sealer,
                                const char *folder, const char *id, struct buffer *stored,
                                struct error *err)
{
    const struct object_cache *cache = &repository->cache;
    char path[OBJECT_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, id);
    if (object_cache_get(cache, folder, id, stored)) {
        if (check_name(sealer, stored, id, err) == STATUS_OK)
            return STATUS_OK;
        object_cache_forget(cache, folder, id);
    }
    if (fetch(repository->store, sealer, path, id, stored, err) != STATUS_OK)
        return error_status(err);
    const struct object_part part = {.bytes = stored->bytes, .len = stored->len};
    object_cache_put(cache, folder, id, &part, 1);
    return STATUS_OK;
}

static enum status load(const struct repository *repository, struct sealer *sealer,
                        const char *folder, const char *id, struct buffer *text, struct error *err)
{
    CLEANUP(buffer_done) struct buffer stored;
    size_t len = 0;
    buffer_init(&stored, text->max + SEAL_OVERHEAD + 1);
    if (fetch_cached(repository, sealer, folder, id, &stored, err) != STATUS_OK ||
        crypto_open(sealer->crypto, stored.bytes, stored.len, &len, err) != STATUS_OK)
        return error_status(err);
    return unwrap(sealer, stored.bytes + SEAL_IV_BYTES, len, text, err);
}

enum status unpacked_load(struct repository *repository, const char *folder, const char *id,
                          struct buffer *text, struct error *err)
{
    return unpacked_load_with(repository, &repository->sealer, folder, id, text, err);
}

enum status unpacked_load_with(const struct repository *repository, struct sealer *sealer,
                               const char *folder, const char *id, struct buffer *text,
                               struct error *err)
{
    if (load(repository, sealer, folder, id, text, err) != STATUS_OK)
        return FAIL_IN(err, "%s/%s", folder, id);
    return STATUS_OK;
}

static enum status verify(struct sealer *sealer, const struct text_stream *stream,
                          const unsigned char expected[HASH_BYTES], struct error *err)
{
    unsigned char digest[HASH_BYTES];
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    if (sealer_digest(sealer, segments, count, 1, digest, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(digest, expected, HASH_BYTES) != 0)
        return FAIL(err, STATUS_CORRUPT, "what was to be stored does not read back the same");
    return STATUS_OK;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters, each of another kind */
static enum status put_segments(struct repository *repository, struct hash *hash,
                                const char *folder, const struct segment *segments, size_t count,
                                struct blob_id *ret_id, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    CLEANUP(free_any) struct object_part *parts = calloc(count, sizeof(*parts));
    if (parts == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of %zu parts", count);
    if (hash_start(hash, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct object_part){.bytes = segments[i].bytes, .len = segments[i].len};
        if (hash_piece(hash, parts[i].bytes, parts[i].len, err) != STATUS_OK)
            return error_status(err);
    }
    if (hash_finish(hash, ret_id->bytes, err) != STATUS_OK)
        return error_status(err);
    object_path(path, folder, ret_id);
    if (object_store_put(repository->store, path, parts, count, err) != STATUS_OK)
        return error_status(err);
    object_cache_put(&repository->cache, folder, path + strlen(folder) + 1, parts, count);
    return STATUS_OK;
}

enum status unpacked_save_stream(struct repository *repository, struct sealer *sealer,
                                 const char *folder, struct text_stream *stream,
                                 struct blob_id *ret_id, struct error *err)
{
    unsigned char digest[HASH_BYTES];
    if (text_stream_finish(stream, digest, err) != STATUS_OK ||
        text_stream_seal(stream, sealer->crypto, err) != STATUS_OK ||
        verify(sealer, stream, digest, err) != STATUS_OK)
        return FAIL_IN(err, "save to %s/", folder);
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    return put_segments(repository, sealer->hash, folder, segments, count, ret_id, err);
}

enum status unpacked_save(struct repository *repository, const char *folder, const void *text,
                          size_t len, struct blob_id *ret_id, struct error *err)
{
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    if (text_stream_new(UNPACKED_PREFIX, &stream, err) != STATUS_OK ||
        text_stream_add(stream, text, len, err) != STATUS_OK)
        return error_status(err);
    return unpacked_save_stream(repository, &repository->sealer, folder, stream, ret_id, err);
}
