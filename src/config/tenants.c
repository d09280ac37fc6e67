#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_EXPECTED "1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end"

const struct account *tenants_find_account(const struct config *config, const char *name_or_id)
{
    for (size_t i = 0; i < config->account_count; i++) {
        if (strcmp(config->accounts[i].name, name_or_id) == 0 ||
            strcmp(config->accounts[i].id, name_or_id) == 0)
            return &config->accounts[i];
    }
    return NULL;
}

static enum status read_label(const struct document *document, const char *key, const char *text,
                              char name[NAME_SIZE], struct error *err)
{
    if (!name_is_label(text))
        return document_refuse(document, key, err, LABEL_EXPECTED ", not '%s'", text);
    memcpy(name, text, strlen(text) + 1);
    return STATUS_OK;
}

/* Neither name nor token may be another's of the same account: who asked would be unclear. */
static enum status check_token_is_new(const struct document *document, size_t account,
                                      const struct token *tokens, size_t index, struct error *err)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(tokens[i].name, tokens[index].name) == 0) {
            return document_refuse(document, KEY("accounts[%zu].tokens[%zu].name", account, index),
                                   err, "'%s' is the name of tokens[%zu] already", tokens[i].name,
                                   i);
        }
        if (memcmp(tokens[i].hash, tokens[index].hash, TOKEN_HASH_SIZE) == 0) {
            return document_refuse(document,
                                   KEY("accounts[%zu].tokens[%zu].sha256", account, index), err,
                                   "this is the token of tokens[%zu] already", i);
        }
    }
    return STATUS_OK;
}

static enum status read_token(const struct document *document, size_t account,
                              const struct raw_token *raw, struct account *owner, struct error *err)
{
    size_t index = owner->token_count++;
    struct token *token = &owner->tokens[index];
    if (read_label(document, KEY("accounts[%zu].tokens[%zu].name", account, index), raw->name,
                   token->name, err) != STATUS_OK)
        return error_status(err);
    if (token_read_hash(document, KEY("accounts[%zu].tokens[%zu].sha256", account, index),
                        raw->sha256, token, err) != STATUS_OK)
        return error_status(err);
    token->role = (enum role)raw_choice(raw->role, ROLE_NONE);
    token_id(owner->id, token->name, token->id);
    return check_token_is_new(document, account, owner->tokens, index, err);
}

static enum status read_tokens(const struct document *document, size_t account,
                               const struct raw_account *raw, struct account *owner,
                               struct error *err)
{
    if (raw->tokens.count == 0)
        return STATUS_OK;
    owner->tokens = calloc(raw->tokens.count, sizeof(owner->tokens[0]));
    if (owner->tokens == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    for (size_t i = 0; i < raw->tokens.count; i++)
        if (read_token(document, account, &raw->tokens.items[i], owner, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

static enum status check_account_is_new(const struct document *document,
                                        const struct config *config, size_t index,
                                        struct error *err)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->accounts[i].id, config->accounts[index].id) == 0) {
            return document_refuse(document, KEY("accounts[%zu].id", index), err,
                                   "'%s' is the id of accounts[%zu] already",
                                   config->accounts[i].id, i);
        }
        if (strcmp(config->accounts[i].name, config->accounts[index].name) == 0) {
            return document_refuse(document, KEY("accounts[%zu].name", index), err,
                                   "'%s' is the name of accounts[%zu] already",
                                   config->accounts[i].name, i);
        }
    }
    return STATUS_OK;
}

static enum status read_account(const struct document *document, const struct raw_account *raw,
                                struct config *config, struct error *err)
{
    size_t index = config->account_count++;
    struct account *account = &config->accounts[index];
    /* The nil id stands for "no account" in bucket ids, so it cannot be one. */
    if (!id_is_valid(raw->id) || strcmp(raw->id, ID_NIL) == 0) {
        return document_refuse(document, KEY("accounts[%zu].id", index), err,
                               "a UUID of version 4 or 5 in lower case is expected, not '%s'",
                               raw->id);
    }
    memcpy(account->id, raw->id, ID_SIZE);
    if (read_label(document, KEY("accounts[%zu].name", index), raw->name, account->name, err) !=
        STATUS_OK)
        return error_status(err);
    if (check_account_is_new(document, config, index, err) != STATUS_OK)
        return error_status(err);
    return read_tokens(document, index, raw, account, err);
}

/* A bucket for every account is one of each: names and defaults may not meet there either. */
static bool share_account(const struct bucket *one, const struct bucket *other)
{
    return one->account[0] == '\0' || other->account[0] == '\0' ||
           strcmp(one->account, other->account) == 0;
}

static enum status check_bucket_is_new(const struct document *document, const struct config *config,
                                       size_t index, struct error *err)
{
    const struct bucket *bucket = &config->buckets[index].bucket;
    for (size_t i = 0; i < index; i++) {
        const struct bucket *other = &config->buckets[i].bucket;
        if (!share_account(bucket, other))
            continue;
        if (strcmp(bucket->name, other->name) == 0) {
            return document_refuse(document, KEY("buckets[%zu].name", index), err,
                                   "'%s' is the name of buckets[%zu] already, which the same "
                                   "account may use",
                                   other->name, i);
        }
        if (bucket->is_default && other->is_default) {
            return document_refuse(document, KEY("buckets[%zu].default", index), err,
                                   "one default bucket per account is expected, and buckets[%zu] "
                                   "is one already",
                                   i);
        }
    }
    return STATUS_OK;
}

static enum status read_bucket_account(const struct document *document, size_t index,
                                       const char *name_or_id, const struct config *config,
                                       struct bucket *bucket, struct error *err)
{
    if (name_or_id == NULL)
        return STATUS_OK;
    const struct account *account = tenants_find_account(config, name_or_id);
    if (account == NULL)
        return document_refuse(document, KEY("buckets[%zu].account", index), err,
                               "the name or id of an account is expected, not '%s'", name_or_id);
    memcpy(bucket->account, account->id, ID_SIZE);
    return STATUS_OK;
}

static enum status read_bucket(const struct document *document, const struct raw_config *raw_config,
                               struct config *config, struct error *err)
{
    size_t index = config->bucket_count++;
    const struct raw_bucket *raw = &raw_config->buckets.items[index];
    struct bucket_definition *definition = &config->buckets[index];
    struct bucket *bucket = &definition->bucket;
    if (read_label(document, KEY("buckets[%zu].name", index), raw->name, bucket->name, err) !=
        STATUS_OK)
        return error_status(err);
    if (read_bucket_account(document, index, raw->account, config, bucket, err) != STATUS_OK)
        return error_status(err);
    bool is_only_one = raw_config->buckets.count == 1;
    bucket->provider = (enum bucket_provider)raw_choice(raw->provider, BUCKET_PROVIDER_UNSET);
    bucket->is_default = raw_choice(raw->is_default, is_only_one) != 0;
    bucket->state = BUCKET_AVAILABLE;
    definition->compression =
        (enum bucket_compression)raw_choice(raw->compression, DEFAULT_BUCKET_COMPRESSION);
    definition->extra_verify =
        (enum bucket_extra_verify)raw_choice(raw->extra_verify, DEFAULT_BUCKET_EXTRA_VERIFY);
    if (bucket_place_read(document, index, raw, config, definition, err) != STATUS_OK)
        return error_status(err);
    bucket_id(bucket->account, bucket->name, bucket->id);
    return check_bucket_is_new(document, config, index, err);
}

enum status tenants_read(const struct document *document, const struct raw_config *raw,
                         struct config *config, struct error *err)
{
    config->accounts = calloc(raw->accounts.count, sizeof(config->accounts[0]));
    /* One more than needed: calloc(0) may return NULL. */
    config->buckets = calloc((size_t)raw->buckets.count + 1, sizeof(config->buckets[0]));
    if (config->accounts == NULL || config->buckets == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    for (size_t i = 0; i < raw->accounts.count; i++)
        if (read_account(document, &raw->accounts.items[i], config, err) != STATUS_OK)
            return error_status(err);
    for (size_t i = 0; i < raw->buckets.count; i++)
        if (read_bucket(document, raw, config, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}
