#include "daemon_standalone.h"

#include "config/address.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/hex.h"
#include "core/id.h"
#include "core/secret.h"
#include "model/account.h"

#include <openssl/evp.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    RANDOM_BYTES = 32,
    RANDOM_SIZE = 2 * RANDOM_BYTES + 1,
    LOCK_WAIT_MS = 15000, /* for the Redis of a daemon that was killed */
    LOCK_POLL_MS = 50,
    CONFIG_TEXT_MAX = 4 * PATH_MAX
};

static enum status join(char path[PATH_MAX], const char *directory, const char *name,
                        struct error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "path '%s/%s'", directory, name);
    return STATUS_OK;
}

static enum status make_directory(const char *path, struct error *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return FAIL_ERRNO(err, "make directory '%s'", path);
    return STATUS_OK;
}

/* Between double quotes, without escapes. */
static bool fits_yaml(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f || *text == '"' || *text == '\\')
            return false;
    return true;
}

/* The paths go into a YAML text and a socket address: what those cannot hold is refused here. */
static enum status check_directory(const struct standalone *standalone, struct error *err)
{
    if (!fits_yaml(standalone->directory))
        return FAIL(err, STATUS_INVALID,
                    "state directory: its path has a quote, a backslash or a control character");
    if (strlen(standalone->redis_socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return FAIL(err, STATUS_TOO_LARGE, "state directory '%s': too long for a socket in it",
                    standalone->directory);
    return STATUS_OK;
}

static enum status make_directories(const char *path, struct standalone *standalone,
                                    struct error *err)
{
    char apps[PATH_MAX];
    char bucket[PATH_MAX];
    if (file_make_directories(path, 0700, err) != STATUS_OK)
        return error_status(err);
    if (realpath(path, standalone->directory) == NULL)
        return FAIL_ERRNO(err, "state directory '%s'", path);
    const char *directory = standalone->directory;
    if (join(apps, directory, "apps.d", err) != STATUS_OK ||
        join(bucket, directory, "bucket", err) != STATUS_OK ||
        join(standalone->config, directory, "appbackup.yaml", err) != STATUS_OK ||
        join(standalone->token, directory, "token", err) != STATUS_OK ||
        join(standalone->redis_directory, directory, "redis", err) != STATUS_OK ||
        join(standalone->redis_socket, directory, "redis/redis.sock", err) != STATUS_OK)
        return error_status(err);
    if (check_directory(standalone, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(standalone->redis_address, sizeof(standalone->redis_address), "unix:%.*s",
                   PATH_MAX - 8, standalone->redis_socket);
    if (make_directory(apps, err) != STATUS_OK || make_directory(bucket, err) != STATUS_OK)
        return error_status(err);
    return make_directory(standalone->redis_directory, err);
}

static enum status take_lock(const char *directory, const char *name, int64_t wait_ms, int *ret_fd,
                             struct error *err)
{
    char path[PATH_MAX];
    if (join(path, directory, name, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", path);
    int64_t deadline = clock_mono_ms() + wait_ms;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return FAIL_ERRNO(err, "lock '%s'", path);
        if (clock_mono_ms() >= deadline)
            return FAIL_REASON(err, STATUS_LOCKED, REASON_STATE_DIRECTORY_IN_USE,
                               "'%s' is locked: it is in use by another process", path);
        (void)poll(NULL, 0, LOCK_POLL_MS);
    }
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status draw_random(char text[RANDOM_SIZE], struct error *err)
{
    unsigned char bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return FAIL_ERRNO(err, "random bytes");
    hex_encode(bytes, sizeof(bytes), text);
    explicit_bzero(bytes, sizeof(bytes));
    return STATUS_OK;
}

/* A file with a random text; one that is there already stays. */
static enum status make_random_file(const char *path, struct error *err)
{
    if (access(path, F_OK) == 0)
        return STATUS_OK;
    char text[RANDOM_SIZE + 1];
    if (draw_random(text, err) != STATUS_OK)
        return error_status(err);
    text[RANDOM_SIZE - 1] = '\n';
    enum status status = file_replace(path, text, RANDOM_SIZE, 0600, err);
    explicit_bzero(text, sizeof(text));
    return status;
}

static enum status hash_token(const char *path, char hash_text[2 * TOKEN_HASH_SIZE + 1],
                              struct error *err)
{
    CLEANUP(secret_freep) struct secret *token = NULL;
    if (secret_read(path, &token, err) != STATUS_OK)
        return error_status(err);
    const char *text = secret_text(token);
    if (*text == '\0')
        return FAIL(err, STATUS_INVALID, "'%s': a token is expected in the file", path);
    unsigned char hash[TOKEN_HASH_SIZE];
    if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
        return FAIL(err, STATUS_UNSUPPORTED, "OpenSSL offers no SHA-256");
    hex_encode(hash, sizeof(hash), hash_text);
    return STATUS_OK;
}

static const char config_format[] =
    "# Made by 'appbackupd --standalone' at its first start, and yours from then on. Every key is\n"
    "# explained in the sample that comes with the program, config/appbackup.yaml.\n"
    "state_directory: \"%s\"\n"
    "apps_directory: \"%s\"\n"
    "master_key_file: master.key # keep a copy elsewhere: no backup can be read without it\n"
    "redis:\n"
    "  address: \"%s\" # started by appbackupd\n"
    "http:\n"
    "  listeners:\n"
    "    - address: \"%s\"\n"
    "accounts:\n"
    "  - id: %s\n"
    "    name: default\n"
    "    tokens:\n"
    "      - name: owner # the token itself is in the file \"token\"\n"
    "        role: owner\n"
    "        sha256: \"%s\"\n"
    "buckets:\n"
    "  - name: default\n"
    "    provider: directory\n"
    "    path: bucket\n"
    "    default: true\n";

/* The apps directory as an absolute path: the configuration may be read from anywhere. */
static enum status find_apps(const struct standalone *standalone,
                             const struct standalone_options *options, char apps[PATH_MAX],
                             struct error *err)
{
    if (options->apps_directory == NULL)
        return join(apps, standalone->directory, "apps.d", err);
    if (realpath(options->apps_directory, apps) == NULL)
        return FAIL_ERRNO(err, "--app-directory '%s'", options->apps_directory);
    if (!fits_yaml(apps))
        return FAIL(err, STATUS_INVALID, "--app-directory: a path without quotes is expected");
    return STATUS_OK;
}

/* The configuration refuses the same of its own listeners without a certificate. */
static enum status check_listen(const char *address, struct error *err)
{
    bool is_local =
        address_is_unix(address) || (address_is_numeric(address) && address_is_loopback(address));
    if (is_local && fits_yaml(address))
        return STATUS_OK;
    return FAIL(err, STATUS_INVALID,
                "--listen: '127.0.0.1:PORT', '[::1]:PORT' or 'unix:/PATH' is expected, not '%s'; "
                "other addresses need TLS and belong into the configuration",
                address);
}

static enum status write_config(const struct standalone *standalone,
                                const struct standalone_options *options, struct error *err)
{
    const char *listen = options->listen == NULL ? DEFAULT_HTTP_LISTENERS : options->listen;
    char apps[PATH_MAX];
    char hash[2 * TOKEN_HASH_SIZE + 1];
    char account[ID_SIZE];
    if (find_apps(standalone, options, apps, err) != STATUS_OK ||
        hash_token(standalone->token, hash, err) != STATUS_OK)
        return error_status(err);
    id_random(account);

    CLEANUP(freep) char *text = NULL;
    int len = asprintf(&text, config_format, standalone->directory, apps, standalone->redis_address,
                       listen, account, hash);
    if (len < 0) {
        text = NULL; /* asprintf leaves it undefined */
        return FAIL(err, STATUS_NO_MEMORY, "write '%s'", standalone->config);
    }
    return file_replace(standalone->config, text, (size_t)len, 0600, err);
}

/* The configuration comes last: if it is there, all else has been made. */
static enum status make_files(const struct standalone *standalone,
                              const struct standalone_options *options, struct error *err)
{
    if (access(standalone->config, F_OK) == 0)
        return STATUS_OK;
    char key[PATH_MAX];
    if (join(key, standalone->directory, "master.key", err) != STATUS_OK ||
        make_random_file(key, err) != STATUS_OK ||
        make_random_file(standalone->token, err) != STATUS_OK)
        return error_status(err);
    return write_config(standalone, options, err);
}

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static bool find_beside(const char *name, char path[PATH_MAX])
{
    char own[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (len <= 0)
        return false;
    own[len] = '\0';
    char *slash = strrchr(own, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return snprintf(path, PATH_MAX, "%s/%s", own, name) < PATH_MAX && is_program(path);
}

static bool find_in_path(const char *name, char path[PATH_MAX])
{
    const char *directories = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (directories == NULL)
        directories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (*directories != '\0') {
        size_t len = strcspn(directories, ":");
        if (len > 0 && len < PATH_MAX &&
            snprintf(path, PATH_MAX, "%.*s/%s", (int)len, directories, name) < PATH_MAX &&
            is_program(path))
            return true;
        directories += len + (directories[len] == ':');
    }
    return false;
}

static enum status find_programs(struct standalone *standalone, struct error *err)
{
    if (!find_in_path("redis-server", standalone->redis_server))
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_PROGRAM_MISSING,
                           "no redis-server in PATH (Debian: apt-get install redis-server)");
    if (!find_beside("appbackup-worker", standalone->worker) &&
        !find_in_path("appbackup-worker", standalone->worker))
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_PROGRAM_MISSING,
                           "no appbackup-worker beside this program, nor in PATH");
    return STATUS_OK;
}

static enum status open_directory(const struct standalone_options *options,
                                  struct standalone *standalone, struct error *err)
{
    if (make_directories(options->directory, standalone, err) != STATUS_OK)
        return error_status(err);
    if (take_lock(standalone->directory, "lock", 0, &standalone->lock_fd, err) != STATUS_OK)
        return error_status(err);
    if (take_lock(standalone->redis_directory, "lock", LOCK_WAIT_MS, &standalone->redis_lock_fd,
                  err) != STATUS_OK)
        return error_status(err);
    if (make_files(standalone, options, err) != STATUS_OK)
        return error_status(err);
    return find_programs(standalone, err);
}

enum status standalone_open(const struct standalone_options *options,
                            struct standalone *ret_standalone, struct error *err)
{
    *ret_standalone = (struct standalone){.lock_fd = -1, .redis_lock_fd = -1};
    if (options->listen != NULL && check_listen(options->listen, err) != STATUS_OK)
        return error_status(err);
    if (open_directory(options, ret_standalone, err) != STATUS_OK) {
        standalone_close(ret_standalone);
        return FAIL_IN(err, "standalone");
    }
    return STATUS_OK;
}

void standalone_close(struct standalone *standalone)
{
    fd_closep(&standalone->lock_fd);
    fd_closep(&standalone->redis_lock_fd);
    standalone->lock_fd = standalone->redis_lock_fd = -1;
}

enum status standalone_check(const struct standalone *standalone,
                             const struct standalone_options *options, const struct config *config,
                             struct error *err)
{
    const char *redis = config->redis.address;
    if (strcmp(redis, standalone->redis_address) != 0) {
        return FAIL(err, STATUS_INVALID,
                    "%s: redis.address: '%s' is expected in standalone mode, not '%s'",
                    standalone->config, standalone->redis_address, redis);
    }
    if (options->apps_directory == NULL)
        return STATUS_OK;
    char wanted[PATH_MAX];
    char configured[PATH_MAX];
    if (find_apps(standalone, options, wanted, err) != STATUS_OK)
        return error_status(err);
    if (realpath(config->apps_directory, configured) == NULL || strcmp(wanted, configured) != 0) {
        return FAIL(err, STATUS_INVALID,
                    "%s: apps_directory: it is '%s', while --app-directory says '%s'",
                    standalone->config, config->apps_directory, wanted);
    }
    return STATUS_OK;
}
