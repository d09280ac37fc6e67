/*
 * Report: what the store tells as JSON, as it is for programs and as a table for people.
 *
 * Ownership json_t are the caller's.
 */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "core/error.h"
#include "session.h"
#include "store/calls.h"

#include <jansson.h>

#include <stdint.h>
#include <stdio.h>

enum report_form {
    REPORT_TEXT,
    REPORT_NUMBER, /* -1 is "-" */
    REPORT_BYTES,
    REPORT_RATE, /* bytes per second */
    REPORT_PERCENT,
    REPORT_AGE,      /* a time in ms: how long ago */
    REPORT_DURATION, /* ms; -1 is "-" */
    REPORT_TIME,     /* a time in ms */
    REPORT_YES_NO
};

/* A member that is not there is an empty cell. */
struct report_column {
    const char *title;
    const char *field;
    enum report_form form;
};

/* Runs the call, and takes what it owns; its reply is JSON text. */
enum status report_get(struct session *session, struct store_call *call, json_t **ret_json,
                       struct error *err) MUST_CHECK;

/* Runs a call whose reply is a sentence, takes what it owns, and prints the sentence. Where JSON is
 * wanted, it prints the object `ids` with the sentence as its "message". */
enum status report_done(struct session *session, struct store_call *call, json_t *ids,
                        struct error *err) MUST_CHECK;

/* rows: an array of objects. now_ms: what ages are counted to. */
enum status report_table(const json_t *rows, const struct report_column *columns, size_t count,
                         int64_t now_ms, FILE *out, struct error *err) MUST_CHECK;

/* A line for each thing that is paused. */
void report_pauses(const json_t *pauses, int64_t now_ms, FILE *out);

/* These three print lines of one record, each with a label in front.
 *
 * "created     2026-01-31T12:00:00Z (3 m ago)"; nothing for a time that is not known. */
void report_time(const char *label, int64_t wall_ms);

/* Each entry of an array like stateDetails: its title and its text. */
void report_details(FILE *out, const char *label, const json_t *details);

/* Each text of an array. */
void report_texts(const char *label, const json_t *texts);

/* "" and 0 for what is not there. */
const char *report_text(const json_t *object, const char *field);
int64_t report_number(const json_t *object, const char *field);

#endif
