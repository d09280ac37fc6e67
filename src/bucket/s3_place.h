/* S3 place: where a bucket's objects are: server, style, bucket and prefix as parts of a URL. */
#ifndef BUCKET_S3_PLACE_H
#define BUCKET_S3_PLACE_H

#include "core/error.h"
#include "object_store_driver.h"

#include <stdbool.h>
#include <stddef.h>

enum { S3_BUCKET_MAX = 63, S3_HOST_SIZE = 256 + S3_BUCKET_MAX + 2, S3_PATH_SIZE = 2048 };

struct s3_place {
    char origin[S3_HOST_SIZE + 8];    /* "https://host:9000", without a default port */
    char host[S3_HOST_SIZE];          /* as the header says it */
    char base[S3_BUCKET_MAX + 2];     /* "/bucket"; "" with the virtual-host style */
    char prefix[OBJECT_NAME_MAX + 2]; /* "" or "segments/" */
};

/* server: "https://host", "http://host:9000"; without a scheme it is https. Errors: INVALID. */
enum status s3_place_init(struct s3_place *place, const char *server, const char *bucket,
                          const char *prefix, bool path_style, struct error *err) MUST_CHECK;

/* The path of an object, as sent: names have only characters that need no encoding. NULL: of the
 * bucket itself. */
enum status s3_place_path(const struct s3_place *place, const char *name, char *path, size_t size,
                          struct error *err) MUST_CHECK;

#endif
