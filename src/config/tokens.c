#include "tokens.h"

#include "core/file.h"
#include "core/hex.h"
#include "core/user.h"
#include "paths.h"
#include "raw.h"
#include "schema.h"
#include "trusted.h"
#include "yaml_listing.h"

#include <openssl/evp.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char front_end_user[] = "appbackup"; /* of appbackupd.service */

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
        return err->status;
    if (account->token_count >= TOKENS_MAX)
        return document_refuse(document, "", err, "at most %d tokens are expected", TOKENS_MAX);
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
        return err->status;
    void *data = NULL;
    if (schema_load(document, &raw_token_file_schema, &data, err) != STATUS_OK)
        return err->status;
    const struct raw_token *raw = data;
    token.role = (enum role)raw->role;
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
    struct document document = {0};
    if (yaml_listing_open(directory, config->tokens_directory, file, &document, err) != STATUS_OK)
        return err->status;
    enum status status = read_document(&document, file, config, err);
    document_done(&document);
    return status;
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
            return err->status;
    return STATUS_OK;
}

static enum status file_of(const struct config *config, const struct account *account,
                           const char *name, char **ret_path, struct error *err)
{
    if (asprintf(ret_path, "%s/%s.%s" YAML_LISTING_ENDING, config->tokens_directory, account->name,
                 name) < 0) {
        *ret_path = NULL; /* asprintf leaves it undefined */
        return FAIL(err, STATUS_NO_MEMORY, "token '%s'", name);
    }
    return STATUS_OK;
}

static bool has_token(const struct account *account, const char *name)
{
    for (size_t i = 0; i < account->token_count; i++)
        if (strcmp(account->tokens[i].name, name) == 0)
            return true;
    return false;
}

/* One file more than can be read would make all tokens worthless. */
static enum status check_room(const struct config *config, const struct account *account,
                              struct error *err)
{
    const char *path = config->tokens_directory;
    CLEANUP(fd_closep) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(yaml_listing_freep) struct yaml_listing *listing = NULL;
    if (account->token_count >= TOKENS_MAX)
        return FAIL(err, STATUS_CONFLICT, "account '%s' has %zu tokens, and %d is the most",
                    account->name, account->token_count, TOKENS_MAX);
    if (directory < 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "%s: open", path);
    if (yaml_listing_read(directory, &listing, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    if (listing->count >= YAML_LISTING_MAX)
        return FAIL(err, STATUS_CONFLICT, "%s has %zu files, and %d is the most", path,
                    listing->count, YAML_LISTING_MAX);
    return STATUS_OK;
}

/* The token, and what its file says. */
static enum status make_token(enum role role, char token[CONFIG_TOKEN_SIZE], char **ret_text,
                              struct error *err)
{
    unsigned char bytes[TOKEN_HASH_SIZE];
    unsigned char hash[TOKEN_HASH_SIZE];
    char digits[2 * TOKEN_HASH_SIZE + 1];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return FAIL_ERRNO(err, "random bytes for a token");
    hex_encode(bytes, sizeof(bytes), token);
    if (EVP_Digest(token, CONFIG_TOKEN_SIZE - 1, hash, NULL, EVP_sha256(), NULL) != 1)
        return FAIL(err, STATUS_INTERNAL, "SHA-256 of a token");
    hex_encode(hash, sizeof(hash), digits);
    if (asprintf(ret_text, "sha256: %s\nrole: %s\n", digits, role_name(role)) < 0) {
        *ret_text = NULL;
        return FAIL(err, STATUS_NO_MEMORY, "token");
    }
    return STATUS_OK;
}

/* Root makes tokens for a front end that is another user, where the system has one for it. Whoever
 * else makes them has a front end of his own. */
static enum status front_end_group(gid_t *ret_group, struct error *err)
{
    gid_t group = FILE_GROUP_KEPT;
    if (geteuid() == 0) {
        struct user user;
        enum status status = user_find(front_end_user, &user, err);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            return status;
        if (status == STATUS_OK)
            group = user.gid;
        *err = (struct error){0};
    }
    *ret_group = group;
    return STATUS_OK;
}

/* Whatever the umask is. One that is there is an admin's, and stays as it is. */
static enum status make_directory(const char *path, gid_t group, struct error *err)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? STATUS_OK : FAIL_ERRNO(err, "make directory '%s'", path);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, (uid_t)-1, group) != 0 || fchmod(fd, 0750) != 0)
        return FAIL_ERRNO(err, "directory '%s'", path);
    return file_sync_directory_of(path, err);
}

enum status config_token_create(const struct config *config, const struct account *account,
                                const char *name, enum role role, char ret_token[CONFIG_TOKEN_SIZE],
                                struct error *err)
{
    if (!name_is_label(name))
        return FAIL(err, STATUS_INVALID,
                    "token '%s': 1 to 63 characters of a-z, 0-9 and '-' are expected", name);
    if (has_token(account, name))
        return FAIL(err, STATUS_CONFLICT, "account '%s' has a token '%s' already", account->name,
                    name);
    CLEANUP(freep) char *path = NULL;
    CLEANUP(freep) char *text = NULL;
    gid_t group = FILE_GROUP_KEPT;
    if (check_room(config, account, err) != STATUS_OK)
        return err->status;
    if (file_of(config, account, name, &path, err) != STATUS_OK ||
        make_token(role, ret_token, &text, err) != STATUS_OK ||
        front_end_group(&group, err) != STATUS_OK ||
        make_directory(config->tokens_directory, group, err) != STATUS_OK)
        return err->status;
    return file_replace_in_group(path, text, strlen(text), 0640, group, err);
}

enum status config_token_revoke(const struct config *config, const struct account *account,
                                const char *name, struct error *err)
{
    CLEANUP(freep) char *path = NULL;
    if (!name_is_label(name))
        return FAIL(err, STATUS_NOT_FOUND, "account '%s' has no token '%s'", account->name, name);
    if (file_of(config, account, name, &path, err) != STATUS_OK)
        return err->status;
    struct stat info;
    if (lstat(path, &info) == 0)
        return file_remove(path, err);
    if (errno != ENOENT)
        return FAIL_ERRNO(err, "token '%s'", path);
    if (has_token(account, name))
        return FAIL(err, STATUS_CONFLICT, "token '%s' stands in '%s': remove it there", name,
                    config->path);
    return FAIL(err, STATUS_NOT_FOUND, "account '%s' has no token '%s'", account->name, name);
}
