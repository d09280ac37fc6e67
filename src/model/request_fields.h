/* What the bodies of requests have in common. INVALID: the text names the field, and shows the
 * value as far as it is text. */
#ifndef MODEL_REQUEST_FIELDS_H
#define MODEL_REQUEST_FIELDS_H

#include "core/error.h"
#include "core/id.h"

#include <jansson.h>

enum status request_refuse_value(const char *field, const char *expected, const char *value,
                                 struct error *err);
enum status request_read_type(const json_t *body, const char *wanted, struct error *err) MUST_CHECK;

/* An optional field: "" when it is absent. */
enum status request_read_id(const json_t *body, const char *field, char id[ID_SIZE],
                            struct error *err) MUST_CHECK;

/* A long name of an unknown field is cut somewhere in the middle of a character. */
void request_keep_whole_characters(struct error *err);

#endif
