/*
 * A blob is hashed and looked up, and its id is entered into the index, before it is compressed: so
 * of two threads with the same blob one stores it, and the other goes on at once. That the first
 * may fail is why every failure behind that entry is the end of saving: flush refuses, and nothing
 * that refers to such a blob becomes a snapshot.
 */
#include "repository/chunker.h"
#include "repository/repository.h"
#include "repository_internal.h"
#include "uploads.h"

#include <string.h>

/* What is saved: bytes, or, if there is one, a stream. */
struct plaintext {
    const void *bytes;
    size_t len;
    struct text_stream *stream;
};

/* Any chunk fits into an open pack, which holds less than PACK_TARGET_BYTES. Whole pages, and at
 * the start of one: so a bucket can write it without copying. */
enum { PAGE_BYTES = 4096 };

static size_t pack_capacity(void)
{
    size_t bytes = PACK_TARGET_BYTES + sealed_max(CHUNK_MAX_BYTES);
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

enum status repository_check_guarded(const struct repository *repository, struct error *err)
{
    if (repository->config.read_only != NULL)
        return FAIL(err, STATUS_UNSUPPORTED, "the repository cannot be written to: %s",
                    repository->config.read_only);
    if (repository->failure.status != STATUS_OK) {
        *err = repository->failure;
        return FAIL_IN(err, "an earlier write failed");
    }
    return STATUS_OK;
}

enum status repository_check_writable(struct repository *repository, struct error *err)
{
    repository_guard(repository);
    enum status status = repository_check_guarded(repository, err);
    repository_release(repository);
    return status;
}

static enum status fail_blob(const struct blob_id *id, struct error *err)
{
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    return FAIL_IN(err, "save blob %s", text);
}

static enum status reserve_memory(struct packer *packer, struct error *err)
{
    if (packer->bytes != NULL)
        return STATUS_OK;
    packer->bytes = aligned_alloc(PAGE_BYTES, pack_capacity());
    packer->entries = malloc(PACK_ENTRIES_MAX * sizeof(struct blob_entry *));
    if (packer->bytes != NULL && packer->entries != NULL)
        return STATUS_OK;
    free(packer->bytes);
    free(packer->entries);
    packer->bytes = NULL;
    packer->entries = NULL;
    return FAIL(err, STATUS_NO_MEMORY, "a pack");
}

/* The blob becomes known: of the packer's pack, but without a place. */
static enum status reserve_guarded(struct repository *repository, struct packer *packer,
                                   const struct blob_id *id, struct blob_entry **ret_entry,
                                   struct error *err)
{
    uint32_t number = 0;
    if (repository_check_guarded(repository, err) != STATUS_OK)
        return error_status(err);
    if (!packer->numbered) {
        if (blob_index_add_pack(&repository->index, &packer->pack, err) != STATUS_OK)
            return error_status(err);
        packer->numbered = true;
    }
    struct blob_entry entry = {.id = *id,
                               .pack_and_type = packer->pack << 1 | (uint32_t)packer->type};
    if (blob_index_add(&repository->index, &entry, &number, err) != STATUS_OK)
        return error_status(err);
    *ret_entry = blob_index_entry(&repository->index, number);
    return STATUS_OK;
}

/* *ret_entry NULL: it was known. */
static enum status reserve(struct repository *repository, struct packer *packer,
                           const struct blob_id *id, struct blob_entry **ret_entry,
                           struct error *err)
{
    enum status status = STATUS_OK;
    *ret_entry = NULL;
    repository_guard(repository);
    if (blob_index_find(&repository->index, packer->type, id) == NULL)
        status = reserve_guarded(repository, packer, id, ret_entry, err);
    repository_release(repository);
    return status;
}

struct place {
    uint32_t pack, offset, length, plain_length;
};

static void set_place(struct repository *repository, struct blob_entry *entry, struct place place)
{
    repository_guard(repository);
    entry->pack_and_type = place.pack << 1 | (entry->pack_and_type & 1);
    entry->offset = place.offset;
    entry->length = place.length;
    entry->plain_length = place.plain_length;
    repository_release(repository);
}

static void count_verified(struct repository *repository)
{
    repository_guard(repository);
    repository->statistics.blobs_verified++;
    repository_release(repository);
}

/* What lies there must read back to the id, before anything refers to it. */
static enum status verify_stream(struct repository *repository, struct packer *packer,
                                 const struct text_stream *stream, const struct blob_id *id,
                                 struct error *err)
{
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    struct blob_id found = {{0}};
    if (sealer_digest(&packer->sealer, segments, count, 0, found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, id, sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "what was to be stored does not read back the same");
    count_verified(repository);
    return STATUS_OK;
}

/* The first of each pack is in the sample: what goes wrong always shows in the first backup. */
static bool is_to_verify(const struct repository *repository, const struct packer *packer)
{
    return packer->type == BLOB_TREE || repository->extra_verify == EXTRA_VERIFY_ALL ||
           packer->count % EXTRA_VERIFY_EVERY == 0;
}

static enum status verify_sealed(struct repository *repository, struct packer *packer,
                                 const struct segment *sealed, bool compressed,
                                 const struct plaintext *plain, struct error *err)
{
    if (!is_to_verify(repository, packer))
        return STATUS_OK;
    if (sealer_compare(&packer->sealer, sealed, compressed, plain->bytes, plain->len, err) !=
        STATUS_OK)
        return error_status(err);
    count_verified(repository);
    return STATUS_OK;
}

/* The sealed blob stands at the end of the pack. plain_len 0: it is not compressed. */
static void enter(struct repository *repository, struct packer *packer, struct blob_entry *entry,
                  size_t sealed_len, size_t plain_len)
{
    set_place(repository, entry,
              (struct place){.pack = packer->pack,
                             .offset = (uint32_t)packer->len,
                             .length = (uint32_t)sealed_len,
                             .plain_length = (uint32_t)plain_len});
    packer->entries[packer->count++] = entry;
    packer->len += sealed_len;
    packer->full = packer->len >= PACK_TARGET_BYTES || packer->count == PACK_ENTRIES_MAX;
}

static enum status save_in_pack(struct repository *repository, struct packer *packer,
                                struct blob_entry *entry, const struct plaintext *plain,
                                struct error *err)
{
    struct segment sealed = {.bytes = packer->bytes + packer->len};
    bool compressed = false;
    enum compression compression =
        packer->type == BLOB_TREE && repository->compression == COMPRESSION_OFF
            ? COMPRESSION_AUTO /* as restic: trees always are */
            : repository->compression;
    if (compressor_choose(packer->sealer.compressor, compression, err) != STATUS_OK ||
        sealer_seal(&packer->sealer, plain->bytes, plain->len, &sealed, &compressed, err) !=
            STATUS_OK ||
        verify_sealed(repository, packer, &sealed, compressed, plain, err) != STATUS_OK)
        return error_status(err);
    enter(repository, packer, entry, sealed.len, compressed ? plain->len : 0);
    return STATUS_OK;
}

static enum status save_alone(struct repository *repository, struct packer *packer,
                              struct blob_entry *entry, const struct text_stream *stream,
                              size_t len, struct error *err)
{
    uint32_t pack = 0;
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    repository_guard(repository);
    enum status status = blob_index_add_pack(&repository->index, &pack, err);
    repository_release(repository);
    if (status != STATUS_OK)
        return error_status(err);
    set_place(repository, entry,
              (struct place){.pack = pack,
                             .length = (uint32_t)len,
                             .plain_length = (uint32_t)text_stream_text_len(stream)});
    return repository_store_single_pack(repository, packer, entry, segments, count, err);
}

static void copy_to_pack(struct repository *repository, struct packer *packer,
                         struct blob_entry *entry, const struct text_stream *stream)
{
    size_t count = 0;
    size_t len = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    for (size_t i = 0; i < count; i++) {
        memcpy(packer->bytes + packer->len + len, segments[i].bytes, segments[i].len);
        len += segments[i].len;
    }
    enter(repository, packer, entry, len, (size_t)text_stream_text_len(stream));
}

static enum status save_stream(struct repository *repository, struct packer *packer,
                               struct blob_entry *entry, struct text_stream *stream,
                               struct error *err)
{
    size_t count = 0;
    size_t len = 0;
    if (text_stream_seal(stream, packer->sealer.crypto, err) != STATUS_OK ||
        verify_stream(repository, packer, stream, &entry->id, err) != STATUS_OK)
        return error_status(err);
    const struct segment *segments = text_stream_segments(stream, &count);
    for (size_t i = 0; i < count; i++)
        len += segments[i].len;
    if (len > sealed_max(CHUNK_MAX_BYTES))
        return save_alone(repository, packer, entry, stream, len, err);
    copy_to_pack(repository, packer, entry, stream);
    return STATUS_OK;
}

/* Larger than any chunk: its compressed form may not fit into a pack's buffer. */
static enum status save_large(struct repository *repository, struct packer *packer,
                              struct blob_entry *entry, const void *bytes, size_t len,
                              struct error *err)
{
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    struct blob_id finished;
    if (text_stream_new("", &stream, err) != STATUS_OK ||
        text_stream_add(stream, bytes, len, err) != STATUS_OK ||
        text_stream_finish(stream, finished.bytes, err) != STATUS_OK)
        return error_status(err);
    return save_stream(repository, packer, entry, stream, err);
}

static enum status store(struct repository *repository, struct packer *packer,
                         struct blob_entry *entry, const struct plaintext *plain, struct error *err)
{
    if (plain->stream != NULL)
        return save_stream(repository, packer, entry, plain->stream, err);
    if (plain->len > CHUNK_MAX_BYTES)
        return save_large(repository, packer, entry, plain->bytes, plain->len, err);
    return save_in_pack(repository, packer, entry, plain, err);
}

static enum status save_with(struct repository *repository, struct packer *packer,
                             const struct plaintext *plain, const struct blob_id *id,
                             bool *ret_known, struct error *err)
{
    struct blob_entry *entry = NULL;
    if (reserve_memory(packer, err) != STATUS_OK ||
        reserve(repository, packer, id, &entry, err) != STATUS_OK)
        return fail_blob(id, err);
    *ret_known = entry == NULL;
    if (entry == NULL)
        return STATUS_OK;
    if (store(repository, packer, entry, plain, err) != STATUS_OK) {
        (void)fail_blob(id, err);
        return repository_latch(repository, err);
    }
    return STATUS_OK;
}

enum status repository_save_stream(struct repository *repository, enum blob_type type,
                                   struct text_stream *stream, const struct blob_id *id,
                                   struct error *err)
{
    bool ignored = false;
    struct packer *packer = NULL;
    struct plaintext plain = {.stream = stream};
    if (text_stream_text_len(stream) > BLOB_BYTES_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "more than %d bytes in one blob", BLOB_BYTES_MAX);
    if (packer_take(repository, type, &packer, err) != STATUS_OK)
        return error_status(err);
    enum status status = save_with(repository, packer, &plain, id, &ignored, err);
    packer_give(repository, packer);
    return status;
}

/* NOLINTNEXTLINE(readability-function-size): the seven parameters are the contract's */
enum status repository_save_blob(struct repository *repository, enum blob_type type,
                                 const void *bytes, size_t len, struct blob_id *ret_id,
                                 bool *ret_known, struct error *err)
{
    struct blob_id id;
    struct packer *packer = NULL;
    struct plaintext plain = {.bytes = bytes, .len = len};
    if (len == 0 || len > BLOB_BYTES_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "a blob of %zu bytes: 1 to %d are possible", len,
                    BLOB_BYTES_MAX);
    if (packer_take(repository, type, &packer, err) != STATUS_OK)
        return error_status(err);
    enum status status = hash_bytes(packer->sealer.hash, bytes, len, id.bytes, err);
    if (status == STATUS_OK)
        status = save_with(repository, packer, &plain, &id, ret_known, err);
    packer_give(repository, packer);
    if (status == STATUS_OK)
        *ret_id = id;
    return status;
}

/* Nobody else saves any more: all packers are idle, or on their way. */
enum status repository_flush(struct repository *repository, struct error *err)
{
    if (repository_check_writable(repository, err) != STATUS_OK)
        return error_status(err);
    uploads_finish(repository);
    if (repository_check_writable(repository, err) != STATUS_OK)
        return error_status(err);
    return repository_write_index(repository, &repository->sealer, err);
}
