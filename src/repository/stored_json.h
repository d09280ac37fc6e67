/*
 * Small JSON objects that were stored: core/json.h, but what is wrong with them is damage
 * (CORRUPT), not somebody's input.
 */
#ifndef REPOSITORY_STORED_JSON_H
#define REPOSITORY_STORED_JSON_H

#include "core/json.h"

/* Must be an object. Caller owns *ret_json. */
enum status stored_json_read(const void *text, size_t len, json_t **ret_json, struct error *err)
    MUST_CHECK;

#endif
