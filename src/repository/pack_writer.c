#include "core/clock.h"
#include "repository_internal.h"

#include <stdio.h>
#include <string.h>

enum { COUNT_IN_FRONT = 1, HEADER_BEHIND = 2 }; /* parts of a pack beside those with blobs */

/* A pack about to be stored. */
struct pack_content {
    uint32_t pack; /* number */
    struct blob_entry *const *entries;
    size_t count;
    struct object_part *parts; /* of the sealed blobs, with room for the header behind */
    size_t part_count;
};

static size_t write_header(const struct pack_content *content, unsigned char *header)
{
    unsigned char *to = header + SEAL_IV_BYTES;
    for (size_t i = 0; i < content->count; i++)
        to = pack_header_write(to, content->entries[i]);
    return (size_t)(to - header) - SEAL_IV_BYTES;
}

struct header_check {
    const struct pack_content *content;
    size_t seen;
};

static enum status check_entry(void *context, enum blob_type type, const struct blob_entry *entry,
                               struct error *err)
{
    struct header_check *check = context;
    if (check->seen == check->content->count)
        return FAIL(err, STATUS_CORRUPT, "pack header: too many entries");
    const struct blob_entry *expected = check->content->entries[check->seen++];
    if (type != blob_entry_type(expected) || entry->offset != expected->offset ||
        entry->length != expected->length || entry->plain_length != expected->plain_length ||
        memcmp(&entry->id, &expected->id, sizeof(entry->id)) != 0)
        return FAIL(err, STATUS_CORRUPT, "pack header: what was to be stored does not read back");
    return STATUS_OK;
}

/* Reads the sealed header as a restore without any index would. copy has room for its text. */
static enum status verify_header(struct crypto *crypto, const struct pack_content *content,
                                 const unsigned char *header, size_t len, unsigned char *copy,
                                 struct error *err)
{
    struct header_check check = {.content = content};
    const unsigned char *text = header + SEAL_IV_BYTES;
    if (crypto_check_start(crypto, header, err) != STATUS_OK ||
        crypto_check_piece(crypto, text, len, err) != STATUS_OK ||
        crypto_check_finish(crypto, text + len, err) != STATUS_OK ||
        crypto_decrypt_start(crypto, header, err) != STATUS_OK ||
        crypto_decrypt_piece(crypto, text, len, copy, err) != STATUS_OK ||
        pack_header_read(copy, len, check_entry, &check, err) != STATUS_OK)
        return error_status(err);
    if (check.seen != content->count)
        return FAIL(err, STATUS_CORRUPT, "pack header: entries are missing");
    return STATUS_OK;
}

static enum status put_pack(struct object_store *store, struct hash *hash,
                            const struct pack_content *content, struct blob_id *ret_id,
                            struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    if (hash_start(hash, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < content->part_count; i++) {
        const struct object_part *part = &content->parts[i];
        if (hash_piece(hash, part->bytes, part->len, err) != STATUS_OK)
            return error_status(err);
    }
    if (hash_finish(hash, ret_id->bytes, err) != STATUS_OK)
        return error_status(err);
    pack_path(path, ret_id);
    return object_store_put(store, path, content->parts, content->part_count, err);
}

static void count_blobs(struct repository_statistics *statistics,
                        const struct pack_content *content)
{
    for (size_t i = 0; i < content->count; i++) {
        const struct blob_entry *entry = content->entries[i];
        bool tree = blob_entry_type(entry) == BLOB_TREE;
        *(tree ? &statistics->tree_blobs : &statistics->data_blobs) += 1;
        statistics->bytes_added +=
            entry->plain_length > 0 ? entry->plain_length : entry->length - SEAL_OVERHEAD;
        statistics->bytes_stored += entry->length;
    }
}

/* Takes the entries on success. */
static enum status remember_guarded(struct repository *repository,
                                    const struct pack_content *content, const struct blob_id *id,
                                    struct blob_entry **entries, struct error *err)
{
    struct unindexed *unindexed = &repository->unindexed;
    struct index_pack *packs =
        realloc(unindexed->packs, (unindexed->count + 1) * sizeof(*unindexed->packs));
    if (packs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of packs");
    unindexed->packs = packs;
    if (unindexed->count == 0)
        unindexed->since_ms = clock_mono_ms();
    packs[unindexed->count++] =
        (struct index_pack){.id = *id, .entries = entries, .count = content->count};
    unindexed->blobs += content->count;
    for (size_t i = 0; i < content->part_count; i++)
        unindexed->bytes += content->parts[i].len;
    repository->index.packs[content->pack] = *id;
    count_blobs(&repository->statistics, content);
    return STATUS_OK;
}

static enum status remember(struct repository *repository, const struct pack_content *content,
                            const struct blob_id *id, struct error *err)
{
    size_t size = content->count * sizeof(struct blob_entry *);
    CLEANUP(free_any) struct blob_entry **entries = malloc(size);
    if (entries == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of blobs");
    memcpy(entries, content->entries, size); /* NOLINT(bugprone-sizeof-expression) */
    repository_guard(repository);
    enum status status = remember_guarded(repository, content, id, entries, err);
    repository_release(repository);
    if (status == STATUS_OK)
        entries = NULL;
    return status;
}

static enum status store(struct repository *repository, struct sealer *sealer,
                         struct pack_content *content, struct error *err)
{
    size_t header_max = content->count * PACK_HEADER_ENTRY_MAX;
    CLEANUP(free_any) unsigned char *header = malloc(header_max * 2 + SEAL_OVERHEAD);
    unsigned char trailer[PACK_TRAILER_BYTES];
    struct blob_id id;
    if (header == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a pack header");
    size_t len = write_header(content, header);
    if (crypto_seal(sealer->crypto, header, len, err) != STATUS_OK ||
        verify_header(sealer->crypto, content, header, len, header + len + SEAL_OVERHEAD, err) !=
            STATUS_OK)
        return error_status(err);
    pack_put_u32(trailer, (uint32_t)(len + SEAL_OVERHEAD));
    content->parts[content->part_count++] =
        (struct object_part){.bytes = header, .len = len + SEAL_OVERHEAD};
    content->parts[content->part_count++] =
        (struct object_part){.bytes = trailer, .len = sizeof(trailer)};
    if (put_pack(repository->store, sealer->hash, content, &id, err) != STATUS_OK)
        return error_status(err);
    return remember(repository, content, &id, err);
}

static enum status write_index(struct repository *repository, struct sealer *sealer,
                               const struct unindexed *unindexed, struct error *err)
{
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    struct blob_id ignored;
    if (text_stream_new(UNPACKED_PREFIX, &stream, err) != STATUS_OK ||
        index_file_write(unindexed->packs, unindexed->count, stream, err) != STATUS_OK)
        return error_status(err);
    return unpacked_save_stream(repository, sealer, "index", stream, &ignored, err);
}

enum status repository_latch(struct repository *repository, struct error *err)
{
    repository_guard(repository);
    if (repository->failure.status == STATUS_OK)
        repository->failure = *err;
    repository_release(repository);
    return error_status(err);
}

void unindexed_done(struct unindexed *unindexed)
{
    for (size_t i = 0; i < unindexed->count; i++)
        free(unindexed->packs[i].entries);
    free(unindexed->packs);
    *unindexed = (struct unindexed){0};
}

enum status repository_write_index(struct repository *repository, struct sealer *sealer,
                                   struct error *err)
{
    repository_guard(repository);
    CLEANUP(unindexed_done) struct unindexed unindexed = repository->unindexed;
    repository->unindexed = (struct unindexed){0};
    repository_release(repository);
    if (unindexed.count == 0)
        return STATUS_OK;
    if (write_index(repository, sealer, &unindexed, err) != STATUS_OK)
        return repository_latch(repository, err);
    return STATUS_OK;
}

/* What no index tells of is sent again after a crash: a part of what has been sent, so that there
 * are not many index files either. */
static uint64_t unindexed_bytes_max(const struct repository *repository)
{
    uint64_t bytes = repository->statistics.bytes_stored / INDEX_PART;
    if (bytes < INDEX_BYTES_LEAST)
        bytes = INDEX_BYTES_LEAST;
    return bytes > INDEX_BYTES_MOST ? INDEX_BYTES_MOST : bytes;
}

static bool index_is_due(struct repository *repository)
{
    repository_guard(repository);
    const struct unindexed *unindexed = &repository->unindexed;
    bool due = unindexed->blobs >= INDEX_BLOBS ||
               unindexed->bytes >= unindexed_bytes_max(repository) ||
               (unindexed->count > 0 && clock_mono_ms() - unindexed->since_ms >= INDEX_AGE_MS);
    repository_release(repository);
    return due;
}

static enum status store_and_index(struct repository *repository, struct sealer *sealer,
                                   struct pack_content *content, struct error *err)
{
    if (store(repository, sealer, content, err) != STATUS_OK)
        return error_status(err);
    return index_is_due(repository) ? repository_write_index(repository, sealer, err) : STATUS_OK;
}

enum status repository_store_open_pack(struct repository *repository, struct packer *packer,
                                       struct error *err)
{
    struct object_part parts[COUNT_IN_FRONT + HEADER_BEHIND] = {
        {.bytes = packer->bytes, .len = packer->len}};
    struct pack_content content = {.pack = packer->pack,
                                   .entries = packer->entries,
                                   .count = packer->count,
                                   .parts = parts,
                                   .part_count = COUNT_IN_FRONT};
    if (packer->count == 0)
        return STATUS_OK;
    if (store_and_index(repository, &packer->sealer, &content, err) != STATUS_OK)
        return error_status(err);
    repository_guard(repository); /* whoever loads a blob looks into packs that are still open */
    packer->count = 0;
    packer->len = 0;
    packer->full = false;
    packer->numbered = false;
    repository_release(repository);
    return STATUS_OK;
}

enum status repository_store_single_pack(struct repository *repository, struct packer *packer,
                                         struct blob_entry *entry, const struct segment *segments,
                                         size_t count, struct error *err)
{
    CLEANUP(free_any) struct object_part *parts = calloc(count + HEADER_BEHIND, sizeof(*parts));
    if (parts == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of %zu parts", count);
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct object_part){.bytes = segments[i].bytes, .len = segments[i].len};
    struct pack_content content = {.pack = blob_entry_pack(entry),
                                   .entries = &entry,
                                   .count = 1,
                                   .parts = parts,
                                   .part_count = count};
    return store_and_index(repository, &packer->sealer, &content, err);
}
