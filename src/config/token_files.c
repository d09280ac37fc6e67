/* Makes and revokes tokens that stand in files of their own; tokens.c reads them. */
#include "config/config.h"
#include "core/file.h"
#include "core/hex.h"
#include "core/user.h"
#include "yaml_listing.h"

#include <openssl/evp.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char front_end_user[] = "appbackup"; /* of appbackupd.service */

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
    if (account->token_count >= ACCOUNT_TOKENS_MAX)
        return FAIL(err, STATUS_CONFLICT, "account '%s' has %zu tokens, and %d is the most",
                    account->name, account->token_count, ACCOUNT_TOKENS_MAX);
    if (directory < 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "%s: open", path);
    if (yaml_listing_read(directory, &listing, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    if (listing->count >= YAML_LISTING_MAX)
        return FAIL(err, STATUS_CONFLICT, "%s has %zu files, and %d is the most", path,
                    listing->count, YAML_LISTING_MAX);
    return STATUS_OK;
}

/* Makes a token, and the text of its file. */
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

/* Makes the directory with its mode, whatever the umask is. One that exists is an admin's, and
 * stays as it is. */
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
        return error_status(err);
    if (file_of(config, account, name, &path, err) != STATUS_OK ||
        make_token(role, ret_token, &text, err) != STATUS_OK ||
        front_end_group(&group, err) != STATUS_OK ||
        make_directory(config->tokens_directory, group, err) != STATUS_OK)
        return error_status(err);
    return file_replace_in_group(path, text, strlen(text), 0640, group, err);
}

enum status config_token_revoke(const struct config *config, const struct account *account,
                                const char *name, struct error *err)
{
    CLEANUP(freep) char *path = NULL;
    if (!name_is_label(name))
        return FAIL(err, STATUS_NOT_FOUND, "account '%s' has no token '%s'", account->name, name);
    if (file_of(config, account, name, &path, err) != STATUS_OK)
        return error_status(err);
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
