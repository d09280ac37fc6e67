/*
 * Head of an S3 answer: what its headers say of what follows.
 *
 * Limits    a header is read as far as its field here is long; what does not fit means nothing
 * Source    RFC 9110: 8.6 Content-Length, 14.4 Content-Range; RFC 9112: 6 Message Body
 */
#ifndef BUCKET_S3_HEAD_H
#define BUCKET_S3_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { S3_SERVER_DATE_SIZE = 40, S3_LOCATION_SIZE = 4096 };

struct s3_head {
    char date[S3_SERVER_DATE_SIZE];
    char location[S3_LOCATION_SIZE]; /* "" for none, or for one that is too long */
    bool has_length;
    bool is_chunked;
    bool is_encoded;       /* compressed, say: the bytes are not the object's */
    bool is_contradictory; /* two headers disagree, or one cannot be read */
    bool has_range;        /* first to last, both included */
    bool has_total;        /* of the object */
    uint64_t length, first, last, total;
};

/* One line as it came, "HTTP/1.1 200 OK" included, with which a new head begins. */
void s3_head_line(struct s3_head *head, const char *line, size_t len);

#endif
