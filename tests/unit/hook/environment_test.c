#include "src/hook/environment.h"

#include "core/child_command.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct error err;

static const char *value_of(const struct environment *environment, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *entry = environment->values; *entry != NULL; entry++)
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
            return *entry + len + 1;
    return "(none)";
}

Test(environment, holds_what_hooks_are_promised)
{
    struct environment environment;
    struct hook_context context = {.app_name = "shop; rm -rf /",
                                   .backup = "b-1",
                                   .stage = HOOK_POST_BACKUP,
                                   .reason = HOOK_REASON_UNDO};
    struct user user = {.name = "shop", .home = "/srv/shop"};

    cr_assert(eq(int, (int)environment_init(&environment, &context, &user, &err), STATUS_OK));

    cr_expect(eq(str, (char *)value_of(&environment, "APPBACKUP_APP"), "shop; rm -rf /"));
    cr_expect(eq(str, (char *)value_of(&environment, "APPBACKUP_BACKUP_ID"), "b-1"));
    cr_expect(eq(str, (char *)value_of(&environment, "APPBACKUP_STAGE"), "post-backup"));
    cr_expect(eq(str, (char *)value_of(&environment, "APPBACKUP_REASON"), "undo"));
    cr_expect(eq(str, (char *)value_of(&environment, "PATH"), CHILD_PATH));
    cr_expect(eq(str, (char *)value_of(&environment, "LANG"), "C.UTF-8"));
    cr_expect(eq(str, (char *)value_of(&environment, "HOME"), "/srv/shop"));
    cr_expect(eq(str, (char *)value_of(&environment, "USER"), "shop"));
    cr_expect(eq(str, (char *)value_of(&environment, "LOGNAME"), "shop"));
    cr_expect(eq(ptr, (void *)environment.values[ENVIRONMENT_COUNT], NULL));
    environment_done(&environment);
    environment_done(&environment); /* once more is fine */
}
