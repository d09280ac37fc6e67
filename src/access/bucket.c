#include "access/bucket.h"

#include "bucket/object_store.h"
#include "bucket/s3_ca.h"
#include "bucket/s3_credentials.h"
#include "bucket_marker.h"
#include "core/clock.h"
#include "core/hex.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A probe is for a person who wants to know now, and it comes again. */
static const struct object_store_patience probe_patience = {
    .connect_ms = 5000, .stall_ms = 10000, .request_ms = 15000, .attempts = 2};

#define MARKERS "probe/"

enum {
    PREFIX_SIZE = 512,
    MARKER_BYTES = 16,
    MARKER_DIGITS = 2 * MARKER_BYTES,
    TIME_DIGITS_MAX = 12,
    MARKER_SIZE = sizeof(MARKERS) + 20 + 1 + MARKER_DIGITS, /* 20: of any number of seconds */
    MARKER_AGE_S = 60 * 60,                                 /* a probe takes a minute or so */
    LEFT_OVER_MAX = 64
};

static enum status open_below(const struct bucket_definition *definition, const char *below,
                              struct object_store **ret_store, struct error *err)
{
    enum status status = object_store_open_directory(definition->bucket.name, definition->path,
                                                     below, ret_store, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    /* A mount that is late, or an NFS server away: it may be there the next time. */
    struct error cause = *err;
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, "%s", cause.text);
}

/* What is open cannot be unmounted: the root stays so until the other is. */
static enum status open_directory(const struct bucket_definition *definition,
                                  const struct access_bucket_use *use,
                                  struct object_store **ret_store, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *root = NULL;
    if (open_below(definition, "", &root, err) != STATUS_OK ||
        bucket_marker_check(definition, root, err) != STATUS_OK ||
        open_below(definition, use->below, ret_store, err) != STATUS_OK)
        return error_status(err);
    object_store_set_bandwidth(*ret_store, use->bandwidth, use->cancel);
    return STATUS_OK;
}

static enum status open_s3(const struct bucket_definition *definition,
                           const struct access_bucket_use *use,
                           const struct object_store_patience *patience,
                           struct object_store **ret_store, struct error *err)
{
    const struct bucket_s3 *s3 = &definition->s3;
    char prefix[PREFIX_SIZE];
    bool is_both = s3->prefix[0] != '\0' && use->below[0] != '\0';
    if (snprintf(prefix, sizeof(prefix), "%s%s%s", s3->prefix, is_both ? "/" : "", use->below) >=
        (int)sizeof(prefix))
        return FAIL(err, STATUS_TOO_LARGE, "bucket '%s': the prefix is too long",
                    definition->bucket.name);
    const struct object_store_s3 options = {
        .name = definition->bucket.name,
        .server = definition->bucket.server_url,
        .bucket = definition->bucket.bucket_name,
        .prefix = prefix,
        .region = s3->region,
        .path_style = s3->path_style,
        .ca_file = s3->ca_file,
        .credentials_file = s3->credentials_file,
        .cancel = use->cancel,
        .bandwidth = use->bandwidth,
        .patience = *patience,
    };
    return object_store_open_s3(&options, ret_store, err);
}

static enum status open_any(const struct bucket_definition *definition,
                            const struct access_bucket_use *use,
                            const struct object_store_patience *patience,
                            struct object_store **ret_store, struct error *err)
{
    if (definition->bucket.provider == BUCKET_DIRECTORY)
        return open_directory(definition, use, ret_store, err);
    if (bucket_provider_is_s3(definition->bucket.provider))
        return open_s3(definition, use, patience, ret_store, err);
    return FAIL(err, STATUS_UNSUPPORTED, "bucket '%s': unknown kind of bucket",
                definition->bucket.name);
}

enum status access_bucket_open(const struct bucket_definition *definition,
                               const struct access_bucket_use *use, struct object_store **ret_store,
                               struct error *err)
{
    static const struct object_store_patience patience = {0};
    return open_any(definition, use, &patience, ret_store, err);
}

enum status access_bucket_check(const struct bucket_definition *definition, struct error *err)
{
    const struct access_bucket_use use = {.below = ""};
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    if (definition->bucket.provider != BUCKET_DIRECTORY)
        return STATUS_OK;
    return open_directory(definition, &use, &store, err);
}

/* Returns what is wrong with it, a number of errno(3); 0: nothing is. */
static int problem_of_directory(const char *path, bool for_writing)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return errno;
    if (!S_ISDIR(info.st_mode))
        return ENOTDIR;
    return access(path, R_OK | X_OK | (for_writing ? W_OK : 0)) == 0 ? 0 : errno;
}

enum status access_bucket_check_directory(const struct bucket_definition *definition,
                                          bool for_writing, struct error *err)
{
    if (definition->bucket.provider != BUCKET_DIRECTORY)
        return STATUS_OK;
    int problem = problem_of_directory(definition->path, for_writing);
    if (problem == 0)
        return access_bucket_check(definition, err);
    return FAIL_REASON(err, STATUS_UNAVAILABLE,
                       problem == EROFS ? REASON_BUCKET_READ_ONLY : REASON_BUCKET_UNREACHABLE,
                       "bucket '%s': directory '%.300s': %s", definition->bucket.name,
                       definition->path, strerrordesc_np(problem));
}

/* "<seconds since the epoch>-<digits>": whose probe has been dead for long. */
static bool is_left_over(const char *name)
{
    int64_t seconds = 0;
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > TIME_DIGITS_MAX || name[digits] != '-' ||
        strlen(name + digits + 1) != MARKER_DIGITS)
        return false;
    for (size_t i = 0; i < digits; i++)
        seconds = seconds * 10 + (name[i] - '0');
    return clock_wall_ms() / 1000 - seconds > MARKER_AGE_S;
}

/* Markers that may be removed: some of them, the others the next time. */
struct left_over {
    char names[LEFT_OVER_MAX][MARKER_SIZE];
    size_t count;
};

static enum status on_marker(void *context, const char *name, UNUSED uint64_t size,
                             UNUSED struct error *err)
{
    struct left_over *left = context;
    if (left->count < LEFT_OVER_MAX && is_left_over(name))
        (void)snprintf(left->names[left->count++], MARKER_SIZE, MARKERS "%s", name);
    return STATUS_OK;
}

/* Is listing allowed? What killed probes have left is removed by the way, if that can be done. */
static enum status list_markers(struct object_store *store, struct error *err)
{
    struct left_over left = {.count = 0};
    struct error ignored = {0};
    if (object_store_list(store, MARKERS, on_marker, &left, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < left.count; i++)
        if (object_store_delete(store, left.names[i], &ignored) != STATUS_OK)
            break; /* use_marker() says whether deleting is possible */
    return STATUS_OK;
}

static enum status read_once(struct object_store *store, const char *marker, const char *text,
                             struct error *err)
{
    struct buffer found;
    buffer_init(&found, strlen(text));
    enum status status = object_store_get(store, marker, &found, err);
    bool is_same = status == STATUS_OK && found.len == strlen(text) &&
                   memcmp(found.bytes, text, found.len) == 0;
    buffer_done(&found);
    if (status != STATUS_OK || is_same)
        return status;
    return FAIL(err, STATUS_CORRUPT, "'%s' is not what was put there", marker);
}

static enum status read_back(struct object_store *store, const char *marker, const char *text,
                             struct error *err)
{
    enum status status = read_once(store, marker, text, err);
    if (status != STATUS_CORRUPT && status != STATUS_NOT_FOUND && status != STATUS_TOO_LARGE)
        return status;
    if (object_store_look_again(store, err) != STATUS_OK)
        return error_status(err);
    return read_once(store, marker, text, err);
}

/* The marker's name is its own: several nodes may look at the same time. */
static enum status use_marker(struct object_store *store, struct error *err)
{
    unsigned char random[MARKER_BYTES];
    char text[MARKER_DIGITS + 1];
    char marker[MARKER_SIZE];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return FAIL_ERRNO(err, "getrandom");
    hex_encode(random, sizeof(random), text);
    (void)snprintf(marker, sizeof(marker), MARKERS "%lld-%s", (long long)(clock_wall_ms() / 1000),
                   text);
    const struct object_part part = {text, strlen(text)};
    if (object_store_put(store, marker, &part, 1, err) != STATUS_OK)
        return error_status(err);
    enum status status = read_back(store, marker, text, err);
    struct error second = {0};
    if (object_store_delete(store, marker, &second) == STATUS_OK || status != STATUS_OK)
        return status;
    *err = second;
    return error_status(err);
}

enum status access_bucket_probe(const struct bucket_definition *definition, struct error *err)
{
    const struct access_bucket_use use = {.below = ""};
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    if (open_any(definition, &use, &probe_patience, &store, err) != STATUS_OK ||
        list_markers(store, err) != STATUS_OK)
        return error_status(err);
    return use_marker(store, err);
}

enum status access_bucket_check_credentials(const char *path, struct error *err)
{
    struct s3_credentials credentials = {.secret_key = NULL};
    if (s3_credentials_read(path, &credentials, err) != STATUS_OK)
        return error_status(err);
    s3_credentials_done(&credentials);
    return STATUS_OK;
}

enum status access_bucket_check_ca(const char *path, struct error *err)
{
    return s3_ca_check(path, err);
}
