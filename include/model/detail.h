/*
 * State details: the API's {type, title, detail, additionalDetails} entries, and reason strings.
 *
 * Limits    title 40, detail 511, reason 127 characters; longer text is cut on a character border.
 *           Invalid UTF-8 is replaced by '?': the text may hold what a hook printed.
 * Source    Astra Control API, stateDetail and stateUnready
 */
#ifndef MODEL_DETAIL_H
#define MODEL_DETAIL_H

#include "core/error.h"

#include <jansson.h>

#include <stddef.h>

enum { DETAIL_TITLE_MAX = 40, DETAIL_TEXT_MAX = 511, DETAIL_REASON_MAX = 127, DETAILS_MAX = 64 };

/* "type" of an entry is this, then the reason code: one page explains each. */
#define DETAIL_TYPE_PREFIX "https://appbackup.invalid/reasons/"

/* Appends one entry unless an equal one is there or DETAILS_MAX is reached. additional: taken, may
 * be NULL. Running out of memory drops the entry: a detail never fails the work it is about. */
void detail_add(json_t *details, enum reason reason, const char *title, const char *text,
                json_t *additional);

/* Appends the entry for a failure: its reason code and its text. */
void detail_add_cause(json_t *details, const char *title, const struct error *cause);

/* Appends the entry for a failure, with the title "<stage> failed". */
void detail_add_error(json_t *details, const char *stage, const struct error *cause);

/* The reason code at the end of an entry's "type". */
const char *detail_code(const char *type);

/* Appends a plain reason to a stateUnready array. */
void detail_add_reason(json_t *reasons, const char *text);

/* Text fit for JSON and for a terminal: new string, valid UTF-8, at most max characters; '?' stands
 * for what is no character, for control characters other than line feed and tab, and for those that
 * turn the direction of writing. Caller frees. */
char *detail_clean_text(const char *bytes, size_t len, size_t max);

#endif
