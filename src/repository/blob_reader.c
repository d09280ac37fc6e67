#include "read_ahead.h"
#include "repository/repository.h"
#include "repository_internal.h"

#include <string.h>

enum { SCRATCH_KEEP_BYTES = 16 * 1024 * 1024 };

bool repository_has_blob(struct repository *repository, enum blob_type type,
                         const struct blob_id *id)
{
    repository_guard(repository);
    bool known = blob_index_find(&repository->index, type, id) != NULL;
    repository_release(repository);
    return known;
}

/* Where a blob lies, as it was when it was looked up. */
struct located {
    struct blob_entry entry;
    struct blob_id pack;
};

/* Saved a moment ago, by whichever thread, it is still in memory: into the scratch. */
static enum status copy_from_packer(struct repository *repository, const struct blob_entry *entry,
                                    bool *ret_copied, struct error *err)
{
    const struct packer *packer = repository->packers;
    while (packer != NULL && !(packer->numbered && packer->pack == blob_entry_pack(entry)))
        packer = packer->next;
    *ret_copied = packer != NULL;
    if (packer == NULL)
        return STATUS_OK;
    if (entry->length == 0)
        return FAIL(err, STATUS_CONFLICT, "it is just being saved");
    return buffer_add(&repository->scratch, packer->bytes + entry->offset, entry->length, err);
}

static enum status locate_guarded(struct repository *repository, enum blob_type type,
                                  const struct blob_id *id, struct located *ret_located,
                                  bool *ret_copied, struct error *err)
{
    const struct blob_entry *entry = blob_index_find(&repository->index, type, id);
    if (entry == NULL)
        return FAIL(err, STATUS_CORRUPT, "in no index");
    ret_located->entry = *entry;
    ret_located->pack = repository->index.packs[blob_entry_pack(entry)];
    return copy_from_packer(repository, entry, ret_copied, err);
}

static enum status locate(struct repository *repository, enum blob_type type,
                          const struct blob_id *id, struct located *ret_located, bool *ret_copied,
                          struct error *err)
{
    repository_guard(repository);
    enum status status = locate_guarded(repository, type, id, ret_located, ret_copied, err);
    repository_release(repository);
    return status;
}

static enum status get_sealed(struct repository *repository, const struct located *located,
                              unsigned char *bytes, struct error *err)
{
    const struct blob_entry *entry = &located->entry;
    char path[OBJECT_PATH_SIZE];
    if (repository->read_ahead != NULL && blob_entry_type(entry) == BLOB_TREE)
        return read_ahead_get(repository->read_ahead, &located->pack, entry->offset, entry->length,
                              bytes, err);
    pack_path(path, &located->pack);
    return object_store_get_range(repository->store, path, entry->offset, entry->length, bytes,
                                  err);
}

/* The sealed bytes, into the scratch. */
static enum status fetch(struct repository *repository, const struct located *located,
                         struct error *err)
{
    struct buffer *scratch = &repository->scratch;
    const struct blob_entry *entry = &located->entry;
    if (buffer_reserve(scratch, entry->length, err) != STATUS_OK ||
        get_sealed(repository, located, scratch->bytes, err) != STATUS_OK) {
        if (err->status == STATUS_NOT_FOUND) /* a pack that an index promises: damage */
            err->status = STATUS_CORRUPT;
        return error_status(err);
    }
    scratch->len = entry->length;
    return STATUS_OK;
}

static enum status decode(struct repository *repository, const struct blob_entry *entry,
                          struct buffer *buffer, struct error *err)
{
    struct buffer *scratch = &repository->scratch;
    struct blob_id found;
    size_t len = 0;
    if (crypto_open(repository->sealer.crypto, scratch->bytes, scratch->len, &len, err) !=
        STATUS_OK)
        return error_status(err);
    const unsigned char *payload = scratch->bytes + SEAL_IV_BYTES;
    enum status status = entry->plain_length == 0
                             ? buffer_add(buffer, payload, len, err)
                             : compressor_expand(repository->sealer.compressor, payload, len,
                                                 entry->plain_length, buffer, err);
    if (status != STATUS_OK || hash_bytes(repository->sealer.hash, buffer->bytes, buffer->len,
                                          found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, &entry->id, sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "its content does not have the hash that is its id");
    return STATUS_OK;
}

/* Is it worth asking the store once more? The bytes may have been damaged on their way. */
static bool is_damaged_on_its_way(enum status status)
{
    return status == STATUS_CORRUPT || status == STATUS_TOO_LARGE;
}

static enum status fetch_and_decode(struct repository *repository, const struct located *located,
                                    struct buffer *buffer, struct error *err)
{
    if (fetch(repository, located, err) != STATUS_OK)
        return error_status(err);
    return decode(repository, &located->entry, buffer, err);
}

static enum status load_again(struct repository *repository, const struct located *located,
                              struct buffer *buffer, struct error *err)
{
    buffer_clear(buffer);
    buffer_clear(&repository->scratch);
    if (repository->read_ahead != NULL)
        read_ahead_forget(repository->read_ahead, &located->pack);
    if (object_store_look_again(repository->store, err) != STATUS_OK)
        return error_status(err);
    return fetch_and_decode(repository, located, buffer, err);
}

static enum status load(struct repository *repository, enum blob_type type,
                        const struct blob_id *id, struct buffer *buffer, struct error *err)
{
    struct located located;
    bool copied = false;
    buffer_clear(&repository->scratch);
    if (locate(repository, type, id, &located, &copied, err) != STATUS_OK)
        return error_status(err);
    enum status status = copied ? decode(repository, &located.entry, buffer, err)
                                : fetch_and_decode(repository, &located, buffer, err);
    if (!copied && is_damaged_on_its_way(status))
        status = load_again(repository, &located, buffer, err);
    if (status != STATUS_OK) {
        char pack[BLOB_ID_TEXT_SIZE];
        blob_id_to_text(&located.pack, pack);
        return FAIL_IN(err, "pack %s at byte %u", pack, located.entry.offset);
    }
    return STATUS_OK;
}

enum status repository_load_blob(struct repository *repository, enum blob_type type,
                                 const struct blob_id *id, struct buffer *buffer, struct error *err)
{
    buffer_clear(buffer);
    enum status status = load(repository, type, id, buffer, err);
    if (repository->scratch.capacity > SCRATCH_KEEP_BYTES)
        buffer_done(&repository->scratch);
    if (status != STATUS_OK) {
        char text[BLOB_ID_TEXT_SIZE];
        blob_id_to_text(id, text);
        buffer_clear(buffer);
        return FAIL_IN(err, "blob %s", text);
    }
    return STATUS_OK;
}

uint32_t repository_blob_length(struct repository *repository, enum blob_type type,
                                const struct blob_id *id)
{
    repository_guard(repository);
    const struct blob_entry *found = blob_index_find(&repository->index, type, id);
    struct blob_entry entry = {.length = 0};
    if (found != NULL)
        entry = *found;
    repository_release(repository);
    if (entry.length < SEAL_OVERHEAD)
        return 0;
    return entry.plain_length != 0 ? entry.plain_length : entry.length - SEAL_OVERHEAD;
}

enum status repository_fetch_sealed(struct repository *repository, enum blob_type type,
                                    const struct blob_id *id, struct buffer *sealed,
                                    uint32_t *ret_plain_length, struct error *err)
{
    struct located located;
    bool copied = false;
    buffer_clear(&repository->scratch);
    enum status status = locate(repository, type, id, &located, &copied, err);
    if (status == STATUS_OK && !copied)
        status = fetch(repository, &located, err);
    if (status != STATUS_OK)
        return status;
    *ret_plain_length = located.entry.plain_length;
    buffer_done(sealed);
    *sealed = repository->scratch;
    buffer_init(&repository->scratch, sealed->max);
    return STATUS_OK;
}
