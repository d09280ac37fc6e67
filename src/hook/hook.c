#include "hook/hook.h"

#include "core/user.h"
#include "environment.h"

static enum status run(const struct app_hook *hook, const struct hook_context *context,
                       const struct user *user, struct child_result *ret_result, struct error *err)
{
    struct environment environment;
    enum status status = environment_init(&environment, context, user, err);
    if (status == STATUS_OK) {
        struct child_command command = {
            .argv = (const char *const *)hook->command,
            .environment = environment.values,
            .user = hook->user,
            .timeout_ms = hook->timeout_ms > 0 ? hook->timeout_ms : HOOK_TIMEOUT_MS,
            .cancel = context->cancel,
            .cancel_grace_ms = HOOK_CANCEL_GRACE_MS,
            .leave_group = true,
        };
        status = child_run(&command, ret_result, err);
    }
    environment_done(&environment);
    return status;
}

enum status hook_run(const struct app_hook *hook, const struct hook_context *context,
                     struct child_result *ret_result, struct error *err)
{
    struct user user;
    struct child_result result;
    if (user_find(hook->user, &user, err) != STATUS_OK ||
        run(hook, context, &user, &result, err) != STATUS_OK)
        return FAIL_IN(err, "%s hook '%s'", hook_stage_name(context->stage), hook->name);
    if (result.canceled && cancel_check(context->cancel, err) != STATUS_OK)
        return FAIL_IN(err, "%s hook '%s'", hook_stage_name(context->stage), hook->name);
    *ret_result = result;
    return STATUS_OK;
}
