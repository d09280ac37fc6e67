/*
 * The XML that S3 services answer with: a page of a listing, and errors. Read with expat, strictly:
 * no document type (so no entities), at most S3_XML_DEPTH_MAX levels, text of S3_XML_TEXT_MAX
 * bytes. A prefix before the name of an element means nothing.
 * Errors    CORRUPT what the server sent is not what was expected; those of the callback.
 */
#ifndef BUCKET_S3_XML_H
#define BUCKET_S3_XML_H

#include "bucket/object.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    S3_XML_DEPTH_MAX = 8,
    S3_XML_TEXT_MAX = 4096,
    S3_TOKEN_SIZE = 2048,
    S3_CODE_SIZE = 64,
    S3_ROOT_SIZE = 64,
    S3_MESSAGE_SIZE = 256
};

/* key: the object's whole name, decoded; any bytes may be in it but NUL. size: it may be
 * OBJECT_SIZE_UNKNOWN. */
typedef enum status s3_entry_fn(void *context, const char *key, uint64_t size, struct error *err);

struct s3_page {
    bool is_truncated;
    char next_token[S3_TOKEN_SIZE]; /* not empty if is_truncated */
    char prefix[S3_XML_TEXT_MAX +
                1]; /* that was listed, as the server says, decoded; "": it does not */
    size_t count;   /* of entries */
};

/* Reads the answer to ListObjectsV2 with encoding-type=url. A page must say whether it is the last:
 * with IsTruncated, however spelt, or with a token alone. */
enum status s3_page_read(const char *bytes, size_t len, s3_entry_fn *entry, void *context,
                         struct s3_page *ret_page, struct error *err) MUST_CHECK;

/* Printable ASCII, cut to the size; "" for what the document does not say, or if it is none. */
struct s3_problem {
    bool is_document; /* well-formed */
    char root[S3_ROOT_SIZE];
    char code[S3_CODE_SIZE];
    char message[S3_MESSAGE_SIZE];
};

void s3_problem_read(const char *bytes, size_t len, struct s3_problem *ret_problem);

#endif
