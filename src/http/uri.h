/*
 * URI: the target of a request line, taken apart: "/a//b%20c?x=1&y" gives the path as it was sent,
 * the segments "a" and "b c", and the pairs (x, 1) and (y, "").
 *
 * Rules     an empty segment is skipped; '+' is a space in the query only; a fragment is dropped;
 *           "%2F" is a character, not a separator
 * Refused   a '%' without two hexadecimal digits, "%00", more segments or pairs than fit
 * Source    RFC 3986, RFC 9112 section 3.2
 */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "http/route.h"

#include <stdbool.h>
#include <stddef.h>

enum { URI_SEGMENTS_MAX = 16 };

struct uri_pair {
    const char *name;
    const char *value;
};

struct uri {
    const char *path;
    const char *segments[URI_SEGMENTS_MAX];
    size_t segment_count;
    struct uri_pair query[HTTP_QUERY_MAX];
    size_t query_count;
};

/* How much text the parts of a target of this length need. */
size_t uri_text_size(size_t target_len);

/* The parts point into text. False: malformed; only the path is set then. */
bool uri_parse(const char *target, char *text, struct uri *uri);

#endif
