#include "config/address.h"
#include "paths.h"
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDENTIALS_VARIABLE "$CREDENTIALS_DIRECTORY/"

enum { BUCKET_NAME_MAX = 63, PREFIX_MAX = 256, REGION_MAX = 64, SERVER_MAX = 255 };

/* One bucket's place in the file, and where it goes. */
struct place {
    const struct document *document;
    size_t index;
    const struct raw_bucket *raw;
    const struct config *config;
    struct bucket_definition *definition;
};

/* document_refuse() for a key of the bucket. */
#define REFUSE(place, name, err, ...) \
    document_refuse((place)->document, KEY("buckets[%zu]." name, (place)->index), err, __VA_ARGS__)

static enum status no_memory(const struct place *place, struct error *err)
{
    return FAIL(err, STATUS_NO_MEMORY, "%s", place->document->path);
}

/* What belongs to the other kind of bucket would be silently ignored: a slip. */
static enum status refuse_foreign(const struct place *place, bool is_s3, struct error *err)
{
    const struct raw_bucket *raw = place->raw;

    const struct {
        const char *key;
        bool is_given;
    } foreign[] = {
        {"path", is_s3 && raw->path != NULL},
        {"server_url", !is_s3 && raw->server_url != NULL},
        {"bucket_name", !is_s3 && raw->bucket_name != NULL},
        {"prefix", !is_s3 && raw->prefix != NULL},
        {"region", !is_s3 && raw->region != NULL},
        {"path_style", !is_s3 && raw->path_style != 0},
        {"ca_file", !is_s3 && raw->ca_file != NULL},
        {"credentials_file", !is_s3 && raw->credentials_file != NULL},
    };

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (foreign[i].is_given) {
            return document_refuse(place->document,
                                   KEY("buckets[%zu].%s", place->index, foreign[i].key), err,
                                   "not a setting of provider '%s'",
                                   bucket_provider_name(place->definition->bucket.provider));
        }
    }
    return STATUS_OK;
}

/* NULL only without memory. Caller frees. */
static char *below_state(const struct config *config, const char *name)
{
    char *path = NULL; /* asprintf leaves it undefined on failure */
    return asprintf(&path, "%s/%s", config->state_directory, name) < 0 ? NULL : path;
}

static enum status read_directory(const struct place *place, struct error *err)
{
    struct bucket *bucket = &place->definition->bucket;
    if (place->raw->path == NULL)
        return REFUSE(place, "path", err, "required, but missing");
    place->definition->path = path_from(place->config->path, place->raw->path);
    place->definition->seen_directory = below_state(place->config, "seen-buckets");
    if (place->definition->path == NULL || place->definition->seen_directory == NULL)
        return no_memory(place, err);
    memcpy(bucket->bucket_name, bucket->name, sizeof(bucket->name));
    (void)snprintf(bucket->server_url, sizeof(bucket->server_url), "file://%s",
                   place->config->node);
    return STATUS_OK;
}

static bool has_only(const char *text, size_t max, const char *others)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (strchr(letters, text[i]) == NULL && strchr(others, text[i]) == NULL)
            return false;
    return len > 0 && len <= max;
}

static bool is_segment(const char *segment, size_t len)
{
    bool is_dots = len <= 2 && strspn(segment, ".") >= len;
    return len > 0 && !is_dots;
}

/* "a/b": names of objects begin with it. */
static bool is_prefix(const char *prefix)
{
    if (!has_only(prefix, PREFIX_MAX, "._-/"))
        return false;
    for (const char *segment = prefix;;) {
        size_t len = strcspn(segment, "/");
        if (!is_segment(segment, len))
            return false;
        if (segment[len] == '\0')
            return true;
        segment += len + 1;
    }
}

/* "https://host[:port]", "http://…", or without a scheme. */
static bool is_server(const char *server)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(server, schemes[i], strlen(schemes[i])) == 0) {
            server += strlen(schemes[i]);
            break;
        }
    }
    const char *bracket = *server == '[' ? strchr(server, ']') : NULL;
    const char *port = strchr(bracket == NULL ? server : bracket, ':');
    return has_only(server, SERVER_MAX, ".-_:[]") && port != server &&
           (port == NULL || address_is_port(port + 1));
}

static enum status read_server(const struct place *place, struct error *err)
{
    struct bucket *bucket = &place->definition->bucket;
    const char *server = place->raw->server_url;
    if (server == NULL && bucket->provider == BUCKET_AWS) {
        (void)snprintf(bucket->server_url, sizeof(bucket->server_url),
                       "https://s3.%s.amazonaws.com", place->definition->s3.region);
        return STATUS_OK;
    }
    if (server == NULL)
        return REFUSE(place, "server_url", err, "required, but missing");
    if (!is_server(server))
        return REFUSE(place, "server_url", err, "'https://host[:port]' is expected, not '%.200s'",
                      server);
    (void)snprintf(bucket->server_url, sizeof(bucket->server_url), "%s", server);
    return STATUS_OK;
}

static enum status read_bucket_name(const struct place *place, struct error *err)
{
    const char *name = place->raw->bucket_name;
    if (name == NULL)
        return REFUSE(place, "bucket_name", err, "required, but missing");
    if (!has_only(name, BUCKET_NAME_MAX, "._-") || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0) {
        return REFUSE(place, "bucket_name", err,
                      "1 to %d characters of a-z, A-Z, 0-9, '.', '_' and '-' are expected",
                      BUCKET_NAME_MAX);
    }
    memcpy(place->definition->bucket.bucket_name, name, strlen(name) + 1);
    return STATUS_OK;
}

static enum status read_names(const struct place *place, struct error *err)
{
    const struct raw_bucket *raw = place->raw;
    struct bucket_s3 *s3 = &place->definition->s3;
    if (raw->prefix != NULL && !is_prefix(raw->prefix)) {
        return REFUSE(place, "prefix", err,
                      "1 to %d characters of a-z, A-Z, 0-9, '.', '_', '-' and single '/' between "
                      "them are expected",
                      PREFIX_MAX);
    }
    if (raw->region != NULL && !has_only(raw->region, REGION_MAX, "-_"))
        return REFUSE(place, "region", err, "1 to %d characters of a-z, 0-9 and '-' are expected",
                      REGION_MAX);
    s3->prefix = strdup(raw->prefix == NULL ? "" : raw->prefix);
    s3->region = strdup(raw->region == NULL ? DEFAULT_BUCKET_REGION : raw->region);
    return s3->prefix == NULL || s3->region == NULL ? no_memory(place, err) : STATUS_OK;
}

static enum status read_files(const struct place *place, struct error *err)
{
    const struct raw_bucket *raw = place->raw;
    struct bucket_s3 *s3 = &place->definition->s3;
    const char *keys = raw->credentials_file;
    if (keys == NULL)
        return REFUSE(place, "credentials_file", err, "required, but missing");
    bool is_credential = strncmp(keys, CREDENTIALS_VARIABLE, strlen(CREDENTIALS_VARIABLE)) == 0;
    s3->credentials_file = is_credential ? strdup(keys) : path_from(place->config->path, keys);
    if (raw->ca_file != NULL)
        s3->ca_file = path_from(place->config->path, raw->ca_file);
    s3->cache_directory = below_state(place->config, "cache");
    if (s3->cache_directory == NULL || s3->credentials_file == NULL ||
        (raw->ca_file != NULL && s3->ca_file == NULL))
        return no_memory(place, err);
    return STATUS_OK;
}

static enum status read_s3(const struct place *place, struct error *err)
{
    /* Amazon is about to give up the bucket in the path; the others often cannot do without. */
    bool is_aws = place->definition->bucket.provider == BUCKET_AWS;
    place->definition->s3.path_style = raw_choice(place->raw->path_style, !is_aws) != 0;
    if (read_names(place, err) != STATUS_OK || read_server(place, err) != STATUS_OK ||
        read_bucket_name(place, err) != STATUS_OK)
        return error_status(err);
    return read_files(place, err);
}

enum status bucket_place_read(const struct document *document, size_t index,
                              const struct raw_bucket *raw, const struct config *config,
                              struct bucket_definition *definition, struct error *err)
{
    const struct place place = {document, index, raw, config, definition};
    bool is_s3 = bucket_provider_is_s3(definition->bucket.provider);
    if (refuse_foreign(&place, is_s3, err) != STATUS_OK)
        return error_status(err);
    if (number_read(document, KEY("buckets[%zu].upload_limit", index), raw->upload_limit,
                    &number_bucket_upload_limit, &definition->upload_limit, err) != STATUS_OK ||
        number_read(document, KEY("buckets[%zu].download_limit", index), raw->download_limit,
                    &number_bucket_download_limit, &definition->download_limit, err) != STATUS_OK ||
        number_read(document, KEY("buckets[%zu].jobs_max", index), raw->jobs_max,
                    &number_bucket_jobs_max, &definition->bucket.jobs_max, err) != STATUS_OK)
        return error_status(err);
    return is_s3 ? read_s3(&place, err) : read_directory(&place, err);
}
