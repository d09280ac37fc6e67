/* S3 request: what is asked of the server, and where the answer goes. */
#ifndef BUCKET_S3_REQUEST_H
#define BUCKET_S3_REQUEST_H

#include "bucket/object.h"
#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { S3_QUERY_SIZE = 12288 };

enum s3_verb { S3_GET, S3_HEAD, S3_PUT, S3_DELETE };

struct s3_range {
    uint64_t offset;
    size_t len; /* 0: the whole */
};

/* Either is NULL: what arrives goes behind the buffer's contents, or to `bytes`, range.len at most.
 */
struct s3_sink {
    struct buffer *buffer;
    unsigned char *bytes;
};

/* Looks at a whole answer before it counts. CORRUPT: it is none; the request is sent again. */
typedef enum status s3_check_fn(void *context, const char *bytes, size_t len, struct error *err);

struct s3_request {
    enum s3_verb verb;
    const char *name;  /* NULL: the bucket itself */
    const char *query; /* encoded and sorted; "" for none */
    const struct object_part *parts;
    size_t part_count;
    bool only_if_new; /* If-None-Match: * */
    struct s3_range range;
    struct s3_sink sink;
    s3_check_fn *check; /* NULL: any bytes will do; only with a sink that is a buffer */
    void *check_context;
};

#endif
