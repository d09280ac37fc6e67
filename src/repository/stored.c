/*
 * A bucket may be replaced or emptied while somebody backs up to it: then what was stored lies
 * elsewhere, or nowhere, and a snapshot of it would be none. It is looked for before the snapshot
 * is saved, with as many questions as cost next to nothing.
 */
#include "crypto.h"
#include "repository/repository.h"
#include "repository_internal.h"

#include <string.h>

enum { SAMPLE = 8 };

static enum status fail_changed(struct error *err, const char *what, const char *name)
{
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "the bucket is not as it was when this backup began: '%s' %s; if it was not "
                       "replaced or emptied, verify the app",
                       name, what);
}

static enum status read_config(struct repository *repository, struct repository_config *ret_config,
                               struct error *err)
{
    CLEANUP(buffer_done) struct buffer stored;
    size_t len = 0;
    buffer_init(&stored, CONFIG_STORED_MAX);
    if (object_store_get(repository->store, CONFIG_NAME, &stored, err) != STATUS_OK ||
        crypto_open(repository->sealer.crypto, stored.bytes, stored.len, &len, err) != STATUS_OK)
        return error_status(err);
    return config_read(stored.bytes + SEAL_IV_BYTES, len, ret_config, err);
}

static enum status check_config(struct repository *repository, struct error *err)
{
    struct repository_config config = {.version = 0};
    enum status status = read_config(repository, &config, err);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) {
        status = object_store_look_again(repository->store, err) == STATUS_OK
                     ? read_config(repository, &config, err)
                     : error_status(err);
    }
    if (status == STATUS_NOT_FOUND)
        return fail_changed(err, "is gone", CONFIG_NAME);
    if (status == STATUS_CORRUPT ||
        (status == STATUS_OK && strcmp(config.id, repository->config.id) != 0))
        return fail_changed(err, "is another repository's", CONFIG_NAME);
    return status;
}

static bool is_numbered(const struct blob_id *pack)
{
    static const struct blob_id none;
    return memcmp(pack, &none, sizeof(none)) != 0;
}

static enum status is_gone(const struct repository *repository, size_t number,
                           char path[OBJECT_PATH_SIZE], bool *ret_gone, struct error *err)
{
    const struct blob_id *pack = &repository->index.packs[number];
    *ret_gone = false;
    pack_path(path, pack);
    return is_numbered(pack) ? object_store_is_gone(repository->store, path, ret_gone, err)
                             : STATUS_OK;
}

/* A pack that was lost before harms who needs it, and a verification says whom. But if none of
 * several is there, the data is not. Mostly the first one is. */
static enum status check_before(const struct repository *repository, struct error *err)
{
    size_t count = repository->packs_before;
    char path[OBJECT_PATH_SIZE];
    uint64_t random = 0;
    bool gone = true;
    if (count == 0)
        return STATUS_OK;
    if (crypto_random(&random, sizeof(random), err) != STATUS_OK)
        return error_status(err);
    size_t stride = count < SAMPLE ? 1 : count / SAMPLE;
    for (size_t i = 0; gone && i < SAMPLE && i < count; i++) {
        size_t number = (size_t)((random + i * stride) % count);
        if (is_gone(repository, number, path, &gone, err) != STATUS_OK)
            return error_status(err);
    }
    return gone ? fail_changed(err, "is gone", path) : STATUS_OK;
}

/* Those that were stored first are the first to be lost. */
static enum status check_ours(const struct repository *repository, size_t wanted, struct error *err)
{
    size_t count = repository->index.pack_count;
    for (size_t i = repository->packs_before; i < count && wanted > 0; i++, wanted--) {
        char path[OBJECT_PATH_SIZE];
        bool gone = false;
        if (is_gone(repository, i, path, &gone, err) != STATUS_OK)
            return error_status(err);
        if (gone)
            return fail_changed(err, "is gone", path);
    }
    return STATUS_OK;
}

enum status repository_check_stored(struct repository *repository, struct error *err)
{
    bool is_far = repository->read_ahead != NULL;
    if (object_store_check_place(repository->store, err) != STATUS_OK ||
        check_config(repository, err) != STATUS_OK || check_before(repository, err) != STATUS_OK ||
        check_ours(repository, is_far ? 1 : SIZE_MAX, err) != STATUS_OK)
        return FAIL_IN(err, "check what was stored");
    return STATUS_OK;
}
