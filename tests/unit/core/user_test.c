#include "core/user.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct error err;
static struct user user;

Test(user_find, knows_the_users_of_the_machine)
{
    cr_assert(eq(int, (int)user_find("root", &user, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, (int)user.uid, 0));
    cr_expect(eq(int, (int)user.gid, 0));
    cr_expect(eq(str, user.name, "root"));
    cr_expect(eq(str, user.home, "/root"));
}

Test(user_find, names_the_one_that_does_not_exist)
{
    static const char *const unknown[] = {"no-such-user", "", "0", "root:x", "ROOT"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        cr_expect(eq(int, (int)user_find(unknown[i], &user, &err), STATUS_NOT_FOUND));
        cr_expect(strstr(err.text, unknown[i]) != NULL, "%s", err.text);
        cr_expect(eq(str, err.reason, "unknown_user"));
    }
}

Test(user_find, finds_out_who_we_are)
{
    cr_assert(eq(int, (int)user_find(NULL, &user, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, (int)user.uid, (int)geteuid()));
}

Test(user_find, finds_us_even_without_a_name)
{
    if (geteuid() == 0)
        cr_assert(seteuid(54321) == 0);
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", (unsigned)geteuid());

    cr_assert(eq(int, (int)user_find(NULL, &user, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, (int)user.uid, (int)geteuid()));
    if (getuid() == 0) {
        cr_expect(eq(str, user.name, number));
        cr_expect(eq(str, user.home, "/"));
        cr_assert(seteuid(0) == 0);
    }
    (void)prctl(PR_SET_DUMPABLE, 1); /* which the leak check needs, and another user takes away */
}

Test(user_groups, has_the_primary_group_among_them)
{
    CLEANUP(free_any) gid_t *groups = NULL;
    size_t count = 0;
    cr_assert(eq(int, (int)user_find("daemon", &user, &err), STATUS_OK));

    cr_assert(eq(int, (int)user_groups(&user, &groups, &count, &err), STATUS_OK), "%s", err.text);

    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= groups[i] == user.gid;
    cr_expect(found);
}
