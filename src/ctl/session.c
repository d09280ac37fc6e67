#include "session.h"

#include "command.h"
#include "store/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/appbackup/appbackup.yaml"

static const char *config_path(const struct arguments *arguments)
{
    if (arguments->config != NULL)
        return arguments->config;
    const char *path = getenv("APPBACKUP_CONFIG"); /* NOLINT(concurrency-mt-unsafe): one thread */
    return path == NULL || path[0] == '\0' ? DEFAULT_CONFIG : path;
}

static enum status choose_account(struct session *session, const char *wanted, struct error *err)
{
    const struct config *config = session->config;
    const struct account *account = NULL;
    if (wanted == NULL && session->arguments->command->any_account)
        return STATUS_OK;
    if (wanted == NULL && config->account_count != 1)
        return FAIL(err, STATUS_INVALID, "there are %zu accounts: --account ID is needed",
                    config->account_count);
    for (size_t i = 0; i < config->account_count; i++) {
        const struct account *candidate = &config->accounts[i];
        if (wanted == NULL || strcmp(candidate->id, wanted) == 0 ||
            strcmp(candidate->name, wanted) == 0)
            account = candidate;
    }
    if (account == NULL)
        return FAIL(err, STATUS_NOT_FOUND, "no account '%s' in '%s'", wanted, config->path);
    memcpy(session->account, account->id, sizeof(session->account));
    return STATUS_OK;
}

static enum status open_store(struct session *session, struct error *err)
{
    const struct config_redis *redis = &session->config->redis;
    const struct store_options options = {
        .address = redis->address,
        .username = redis->username,
        .password = redis->password,
        .database = (int)redis->database,
        .timeout_ms = redis->timeout_ms,
    };
    return store_open(&options, &session->store, err);
}

enum status session_open(struct session *session, const struct arguments *arguments,
                         struct error *err)
{
    session->arguments = arguments;
    (void)snprintf(session->actor, sizeof(session->actor), "appbackupctl:uid=%u",
                   (unsigned)getuid());
    const char *path = config_path(arguments);
    enum status status = arguments->command->without_tokens
                             ? config_load_without_tokens(path, &session->config, err)
                             : config_load(path, &session->config, err);
    if (status != STATUS_OK)
        return FAIL_AS(err, REASON_CONFIGURATION_INVALID);
    if (choose_account(session, arguments->account, err) != STATUS_OK)
        return error_status(err);
    return open_store(session, err);
}

void session_close(struct session *session)
{
    store_close(session->store);
    config_free(session->config);
    *session = (struct session){0};
}

enum status session_run(struct session *session, struct store_call *call, redisReply **ret_reply,
                        struct error *err)
{
    enum status status = store_run(session->store, call, ret_reply, err);
    store_call_done(call);
    return status;
}

enum status session_read_id(const struct session *session, size_t place, const char *noun,
                            const char **ret_id, struct error *err)
{
    const char *argument = session->arguments->values[place];
    if (!id_is_valid(argument))
        return FAIL(err, STATUS_INVALID, "'%s' is not the id of a %s", argument, noun);
    *ret_id = argument;
    return STATUS_OK;
}

void session_app_id(const struct session *session, const char *argument, char id[ID_SIZE])
{
    if (id_is_valid(argument))
        memcpy(id, argument, ID_SIZE);
    else
        app_id(session->account, argument, id);
}

enum status session_find_app(struct session *session, const char *argument, struct app *ret_app,
                             struct error *err)
{
    char id[ID_SIZE];
    session_app_id(session, argument, id);
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_app_get(&call, session->account, id);
    enum status status = session_run(session, &call, &reply, err);
    if (status == STATUS_OK)
        status = store_reply_app(reply, ret_app, err);
    if (status == STATUS_NOT_FOUND)
        return FAIL(err, STATUS_NOT_FOUND, "there is no app '%s'", argument);
    return status;
}

static enum status match_bucket(const redisReply *reply, const char *argument, char id[ID_SIZE],
                                bool *ret_found, struct error *err)
{
    struct bucket bucket = {0};
    if (store_reply_bucket(reply, &bucket, err) != STATUS_OK)
        return error_status(err);
    *ret_found = strcmp(bucket.id, argument) == 0 || strcmp(bucket.name, argument) == 0;
    if (*ret_found)
        memcpy(id, bucket.id, ID_SIZE);
    bucket_done(&bucket);
    return STATUS_OK;
}

enum status session_find_bucket(struct session *session, const char *argument, char id[ID_SIZE],
                                struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    size_t count = 0;
    store_call_bucket_list(&call, session->account);
    enum status status = session_run(session, &call, &reply, err);
    if (status != STATUS_OK || store_reply_count(reply, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        if (match_bucket(reply->element[i], argument, id, &found, err) != STATUS_OK)
            return error_status(err);
        if (found)
            return STATUS_OK;
    }
    return FAIL(err, STATUS_NOT_FOUND, "there is no bucket '%s'", argument);
}

static bool is_meant(const struct session *session, const struct bucket *bucket,
                     const char *argument)
{
    if (bucket->account[0] != '\0' && strcmp(bucket->account, session->account) != 0)
        return false;
    if (argument == NULL)
        return bucket->is_default;
    return strcmp(bucket->id, argument) == 0 || strcmp(bucket->name, argument) == 0;
}

/* As in Redis, a bucket of the account goes before one that all accounts share. */
enum status session_bucket_definition(const struct session *session, const char *argument,
                                      const struct bucket_definition **ret_bucket,
                                      struct error *err)
{
    const struct bucket_definition *found = NULL;
    for (size_t i = 0; i < session->config->bucket_count; i++) {
        const struct bucket_definition *candidate = &session->config->buckets[i];
        if (is_meant(session, &candidate->bucket, argument) &&
            (found == NULL || candidate->bucket.account[0] != '\0'))
            found = candidate;
    }
    if (found == NULL && argument == NULL)
        return FAIL(err, STATUS_NOT_FOUND, "no default bucket in '%s'", session->config->path);
    if (found == NULL)
        return FAIL(err, STATUS_NOT_FOUND, "no bucket '%s' in '%s'", argument,
                    session->config->path);
    *ret_bucket = found;
    return STATUS_OK;
}
