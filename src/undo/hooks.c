#include "undo/hooks.h"

#include "core/child.h"
#include "model/detail.h"

#include <stdio.h>
#include <string.h>

enum {
    /* What of the output is shown in "detail", whose limit includes the words in front of it. */
    SHOWN_OUTPUT_MAX = 320
};

static hook_listener_fn *listener;

void hooks_listen(hook_listener_fn *new_listener)
{
    listener = new_listener;
}

static void tell(const struct hooks_request *request, const struct app_hook *hook,
                 const struct child_result *child, const struct error *failure)
{
    const struct hook_news news = {.hook = hook->name,
                                   .backup = request->backup,
                                   .stage = request->stage,
                                   .undo = request->reason == HOOK_REASON_UNDO,
                                   .child = child,
                                   .failure = failure};
    if (listener != NULL)
        listener(&news);
}

static void add_output(json_t *additional, const struct child_result *result)
{
    char *output = detail_clean_text(result->output, result->output_len, CHILD_OUTPUT_MAX);
    if (output != NULL)
        (void)json_object_set_new(additional, "output", json_string(output));
    free(output);
}

static json_t *additional_new(const struct app_hook *hook, enum hook_stage stage,
                              const struct child_result *result)
{
    json_t *additional =
        json_pack("{s:s, s:s*}", "stage", hook_stage_name(stage), "hook", hook->name);
    if (additional == NULL || result == NULL)
        return additional;
    (void)json_object_set_new(additional, "exitCode", json_integer(result->exit_code));
    if (result->signal != 0)
        (void)json_object_set_new(additional, "signal", json_integer(result->signal));
    (void)json_object_set_new(additional, "timedOut", json_boolean(result->timed_out));
    (void)json_object_set_new(additional, "durationMs", json_integer(result->duration_ms));
    add_output(additional, result);
    return additional;
}

/* The last words of a command say most: cut at the front, and at white space behind. */
static const char *shown_output(const struct child_result *result, int *ret_len)
{
    size_t len = result->output_len;
    while (len > 0 && strchr(" \t\r\n", result->output[len - 1]) != NULL)
        len--;
    size_t skip = len > SHOWN_OUTPUT_MAX ? len - SHOWN_OUTPUT_MAX : 0;
    *ret_len = (int)(len - skip);
    return result->output + skip;
}

static void describe(const struct app_hook *hook, const struct child_result *result,
                     struct error *failure)
{
    char how[96];
    child_describe(result, how, sizeof(how));
    int len = 0;
    const char *output = shown_output(result, &len);
    error_set_reason(failure, STATUS_CONFLICT, REASON_HOOK_FAILED, "hook '%.60s': %s%s%.*s",
                     hook->name, how, len > 0 ? ": " : "", len, output);
}

static void note_failure(const struct hooks_request *request, const struct app_hook *hook,
                         const struct child_result *child, const struct error *failure,
                         struct hooks_result *result)
{
    tell(request, hook, child, failure);
    bool aborts = hook->abort_on_failure && !result->aborted;
    if (result->failed++ == 0 || aborts)
        result->failure = *failure;
    result->aborted = result->aborted || aborts;
    if (request->details == NULL)
        return;
    char title[64];
    (void)snprintf(title, sizeof(title), "%s hook failed", hook_stage_name(request->stage));
    detail_add(request->details, REASON_HOOK_FAILED, title, failure->text,
               additional_new(hook, request->stage, child));
}

static enum status run_one(const struct hooks_request *request, const struct app_hook *hook,
                           struct hooks_result *result, struct error *err)
{
    struct hook_context context = {
        .app_name = request->app_name,
        .backup = request->backup,
        .stage = request->stage,
        .reason = request->reason,
        .cancel = request->cancel,
    };
    struct child_result child;
    struct error cause = {0};
    struct error failure = {0};
    if (hook_run(hook, &context, &child, &cause) == STATUS_OK) {
        if (child_succeeded(&child)) {
            tell(request, hook, &child, NULL);
            return STATUS_OK;
        }
        describe(hook, &child, &failure);
        note_failure(request, hook, &child, &failure, result);
        return STATUS_OK;
    }
    if (cancel_check(request->cancel, err) != STATUS_OK)
        return FAIL_IN(err, "hook '%s'", hook->name);
    error_set_reason(&failure, STATUS_CONFLICT, REASON_HOOK_FAILED, "%s", cause.text);
    note_failure(request, hook, NULL, &failure, result);
    return STATUS_OK;
}

enum status hooks_run(const struct hooks_request *request, struct hooks_result *ret_result,
                      struct error *err)
{
    bool before = request->stage == HOOK_PRE_BACKUP || request->stage == HOOK_PRE_SNAPSHOT ||
                  request->stage == HOOK_PRE_RESTORE;
    struct hooks_result result = {0};
    for (size_t i = 0; i < request->hooks->count; i++) {
        if (cancel_check(request->cancel, err) != STATUS_OK)
            return error_status(err);
        if (run_one(request, &request->hooks->items[i], &result, err) != STATUS_OK)
            return error_status(err);
        if (before && result.aborted)
            break;
    }
    *ret_result = result;
    return STATUS_OK;
}
