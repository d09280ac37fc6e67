#include "s3_place.h"

#include <stdio.h>
#include <string.h>

/* Cuts a scheme off; returns the one that holds. */
static const char *cut_scheme(const char **server)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(*server, schemes[i], len) == 0) {
            *server += len;
            return schemes[i];
        }
    }
    return schemes[0];
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr(".-_:[]", c) != NULL;
}

/* "host", "host:port" or "[::1]:port", with one '/' behind it or none. */
static size_t host_len(const char *server)
{
    size_t len = 0;
    while (server[len] != '\0' && is_host_character(server[len]))
        len++;
    return strcmp(server + len, "") == 0 || strcmp(server + len, "/") == 0 ? len : 0;
}

static size_t without_port(const char *host, size_t len, const char *port)
{
    size_t port_len = strlen(port);
    if (len > port_len && strncmp(host + len - port_len, port, port_len) == 0)
        return len - port_len;
    return len;
}

static bool is_bucket(const char *bucket)
{
    size_t len = strlen(bucket);
    return len <= S3_BUCKET_MAX && object_segment_is_valid(bucket, len);
}

enum status s3_place_init(struct s3_place *place, const char *server, const char *bucket,
                          const char *prefix, bool path_style, struct error *err)
{
    const char *rest = server;
    const char *scheme = cut_scheme(&rest);
    size_t len = host_len(rest);
    if (len == 0)
        return FAIL(err, STATUS_INVALID, "'%.200s' is not the URL of a server", server);
    len = without_port(rest, len, strcmp(scheme, "http://") == 0 ? ":80" : ":443");
    if (!is_bucket(bucket))
        return FAIL(err, STATUS_INVALID, "'%.200s' is not the name of a bucket", bucket);
    if (prefix[0] != '\0' && !object_name_is_valid(prefix))
        return FAIL(err, STATUS_INVALID, "'%.200s' is not a prefix", prefix);
    int written = snprintf(place->host, sizeof(place->host), "%s%s%.*s", path_style ? "" : bucket,
                           path_style ? "" : ".", (int)len, rest);
    if (written >= (int)sizeof(place->host))
        return FAIL(err, STATUS_INVALID, "'%.200s…' is too long for a server", server);
    (void)snprintf(place->origin, sizeof(place->origin), "%s%s", scheme, place->host);
    (void)snprintf(place->base, sizeof(place->base), "%s%.*s", path_style ? "/" : "",
                   path_style ? S3_BUCKET_MAX : 0, bucket);
    (void)snprintf(place->prefix, sizeof(place->prefix), "%.*s%s", OBJECT_NAME_MAX, prefix,
                   prefix[0] == '\0' ? "" : "/");
    return STATUS_OK;
}

enum status s3_place_path(const struct s3_place *place, const char *name, char *path, size_t size,
                          struct error *err)
{
    int len = name == NULL
                  ? snprintf(path, size, "%s%s", place->base, place->base[0] == '\0' ? "/" : "")
                  : snprintf(path, size, "%s/%s%s", place->base, place->prefix, name);
    if (len < 0 || (size_t)len >= size)
        return FAIL(err, STATUS_TOO_LARGE, "the path of the object is too long");
    return STATUS_OK;
}
