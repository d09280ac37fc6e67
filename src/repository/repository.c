#include "repository/repository.h"

#include "key.h"
#include "read_ahead.h"
#include "repository_internal.h"
#include "uploads.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <string.h>

enum {
    KEYS_MAX = 20, /* as restic: each that is tried costs a tenth of a second or more */
    KEY_FILE_MAX = 64 * 1024
};

/* The names in keys/, up to KEYS_MAX. */
struct key_list {
    char names[KEYS_MAX][BLOB_ID_TEXT_SIZE];
    size_t count;
};

static enum status on_key(void *context, const char *id, UNUSED struct error *err)
{
    struct key_list *list = context;
    if (list->count < KEYS_MAX)
        memcpy(list->names[list->count++], id, BLOB_ID_TEXT_SIZE);
    return STATUS_OK;
}

/* Where there is a config, there are keys. */
static enum status list_keys(struct object_store *store, struct key_list *ret_list,
                             struct error *err)
{
    ret_list->count = 0;
    return object_ids_list_some(store, "keys", on_key, ret_list, err);
}

static enum status is_named(const struct buffer *text, const char *name, bool *ret_named,
                            struct error *err)
{
    CLEANUP(hash_freep) struct hash *hash = NULL;
    struct blob_id id;
    char found[BLOB_ID_TEXT_SIZE];
    if (hash_new(&hash, err) != STATUS_OK ||
        hash_bytes(hash, text->bytes, text->len, id.bytes, err) != STATUS_OK)
        return error_status(err);
    blob_id_to_text(&id, found);
    *ret_named = strcmp(found, name) == 0;
    return STATUS_OK;
}

/* A second time if its bytes do not have its name. If they still do not, they may be read as well
 * as they can. */
static enum status get_key_file(struct object_store *store, const char *path, const char *name,
                                struct buffer *text, struct error *err)
{
    bool named = false;
    enum status status = object_store_get(store, path, text, err);
    if (status == STATUS_OK)
        status = is_named(text, name, &named, err);
    if ((status == STATUS_OK && named) || (status != STATUS_OK && status != STATUS_TOO_LARGE))
        return status;
    buffer_clear(text);
    if (object_store_look_again(store, err) != STATUS_OK)
        return error_status(err);
    return object_store_get(store, path, text, err);
}

/* *ret_opened false: another passphrase, or no key file that we can read: the next one may do. */
static enum status try_key(struct object_store *store, const char *name, const char *passphrase,
                           struct crypto_keys *ret_keys, bool *ret_opened, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    CLEANUP(buffer_done) struct buffer text;
    buffer_init(&text, KEY_FILE_MAX);
    (void)snprintf(path, sizeof(path), "keys/%s", name);
    *ret_opened = false;
    enum status status = get_key_file(store, path, name, &text, err);
    if (status == STATUS_OK)
        status = key_file_open(text.bytes, text.len, passphrase, ret_keys, ret_opened, err);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED ||
        status == STATUS_TOO_LARGE)
        return STATUS_OK;
    return status;
}

static enum status remove_key(struct object_store *store, const char *name, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "keys/%s", name);
    return object_store_delete(store, path, err);
}

static enum status new_repository(struct object_store *store, const struct crypto_keys *keys,
                                  struct repository **ret_repository, struct error *err)
{
    CLEANUP(repository_closep) struct repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "repository");
    repository->store = store;
    object_cache_init(&repository->cache);
    repository->keys = *keys;
    (void)pthread_mutex_init(&repository->mutex, NULL);
    uploads_init(&repository->uploads);
    buffer_init(&repository->scratch, UINT32_MAX);
    if (sealer_init(&repository->sealer, keys, err) != STATUS_OK ||
        blob_index_init(&repository->index, err) != STATUS_OK)
        return error_status(err);
    *ret_repository = STEAL(repository);
    return STATUS_OK;
}

/* config is changed: it is decrypted in place. */
static enum status read_config(struct repository *repository, struct buffer *config,
                               struct error *err)
{
    size_t len = 0;
    if (crypto_open(repository->sealer.crypto, config->bytes, config->len, &len, err) !=
            STATUS_OK ||
        config_read(config->bytes + SEAL_IV_BYTES, len, &repository->config, err) != STATUS_OK)
        return FAIL_IN(err, CONFIG_NAME);
    return STATUS_OK;
}

static enum status open_with(struct object_store *store, const struct crypto_keys *keys,
                             const struct buffer *config, struct repository **ret_repository,
                             struct error *err)
{
    CLEANUP(repository_closep) struct repository *repository = NULL;
    CLEANUP(buffer_done) struct buffer copy;
    buffer_init(&copy, config->max);
    if (new_repository(store, keys, &repository, err) != STATUS_OK)
        return error_status(err);
    assert(repository != NULL);
    if (buffer_add(&copy, config->bytes, config->len, err) != STATUS_OK ||
        read_config(repository, &copy, err) != STATUS_OK)
        return error_status(err);
    *ret_repository = STEAL(repository);
    return STATUS_OK;
}

static_assert(sizeof(struct crypto_keys) == REPOSITORY_KEY_BYTES, "a key is its parts, no more");

void repository_get_key(const struct repository *repository,
                        unsigned char ret_key[REPOSITORY_KEY_BYTES])
{
    memcpy(ret_key, &repository->keys, REPOSITORY_KEY_BYTES);
}

/* The config has no hash for a name: that a key does not open it may be the fault of one answer. */
static enum status fetch_and_open(struct object_store *store, const struct crypto_keys *keys,
                                  struct repository **ret_repository, struct error *err)
{
    CLEANUP(buffer_done) struct buffer config;
    buffer_init(&config, CONFIG_STORED_MAX);
    if (object_store_get(store, CONFIG_NAME, &config, err) != STATUS_OK)
        return error_status(err);
    return open_with(store, keys, &config, ret_repository, err);
}

enum status repository_open_with_key(struct object_store *store,
                                     const unsigned char key[REPOSITORY_KEY_BYTES],
                                     struct repository **ret_repository, struct error *err)
{
    struct crypto_keys keys;
    memcpy(&keys, key, sizeof(keys));
    enum status status = fetch_and_open(store, &keys, ret_repository, err);
    if (status == STATUS_CORRUPT) {
        status = object_store_look_again(store, err) == STATUS_OK
                     ? fetch_and_open(store, &keys, ret_repository, err)
                     : error_status(err);
    }
    OPENSSL_cleanse(&keys, sizeof(keys));
    if (status == STATUS_CORRUPT)
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_REPOSITORY_KEY_WRONG,
                           "open repository: the key does not open its config");
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "open repository");
}

/* A search for the key that opens the config. Whoever loses a race to create leaves a key that our
 * passphrase opens, but that holds another master key than the config's. Since a config is never
 * replaced such a key is of no use, and stock restic would stumble over it: it is removed. */
struct key_search {
    struct object_store *store;
    const char *passphrase;
    const struct buffer *config;
    struct key_list strays;
    struct error blame; /* what to say in the end, if none opens */
};

static enum status search_step(struct key_search *search, const char *name,
                               struct repository **ret_repository, struct error *err)
{
    struct crypto_keys keys;
    bool opened = false;
    *ret_repository = NULL;
    if (try_key(search->store, name, search->passphrase, &keys, &opened, err) != STATUS_OK)
        return error_status(err);
    if (!opened)
        return STATUS_OK;
    enum status status = open_with(search->store, &keys, search->config, ret_repository, err);
    OPENSSL_cleanse(&keys, sizeof(keys));
    if (status != STATUS_CORRUPT)
        return status;
    search->blame = *err;
    memcpy(search->strays.names[search->strays.count++], name, BLOB_ID_TEXT_SIZE);
    return STATUS_OK;
}

static void remove_strays(const struct key_search *search)
{
    struct error ignored = {0};
    for (size_t i = 0; i < search->strays.count; i++) {
        if (remove_key(search->store, search->strays.names[i], &ignored) != STATUS_OK) {
            /* It is in nobody's way but stock restic's; the next one tries again. */
        }
    }
}

/* thorough: looks at the other keys as well when the right one is found. */
static enum status search_keys(struct key_search *search, bool thorough,
                               struct repository **ret_repository, struct error *err)
{
    CLEANUP(repository_closep) struct repository *found = NULL;
    struct key_list list;
    if (list_keys(search->store, &list, err) != STATUS_OK)
        return error_status(err);
    error_set_reason(&search->blame, STATUS_FORBIDDEN, REASON_REPOSITORY_KEY_WRONG, "%s",
                     list.count == 0 ? "no key is left in it"
                                     : "the passphrase opens none of its keys");
    for (size_t i = 0; i < list.count && (found == NULL || thorough); i++) {
        CLEANUP(repository_closep) struct repository *opened = NULL;
        if (search_step(search, list.names[i], &opened, err) != STATUS_OK)
            return error_status(err);
        if (found == NULL)
            found = STEAL(opened);
    }
    if (found == NULL) {
        *err = search->blame;
        return error_status(err);
    }
    *ret_repository = STEAL(found);
    return STATUS_OK;
}

static enum status open_once(struct object_store *store, const char *passphrase, bool thorough,
                             struct repository **ret_repository, struct error *err)
{
    CLEANUP(buffer_done) struct buffer config;
    struct key_search search = {.store = store, .passphrase = passphrase, .config = &config};
    buffer_init(&config, CONFIG_STORED_MAX);
    if (object_store_get(store, CONFIG_NAME, &config, err) != STATUS_OK ||
        search_keys(&search, thorough, ret_repository, err) != STATUS_OK)
        return error_status(err);
    remove_strays(&search);
    return STATUS_OK;
}

/* That nothing opens it is said after a second look only. */
static enum status open_repository(struct object_store *store, const char *passphrase,
                                   bool thorough, struct repository **ret_repository,
                                   struct error *err)
{
    enum status status = open_once(store, passphrase, thorough, ret_repository, err);
    if (status == STATUS_CORRUPT ||
        (status == STATUS_FORBIDDEN && error_is(err, REASON_REPOSITORY_KEY_WRONG))) {
        status = object_store_look_again(store, err) == STATUS_OK
                     ? open_once(store, passphrase, thorough, ret_repository, err)
                     : error_status(err);
    }
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "open repository");
}

enum status repository_open(struct object_store *store, const char *passphrase,
                            struct repository **ret_repository, struct error *err)
{
    return open_repository(store, passphrase, false, ret_repository, err);
}

static enum status on_any(void *context, UNUSED const char *name, UNUSED uint64_t size,
                          UNUSED struct error *err)
{
    bool *found = context;
    *found = true;
    return STATUS_OK;
}

static enum status any_in(struct object_store *store, const char *const *folders, bool *ret_found,
                          struct error *err)
{
    *ret_found = false;
    for (; *folders != NULL; folders++)
        if (object_store_list(store, *folders, on_any, ret_found, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

/* Where there is none one is made: the store must have said twice that there is none. */
static enum status config_exists(struct object_store *store, bool *ret_exists, struct error *err)
{
    bool gone = false;
    if (object_store_is_gone(store, CONFIG_NAME, &gone, err) != STATUS_OK)
        return error_status(err);
    *ret_exists = !gone;
    return STATUS_OK;
}

static enum status put_key(struct object_store *store, const struct crypto_keys *keys,
                           const char *passphrase, struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    CLEANUP(hash_freep) struct hash *hash = NULL;
    struct blob_id id;
    char path[OBJECT_PATH_SIZE];
    buffer_init(&text, KEY_FILE_MAX);
    if (key_file_write(keys, passphrase, &text, err) != STATUS_OK ||
        hash_new(&hash, err) != STATUS_OK ||
        hash_bytes(hash, text.bytes, text.len, id.bytes, err) != STATUS_OK)
        return error_status(err);
    object_path(path, "keys", &id);
    struct object_part part = {.bytes = text.bytes, .len = text.len};
    return object_store_put(store, path, &part, 1, err);
}

/* Last of all: from here on the repository exists. CONFLICT: somebody else was faster. */
static enum status put_config(struct object_store *store, const struct crypto_keys *keys,
                              struct error *err)
{
    CLEANUP(crypto_freep) struct crypto *crypto = NULL;
    unsigned char sealed[CONFIG_TEXT_MAX + SEAL_OVERHEAD];
    char *text = (char *)sealed + SEAL_IV_BYTES;
    if (config_write(text, err) != STATUS_OK || crypto_new(keys, &crypto, err) != STATUS_OK)
        return error_status(err);
    size_t len = strlen(text);
    if (crypto_seal(crypto, sealed, len, err) != STATUS_OK)
        return error_status(err);
    struct object_part part = {.bytes = sealed, .len = len + SEAL_OVERHEAD};
    return object_store_put_new(store, CONFIG_NAME, &part, 1, err);
}

/* Whoever has made the repository knows its key: opening it needs no second scrypt. */
static enum status open_created(struct object_store *store, const struct crypto_keys *keys,
                                struct repository **ret_repository, struct error *err)
{
    CLEANUP(buffer_done) struct buffer config;
    buffer_init(&config, CONFIG_STORED_MAX);
    if (object_store_get(store, CONFIG_NAME, &config, err) != STATUS_OK)
        return error_status(err);
    return open_with(store, keys, &config, ret_repository, err);
}

static enum status create(struct object_store *store, const char *passphrase,
                          struct repository **ret_repository, struct error *err)
{
    struct crypto_keys keys;
    if (crypto_keys_random(&keys, err) != STATUS_OK)
        return error_status(err);
    enum status status = put_key(store, &keys, passphrase, err);
    if (status == STATUS_OK)
        status = put_config(store, &keys, err);
    if (status == STATUS_OK)
        status = open_created(store, &keys, ret_repository, err);
    OPENSSL_cleanse(&keys, sizeof(keys));
    return status;
}

enum status repository_create(struct object_store *store, const char *passphrase,
                              struct repository **ret_repository, struct error *err)
{
    static const char *const folders[] = {"keys/", "data/", "index/", "snapshots/", NULL};
    bool exists = false;
    bool found = false;
    if (config_exists(store, &exists, err) != STATUS_OK ||
        any_in(store, folders, &found, err) != STATUS_OK)
        return FAIL_IN(err, "create repository");
    if (exists || found)
        return FAIL(err, STATUS_CONFLICT, "create repository: one, or a part of one, is there");
    if (create(store, passphrase, ret_repository, err) != STATUS_OK)
        return FAIL_IN(err, "create repository");
    return STATUS_OK;
}

/* Without a config, keys are what a creation left that was cut off, or is going on beside us. One
 * that our passphrase opens is used; the others are nobody's business of ours. */
static enum status finish_creation(struct object_store *store, const char *passphrase,
                                   struct repository **ret_repository, struct error *err)
{
    struct key_list list = {.count = 0};
    if (object_ids_list(store, "keys", on_key, &list, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < list.count; i++) {
        struct crypto_keys keys;
        bool opened = false;
        if (try_key(store, list.names[i], passphrase, &keys, &opened, err) != STATUS_OK)
            return error_status(err);
        if (opened) {
            enum status status = put_config(store, &keys, err);
            if (status == STATUS_OK)
                status = open_created(store, &keys, ret_repository, err);
            OPENSSL_cleanse(&keys, sizeof(keys));
            return status;
        }
    }
    return create(store, passphrase, ret_repository, err);
}

enum status repository_open_or_create(struct object_store *store, const char *passphrase,
                                      struct repository **ret_repository, struct error *err)
{
    static const char *const folders[] = {"data/", "index/", "snapshots/", NULL};
    bool exists = false;
    bool found = false;
    if (config_exists(store, &exists, err) != STATUS_OK)
        return FAIL_IN(err, "open repository");
    if (exists)
        return repository_open(store, passphrase, ret_repository, err);
    if (any_in(store, folders, &found, err) != STATUS_OK)
        return FAIL_IN(err, "create repository");
    if (found)
        return FAIL(err, STATUS_CORRUPT,
                    "open repository: its config is missing, but there are data");
    enum status status = finish_creation(store, passphrase, ret_repository, err);
    if (status == STATUS_CONFLICT)
        return open_repository(store, passphrase, true, ret_repository, err);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "create repository");
}

void repository_close(struct repository *repository)
{
    if (repository == NULL)
        return;
    struct error ignored = {0};
    uploads_done(repository);
    if (repository->lock.held && repository_unlock(repository, &ignored) != STATUS_OK) {
        /* The next one on this host removes it, once this process is gone. */
    }
    packers_done(repository);
    unindexed_done(&repository->unindexed);
    blob_index_done(&repository->index);
    sealer_done(&repository->sealer);
    buffer_done(&repository->scratch);
    read_ahead_free(repository->read_ahead);
    object_cache_close(&repository->cache);
    (void)pthread_mutex_destroy(&repository->mutex);
    OPENSSL_cleanse(&repository->keys, sizeof(repository->keys));
    free(repository);
}

void repository_expect_latency(struct repository *repository, const char *cache_directory)
{
    if (repository->read_ahead == NULL)
        repository->read_ahead = read_ahead_new(repository->store);
    object_cache_close(&repository->cache);
    if (cache_directory != NULL && repository->config.id[0] != '\0')
        object_cache_open(&repository->cache, cache_directory, repository->config.id);
}

void repository_distrust_copies(struct repository *repository)
{
    object_cache_close(&repository->cache);
}

uint64_t repository_polynomial(const struct repository *repository)
{
    return repository->config.polynomial;
}

void repository_set_compression(struct repository *repository, enum compression compression)
{
    repository->compression = compression;
}

void repository_set_uploads(struct repository *repository, size_t count)
{
    assert(count > 0);
    repository->uploads.wanted = count < UPLOADS_MAX ? count : UPLOADS_MAX;
}

void repository_set_extra_verify(struct repository *repository, enum extra_verify extra_verify)
{
    repository->extra_verify = extra_verify;
}

void repository_get_statistics(struct repository *repository,
                               struct repository_statistics *ret_statistics)
{
    repository_guard(repository);
    *ret_statistics = repository->statistics;
    repository_release(repository);
}
