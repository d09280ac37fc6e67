/* What a hook sees; documented in hook/hook.h. */
#ifndef HOOK_ENVIRONMENT_H
#define HOOK_ENVIRONMENT_H

#include "core/error.h"
#include "core/user.h"
#include "hook/context.h"

enum { ENVIRONMENT_COUNT = 9 };

struct environment {
    const char *values[ENVIRONMENT_COUNT + 1]; /* "NAME=value"; NULL-terminated, for execve(2) */
    char *owned[ENVIRONMENT_COUNT];
};

/* Release it with environment_done() also after a failure. */
enum status environment_init(struct environment *environment, const struct hook_context *context,
                             const struct user *user, struct error *err) MUST_CHECK;
void environment_done(struct environment *environment);

#endif
