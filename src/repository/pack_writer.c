#include "core/clock.h"
#include "repository_internal.h"

#include <stdio.h>
#include <string.h>

enum { COUNT_IN_FRONT = 1, HEADER_BEHIND = 2 }; /* parts of a pack beside those with blobs */

void pack_path(char path[OBJECT_PATH_SIZE], const struct blob_id *id)
{
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    (void)snprintf(path, OBJECT_PATH_SIZE, "data/%.2s/%s", text, text);
}

/* A pack about to be stored. */
struct pack_content {
    uint32_t pack; /* number */
    const uint32_t *entries;
    size_t count;
    struct object_part *parts; /* of the sealed blobs, with room for the header behind */
    size_t part_count;
};

static size_t write_header(const struct repository *repository, const struct pack_content *content,
                           unsigned char *header)
{
    unsigned char *to = header + SEAL_IV_BYTES;
    for (size_t i = 0; i < content->count; i++)
        to = pack_header_write(to, blob_index_entry(&repository->index, content->entries[i]));
    return (size_t)(to - header) - SEAL_IV_BYTES;
}

struct header_check {
    const struct repository *repository;
    const struct pack_content *content;
    size_t seen;
};

static enum status check_entry(void *context, enum blob_type type, const struct blob_entry *entry,
                               struct error *err)
{
    struct header_check *check = context;
    if (check->seen == check->content->count)
        return FAIL(err, STATUS_CORRUPT, "pack header: too many entries");
    const struct blob_entry *expected =
        blob_index_entry(&check->repository->index, check->content->entries[check->seen++]);
    if (type != blob_entry_type(expected) || entry->offset != expected->offset ||
        entry->length != expected->length || entry->plain_length != expected->plain_length ||
        memcmp(&entry->id, &expected->id, sizeof(entry->id)) != 0)
        return FAIL(err, STATUS_CORRUPT, "pack header: what was to be stored does not read back");
    return STATUS_OK;
}

/* Reads the sealed header as a restore without any index would. copy has room for its text. */
static enum status verify_header(struct repository *repository, const struct pack_content *content,
                                 const unsigned char *header, size_t len, unsigned char *copy,
                                 struct error *err)
{
    struct crypto *crypto = repository->sealer.crypto;
    struct header_check check = {.repository = repository, .content = content};
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

static enum status put_pack(struct repository *repository, const struct pack_content *content,
                            struct blob_id *ret_id, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    if (hash_start(repository->sealer.hash, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < content->part_count; i++) {
        const struct object_part *part = &content->parts[i];
        if (hash_piece(repository->sealer.hash, part->bytes, part->len, err) != STATUS_OK)
            return error_status(err);
    }
    if (hash_finish(repository->sealer.hash, ret_id->bytes, err) != STATUS_OK)
        return error_status(err);
    pack_path(path, ret_id);
    return object_store_put(repository->store, path, content->parts, content->part_count, err);
}

static enum status remember(struct repository *repository, const struct pack_content *content,
                            struct error *err)
{
    struct unindexed *unindexed = &repository->unindexed;
    struct index_pack *packs =
        realloc(unindexed->packs, (unindexed->count + 1) * sizeof(*unindexed->packs));
    if (packs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of packs");
    unindexed->packs = packs;
    uint32_t *entries = malloc(content->count * sizeof(*entries));
    if (entries == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of blobs");
    memcpy(entries, content->entries, content->count * sizeof(*entries));
    if (unindexed->count == 0)
        unindexed->since_ms = clock_mono_ms();
    packs[unindexed->count++] =
        (struct index_pack){.pack = content->pack, .entries = entries, .count = content->count};
    unindexed->blobs += content->count;
    return STATUS_OK;
}

static void count_blobs(struct repository *repository, const struct pack_content *content)
{
    for (size_t i = 0; i < content->count; i++) {
        const struct blob_entry *entry = blob_index_entry(&repository->index, content->entries[i]);
        bool tree = blob_entry_type(entry) == BLOB_TREE;
        *(tree ? &repository->statistics.tree_blobs : &repository->statistics.data_blobs) += 1;
        repository->statistics.bytes_added += entry->plain_length;
        repository->statistics.bytes_stored += entry->length;
    }
}

static enum status store(struct repository *repository, struct pack_content *content,
                         struct error *err)
{
    size_t header_max = content->count * PACK_HEADER_ENTRY_MAX;
    CLEANUP(free_any) unsigned char *header = malloc(header_max * 2 + SEAL_OVERHEAD);
    unsigned char trailer[PACK_TRAILER_BYTES];
    struct blob_id id;
    if (header == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a pack header");
    size_t len = write_header(repository, content, header);
    if (crypto_seal(repository->sealer.crypto, header, len, err) != STATUS_OK ||
        verify_header(repository, content, header, len, header + len + SEAL_OVERHEAD, err) !=
            STATUS_OK)
        return error_status(err);
    pack_put_u32(trailer, (uint32_t)(len + SEAL_OVERHEAD));
    content->parts[content->part_count++] =
        (struct object_part){.bytes = header, .len = len + SEAL_OVERHEAD};
    content->parts[content->part_count++] =
        (struct object_part){.bytes = trailer, .len = sizeof(trailer)};
    if (put_pack(repository, content, &id, err) != STATUS_OK ||
        remember(repository, content, err) != STATUS_OK)
        return error_status(err);
    repository->index.packs[content->pack] = id;
    count_blobs(repository, content);
    return STATUS_OK;
}

static enum status write_index(struct repository *repository, struct error *err)
{
    struct unindexed *unindexed = &repository->unindexed;
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    struct blob_id ignored;
    if (text_stream_new(UNPACKED_PREFIX, &stream, err) != STATUS_OK ||
        index_file_write(&repository->index, unindexed->packs, unindexed->count, stream, err) !=
            STATUS_OK ||
        unpacked_save_stream(repository, "index", stream, &ignored, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < unindexed->count; i++)
        free(unindexed->packs[i].entries);
    unindexed->count = 0;
    unindexed->blobs = 0;
    return STATUS_OK;
}

/* After a failure the index in memory knows blobs that are stored nowhere: the end of writing. */
static enum status latch(struct repository *repository, struct error *err)
{
    repository->failure = *err;
    return error_status(err);
}

enum status repository_write_index(struct repository *repository, struct error *err)
{
    if (repository->unindexed.count == 0)
        return STATUS_OK;
    if (write_index(repository, err) != STATUS_OK)
        return latch(repository, err);
    return STATUS_OK;
}

static enum status store_and_index(struct repository *repository, struct pack_content *content,
                                   struct error *err)
{
    if (store(repository, content, err) != STATUS_OK)
        return latch(repository, err);
    if (repository->unindexed.blobs < INDEX_BLOBS &&
        clock_mono_ms() - repository->unindexed.since_ms < INDEX_AGE_MS)
        return STATUS_OK;
    return repository_write_index(repository, err);
}

enum status repository_store_open_pack(struct repository *repository, struct open_pack *open,
                                       struct error *err)
{
    struct object_part parts[COUNT_IN_FRONT + HEADER_BEHIND] = {
        {.bytes = open->bytes, .len = open->len}};
    struct pack_content content = {.pack = open->pack,
                                   .entries = open->entries,
                                   .count = open->count,
                                   .parts = parts,
                                   .part_count = COUNT_IN_FRONT};
    if (open->count == 0)
        return STATUS_OK;
    if (store_and_index(repository, &content, err) != STATUS_OK)
        return error_status(err);
    open->count = 0;
    open->len = 0;
    return STATUS_OK;
}

enum status repository_store_single_pack(struct repository *repository, uint32_t entry,
                                         const struct segment *segments, size_t count,
                                         struct error *err)
{
    CLEANUP(free_any) struct object_part *parts = calloc(count + HEADER_BEHIND, sizeof(*parts));
    if (parts == NULL) {
        (void)FAIL(err, STATUS_NO_MEMORY, "a list of %zu parts", count);
        return latch(repository, err);
    }
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct object_part){.bytes = segments[i].bytes, .len = segments[i].len};
    struct pack_content content = {.pack =
                                       blob_entry_pack(blob_index_entry(&repository->index, entry)),
                                   .entries = &entry,
                                   .count = 1,
                                   .parts = parts,
                                   .part_count = count};
    return store_and_index(repository, &content, err);
}
