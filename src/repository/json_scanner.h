/*
 * JSON scanner: reads a text from front to back, value by value, without building anything. For the
 * large files of a fixed shape, trees and indexes; small ones are read with jansson.
 *
 * A slice is what stands between a string's quotation marks, escapes and all. White space is
 * skipped; keys with escapes in them are seen as unknown.
 *
 * Errors    CORRUPT, with the byte at which the text stops making sense
 */
#ifndef REPOSITORY_JSON_SCANNER_H
#define REPOSITORY_JSON_SCANNER_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_scanner {
    const char *start, *at, *end;
};

struct json_slice {
    const char *at;
    size_t len;
};

void json_scanner_init(struct json_scanner *scanner, const void *text, size_t len);

void json_scan_set_error(const struct json_scanner *scanner, const char *what, struct error *err);

/* For texts whose value cannot be used: CORRUPT, at the current place. */
static inline enum status json_scan_fail(const struct json_scanner *scanner, const char *what,
                                         struct error *err)
{
    json_scan_set_error(scanner, what, err);
    return error_status(err);
}

/* The next character that is not white space, 0 at the end. Stays in front of it. */
char json_scan_peek(struct json_scanner *scanner);
enum status json_scan_char(struct json_scanner *scanner, char c, struct error *err) MUST_CHECK;

/* After '{': bool first = true; while (more) {key; value}. Stands before the value, or, with
 * *ret_more false, behind the '}'. */
enum status json_scan_member(struct json_scanner *scanner, bool *first, struct json_slice *ret_key,
                             bool *ret_more, struct error *err) MUST_CHECK;
/* After '[': stands before the next element, or, with *ret_more false, behind the ']'. */
enum status json_scan_element(struct json_scanner *scanner, bool *first, bool *ret_more,
                              struct error *err) MUST_CHECK;

enum status json_scan_string(struct json_scanner *scanner, struct json_slice *ret_slice,
                             struct error *err) MUST_CHECK;
enum status json_scan_number(struct json_scanner *scanner, uint64_t max, uint64_t *ret_number,
                             struct error *err) MUST_CHECK;
/* True, and behind it, if the next value is null. */
bool json_scan_null(struct json_scanner *scanner);
/* Any value, nested up to 64 deep. Looks at it only as far as it must to find its end. */
enum status json_scan_skip(struct json_scanner *scanner, struct error *err) MUST_CHECK;
/* Nothing but white space is left. */
enum status json_scan_end(struct json_scanner *scanner, struct error *err) MUST_CHECK;

/* Inline, so that the length of a literal is a constant: it is asked of every key. */
static inline bool json_slice_is(const struct json_slice *slice, const char *text)
{
    return slice->len == strlen(text) && memcmp(slice->at, text, slice->len) == 0;
}

/* Undoes JSON's escapes; to has room for slice->len bytes. False: not an escape. */
bool json_slice_decode(const struct json_slice *slice, char *to, size_t *ret_len);

#endif
