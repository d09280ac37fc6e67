#include "arguments.h"

#include "core/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void store_call_done(struct store_call *call)
{
    for (size_t i = 0; i < call->owned_count; i++)
        free(call->owned[i]);
    call->owned_count = 0;
}

void call_begin_raw(struct store_call *call, const char *command)
{
    call->owned_count = 0;
    call->number_count = 0;
    call->argc = 0;
    call->may_merge = false;
    for (size_t i = 0; i < STORE_BYTES_MAX; i++)
        call->lengths[i] = 0;
    call->argv[call->argc++] = command;
}

void call_begin(struct store_call *call, const char *command, const char *function)
{
    call_begin_raw(call, command);
    call->argv[call->argc++] = function;
    call->argv[call->argc++] = "0";
}

void call_add_text(struct store_call *call, const char *text)
{
    assert(call->argc < STORE_ARGUMENTS_MAX);
    call->argv[call->argc++] = text != NULL ? text : "";
}

void call_add_number(struct store_call *call, int64_t number)
{
    assert(call->number_count < sizeof(call->numbers) / sizeof(call->numbers[0]));
    char *text = call->numbers[call->number_count++];
    (void)snprintf(text, sizeof(call->numbers[0]), "%" PRId64, number);
    call_add_text(call, text);
}

void call_add_flag(struct store_call *call, bool flag)
{
    call_add_text(call, flag ? "1" : "0");
}

void call_add_bytes(struct store_call *call, const char *bytes, size_t len)
{
    assert(call->argc < STORE_BYTES_MAX);
    call->lengths[call->argc] = len;
    call->argv[call->argc++] = len == 0 ? "" : bytes;
}

enum status call_add_json(struct store_call *call, const json_t *json, struct error *err)
{
    if (json == NULL) {
        call_add_text(call, "[]");
        return STATUS_OK;
    }
    assert(call->owned_count < sizeof(call->owned) / sizeof(call->owned[0]));
    char *text = json_write(json);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "arguments of %s", call->argv[1]);
    call->owned[call->owned_count++] = text;
    call_add_text(call, text);
    return STATUS_OK;
}

void call_add_text_field(struct store_call *call, const char *field, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    call_add_text(call, field);
    call_add_text(call, text);
}

void call_add_number_field(struct store_call *call, const char *field, int64_t number)
{
    if (number < 0)
        return;
    call_add_text(call, field);
    call_add_number(call, number);
}

enum status call_add_json_field(struct store_call *call, const char *field, const json_t *json,
                                struct error *err)
{
    if (json == NULL)
        return STATUS_OK;
    call_add_text(call, field);
    return call_add_json(call, json, err);
}
