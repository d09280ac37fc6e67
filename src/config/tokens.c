#include "config/raw_keys.h"
#include "core/hex.h"
#include "schema.h"
#include "sections.h"
#include "trusted.h"
#include "yaml_listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum status token_read_hash(const struct document *document, const char *key, const char *text,
                            struct token *token, struct error *err)
{
    if (strlen(text) != (size_t)2 * TOKEN_HASH_SIZE ||
        !hex_decode(text, token->hash, TOKEN_HASH_SIZE))
        return document_refuse(document, key, err,
                               "the SHA-256 of the token is expected: 64 digits 0-9 and a-f");
    return STATUS_OK;
}

/* "<account>.<name>.yaml": neither can have a dot in it. */
static enum status read_file_name(const char *file, const struct document *document,
                                  struct config *config, struct account **ret_account,
                                  struct token *token, struct error *err)
{
    size_t len = strcspn(file, ".");
    const char *name = file[len] == '.' ? file + len + 1 : "";
    size_t name_len = strcspn(name, ".");
    CLEANUP(freep) char *account = strndup(file, len);
    if (account == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    for (size_t i = 0; i < config->account_count; i++)
        if (strcmp(config->accounts[i].name, account) == 0)
            *ret_account = &config->accounts[i];
    if (*ret_account == NULL) {
        return document_refuse(document, "", err,
                               "'<account>.<name>.yaml' is expected, and there is no account '%s'",
                               account);
    }
    if (name_len < sizeof(token->name))
        (void)snprintf(token->name, sizeof(token->name), "%.*s", (int)name_len, name);
    if (strcmp(name + name_len, ".yaml") != 0 || !name_is_label(token->name)) {
        return document_refuse(document, "", err,
                               "'<account>.<name>.yaml' is expected, with a name of 1 to 63 "
                               "characters a-z, 0-9 and '-'");
    }
    return STATUS_OK;
}

static enum status check_is_new(const struct document *document, const struct account *account,
                                const struct token *token, struct error *err)
{
    for (size_t i = 0; i < account->token_count; i++) {
        const struct token *other = &account->tokens[i];
        if (strcmp(other->name, token->name) == 0) {
            return document_refuse(document, "", err,
                                   "'%s' is the name of a token of the account already",
                                   token->name);
        }
        if (memcmp(other->hash, token->hash, TOKEN_HASH_SIZE) == 0)
            return document_refuse(document, "sha256", err, "this is the token of '%s' already",
                                   other->name);
    }
    return STATUS_OK;
}

static enum status add_token(const struct document *document, struct account *account,
                             const struct token *token, struct error *err)
{
    if (check_is_new(document, account, token, err) != STATUS_OK)
        return error_status(err);
    if (account->token_count >= ACCOUNT_TOKENS_MAX)
        return document_refuse(document, "", err, "at most %d tokens are expected",
                               ACCOUNT_TOKENS_MAX);
    struct token *grown =
        reallocarray(account->tokens, account->token_count + 1, sizeof(account->tokens[0]));
    if (grown == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    account->tokens = grown;
    grown[account->token_count++] = *token;
    return STATUS_OK;
}

static enum status read_document(const struct document *document, const char *file,
                                 struct config *config, struct error *err)
{
    struct account *account = NULL;
    struct token token = {0};
    if (read_file_name(file, document, config, &account, &token, err) != STATUS_OK)
        return error_status(err);
    void *data = NULL;
    if (schema_load(document, &raw_token_file_schema, &data, err) != STATUS_OK)
        return error_status(err);
    const struct raw_token_file *raw = data;
    token.role = (enum role)raw_choice(raw->role, ROLE_NONE);
    token_id(account->id, token.name, token.id);
    enum status status = token_read_hash(document, "sha256", raw->sha256, &token, err);
    if (status == STATUS_OK)
        status = add_token(document, account, &token, err);
    schema_free(&raw_token_file_schema, data);
    return status;
}

static enum status read_token_file(int directory, const char *file, struct config *config,
                                   struct error *err)
{
    CLEANUP(document_freep) struct document *document = NULL;
    if (yaml_listing_open(directory, config->tokens_directory, file, &document, err) != STATUS_OK)
        return error_status(err);
    return read_document(document, file, config, err);
}

enum status tokens_read(struct config *config, struct error *err)
{
    const char *path = config->tokens_directory;
    CLEANUP(fd_closep) int directory = -1;
    enum status status = trusted_open(AT_FDCWD, path, S_IFDIR, path, &directory, err);
    if (status == STATUS_NOT_FOUND) {
        *err = (struct error){0};
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    CLEANUP(yaml_listing_freep) struct yaml_listing *listing = NULL;
    if (yaml_listing_read(directory, &listing, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    for (size_t i = 0; i < listing->count; i++)
        if (read_token_file(directory, listing->names[i], config, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}
