/*
 * Arguments: what the builders put into a call, one after the other. A function of the library takes
 * no keys: it names them itself.
 *
 * Texts     NULL is an empty text: "any", "none" or "as it is".
 * Limits    More arguments than a struct store_call has room for are a bug: assert().
 */
#ifndef STORE_PROTOCOL_ARGUMENTS_H
#define STORE_PROTOCOL_ARGUMENTS_H

#include "core/error.h"
#include "store/call.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every call begins with one of these: the struct may come uninitialised. */
void call_begin_raw(struct store_call *call, const char *command);
void call_begin(struct store_call *call, const char *command, const char *function);

void call_add_text(struct store_call *call, const char *text);
void call_add_number(struct store_call *call, int64_t number);
void call_add_flag(struct store_call *call, bool flag);
/* They may hold a NUL. Only one of the first STORE_BYTES_MAX arguments can be that. */
void call_add_bytes(struct store_call *call, const char *bytes, size_t len);
/* NULL is an empty array. */
enum status call_add_json(struct store_call *call, const json_t *json, struct error *err)
    MUST_CHECK;

/* A name and a value; nothing where there is no value: an empty text, a negative number, NULL. */
void call_add_text_field(struct store_call *call, const char *field, const char *text);
void call_add_number_field(struct store_call *call, const char *field, int64_t number);
enum status call_add_json_field(struct store_call *call, const char *field, const json_t *json,
                                struct error *err) MUST_CHECK;

#endif
