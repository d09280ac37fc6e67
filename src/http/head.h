/*
 * Head: the request line and the fields of a message, read as strictly as a server must that may
 * stand behind a proxy: what two readers could understand differently is no message.
 *
 * Refused   a line that does not end with CR LF; a NUL, a CR or another control character anywhere;
 *           a name with a space in it or behind it; a folded line; a version that is not 1.x; more
 *           than one Content-Length, Transfer-Encoding or Host, or no Host in HTTP/1.1; a length that
 *           is not digits only; a coding that is not "chunked"; a coding together with a length, or in
 *           HTTP/1.0
 * Taken     names in any case, obs-text in values, spaces and tabs around a value
 * Source    RFC 9110 section 5, RFC 9112 sections 2 to 6
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head {
    enum http_method method;
    unsigned minor; /* of HTTP/1.x; what is above 1 is read as 1 */
    const char *target;
    const char *fields; /* name, NUL, value, NUL; and so on */
    size_t field_count;
    bool has_length;
    uint64_t length; /* of the body; UINT64_MAX: more than fits */
    bool is_chunked;
    bool expects_continue;
    bool is_kept; /* the client wants to use the connection again */
};

enum head_scan { HEAD_PARTIAL, HEAD_COMPLETE, HEAD_BROKEN };

/* Looks for the end of a head in what has come so far. *scanned: 0 at first, and kept from call to
 * call; with HEAD_COMPLETE the length of the head with its empty line. Broken: a bare line feed, or
 * nothing before the empty line. */
enum head_scan head_scan(const char *bytes, size_t len, size_t *scanned);

/* Reads a complete head, whose parts then point into text, which is changed. False: malformed. */
bool head_parse(char *text, size_t len, struct head *ret_head);

/* The value of the first field of this name, in any case; NULL: there is none. */
const char *head_field(const struct head *head, const char *name);

/* Reads a field of a trailer, which is a line without its end. False: malformed. */
bool head_line_is_field(const char *line, size_t len);

/* One of the characters of a name or a method. */
bool head_is_token(char c);

#endif
