#include "environment.h"

#include "core/child_command.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const reasons[] = {
    [HOOK_REASON_BACKUP] = "backup",
    [HOOK_REASON_UNDO] = "undo",
    [HOOK_REASON_RESTORE] = "restore",
};

enum status environment_init(struct environment *environment, const struct hook_context *context,
                             const struct user *user, struct error *err)
{
    const struct {
        const char *name, *value;
    } variables[ENVIRONMENT_COUNT] = {
        {"APPBACKUP_APP", context->app_name},
        {"APPBACKUP_BACKUP_ID", context->backup},
        {"APPBACKUP_STAGE", hook_stage_name(context->stage)},
        {"APPBACKUP_REASON", reasons[context->reason]},
        {"PATH", CHILD_PATH},
        {"LANG", "C.UTF-8"},
        {"HOME", user->home},
        {"USER", user->name},
        {"LOGNAME", user->name},
    };

    *environment = (struct environment){.values = {NULL}};
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++) {
        char *text = NULL;
        if (asprintf(&text, "%s=%s", variables[i].name, variables[i].value) < 0)
            return FAIL(err, STATUS_NO_MEMORY, "the environment of a hook");
        environment->owned[i] = text;
        environment->values[i] = text;
    }
    return STATUS_OK;
}

void environment_done(struct environment *environment)
{
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++)
        free(environment->owned[i]);
    *environment = (struct environment){.values = {NULL}};
}
