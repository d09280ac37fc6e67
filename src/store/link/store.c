#include "store/store.h"

#include "../protocol/refusal.h"
#include "connection.h"
#include "library.h"
#include "settings.h"

#include <stdlib.h>
#include <string.h>

struct store {
    struct settings settings;
    redisContext *redis; /* NULL: to be connected by the next call */
};

enum status store_open(const struct store_options *options, struct store **ret_store,
                       struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    store = calloc(1, sizeof(*store));
    if (store == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "store");
    if (settings_init(&store->settings, options, err) != STATUS_OK)
        return error_status(err);
    *ret_store = STEAL(store);
    return STATUS_OK;
}

static void disconnect(struct store *store)
{
    redis_connection_free(store->redis);
    store->redis = NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    disconnect(store);
    settings_done(&store->settings);
    free(store);
}

/* One command and its reply; without a reply the connection is dead and dropped. */
static enum status command(struct store *store, int argc, const char **argv, const size_t *lengths,
                           redisReply **ret_reply, struct error *err)
{
    const struct command wanted = {argc, argv, lengths};
    if (redis_connection_command(store->redis, &store->settings, &wanted, ret_reply, err) ==
        STATUS_OK)
        return STATUS_OK;
    disconnect(store);
    return error_status(err);
}

static enum status load_library(struct store *store, struct error *err)
{
    const char *argv[LIBRARY_LOAD_ARGC];
    size_t lengths[LIBRARY_LOAD_ARGC];
    library_load_command(argv, lengths);

    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (command(store, LIBRARY_LOAD_ARGC, argv, lengths, &reply, err) != STATUS_OK)
        return FAIL_IN(err, "load the function library");
    if (refusal_check(reply, err) != STATUS_OK)
        return FAIL_IN(err, "load the function library");
    return STATUS_OK;
}

static enum status ensure_library(struct store *store, struct error *err)
{
    const char *argv[LIBRARY_VERSION_ARGC];
    for (int i = 0; i < LIBRARY_VERSION_ARGC; i++)
        argv[i] = library_version_command[i];

    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (command(store, LIBRARY_VERSION_ARGC, argv, NULL, &reply, err) != STATUS_OK)
        return error_status(err);
    if (library_is_current(reply))
        return STATUS_OK;
    if (reply->type == REDIS_REPLY_ERROR && !library_is_missing(reply))
        return refusal_check(reply, err);
    return load_library(store, err);
}

static enum status connect_to_redis(struct store *store, struct error *err)
{
    if (store->redis != NULL && redis_connection_is_stale(store->redis))
        disconnect(store);
    if (store->redis != NULL)
        return STATUS_OK;
    if (redis_connection_open(&store->settings, &store->redis, err) != STATUS_OK)
        return error_status(err);
    if (ensure_library(store, err) != STATUS_OK) {
        disconnect(store);
        return error_status(err);
    }
    return STATUS_OK;
}

enum status store_run(struct store *store, const struct store_call *call, redisReply **ret_reply,
                      struct error *err)
{
    const char *argv[STORE_ARGUMENTS_MAX];
    size_t lengths[STORE_ARGUMENTS_MAX];
    for (size_t i = 0; i < call->argc; i++) {
        argv[i] = call->argv[i];
        bool is_text = i >= STORE_BYTES_MAX || call->lengths[i] == 0;
        lengths[i] = is_text ? strlen(argv[i]) : call->lengths[i];
    }

    if (connect_to_redis(store, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (command(store, (int)call->argc, argv, lengths, &reply, err) != STATUS_OK)
        return error_status(err);
    if (library_is_missing(reply)) { /* FUNCTION FLUSH: nothing was executed, so once more */
        freeReplyObject(STEAL(reply));
        if (load_library(store, err) != STATUS_OK)
            return error_status(err);
        if (command(store, (int)call->argc, argv, lengths, &reply, err) != STATUS_OK)
            return error_status(err);
    }
    if (refusal_is_of_replica(reply))
        disconnect(store);
    *ret_reply = STEAL(reply);
    return STATUS_OK;
}
