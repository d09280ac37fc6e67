/*
 * JSON getters that name the field which is wrong, and a strict reader (RFC 8259, duplicates are
 * refused).
 *
 * Errors    INVALID: not JSON, missing, of another type, or over its limit; the text names the
 *           field
 * Ownership strings that a getter returns are borrowed from the object
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buffer.h"
#include "core/error.h"

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

/* Bytes to JSON; nothing may follow it. Line and column are in the error. Caller owns *ret_json. */
enum status json_read(const char *bytes, size_t len, json_t **ret_json, struct error *err)
    MUST_CHECK;

/* Compact text, keys in insertion order; NULL only without memory. Caller frees. */
char *json_write(const json_t *json);
/* Appends compact text to the buffer. Values do not contain themselves: unlike jansson's dump
 * this does not look for that, which costs more than the writing. Errors: as buffer_add(). */
enum status json_add(struct buffer *buffer, const json_t *json, struct error *err) MUST_CHECK;

/* Required. */
enum status json_get_text(const json_t *object, const char *field, const char **ret_text,
                          struct error *err) MUST_CHECK;
enum status json_get_integer(const json_t *object, const char *field, int64_t *ret_number,
                             struct error *err) MUST_CHECK;

/* Optional: absent gives NULL, another type is an error. */
enum status json_get_optional_text(const json_t *object, const char *field, const char **ret_text,
                                   struct error *err) MUST_CHECK;

/* Refuses the first member that is not among the NULL-terminated names. */
enum status json_refuse_unknown(const json_t *object, const char *const *known, struct error *err)
    MUST_CHECK;

#endif
