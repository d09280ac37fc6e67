/*
 * Request fields: what the bodies of requests have in common.
 *
 * Errors    INVALID: the text names the field, and shows the value as far as it is text
 */
#ifndef MODEL_REQUEST_FIELDS_H
#define MODEL_REQUEST_FIELDS_H

#include "core/error.h"
#include "core/id.h"
#include "model/names.h"

#include <jansson.h>

enum status request_refuse_value(const char *field, const char *expected, const char *value,
                                 struct error *err);
enum status request_read_type(const json_t *body, const char *wanted, struct error *err) MUST_CHECK;

/* The field "version", which must be one of these; NULL ends them. */
enum status request_read_version(const json_t *body, const char *const *versions,
                                 char version[VERSION_SIZE], struct error *err) MUST_CHECK;

/* Optional fields: "" when they are absent. */
enum status request_read_name(const json_t *body, char name[NAME_SIZE], struct error *err)
    MUST_CHECK;
enum status request_read_id(const json_t *body, const char *field, char id[ID_SIZE],
                            struct error *err) MUST_CHECK;

/* Mends the text of an error in which a long name of an unknown field was cut in the middle of a
 * character. */
void request_keep_whole_characters(struct error *err);

#endif
