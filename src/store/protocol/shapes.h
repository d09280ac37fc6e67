/*
 * Shapes: the forms of replies that several decoders have in common.
 *
 * Errors    An error reply first becomes err, by the table of refusal.c; a reply of another shape is
 *           CORRUPT.
 */
#ifndef STORE_PROTOCOL_SHAPES_H
#define STORE_PROTOCOL_SHAPES_H

#include "core/error.h"

#include <hiredis/hiredis.h>

#include <stddef.h>

/* CORRUPT: the reply is not what was expected. */
enum status reply_wrong_shape(const redisReply *reply, const char *expected, struct error *err);

/* Borrowed from the reply. */
enum status reply_text(const redisReply *reply, const char **ret_text, struct error *err)
    MUST_CHECK;

typedef enum status reply_set_field_fn(void *record, const char *field, const char *value,
                                       struct error *err);

/* A record comes as a flat array of field, value, field, value... as from HGETALL. */
enum status reply_record(const redisReply *reply, reply_set_field_fn *set_field, void *record,
                         struct error *err) MUST_CHECK;

/* Without its id a record is no record: a hash of the same name that somebody else made. */
enum status reply_require(const char *id, const char *noun, struct error *err) MUST_CHECK;

/* *ret_found: which of the words it is. */
enum status reply_word(const redisReply *reply, const char *const *words, size_t count,
                       size_t *ret_found, struct error *err) MUST_CHECK;

#endif
