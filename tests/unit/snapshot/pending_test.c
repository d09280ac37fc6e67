#include "src/snapshot/pending.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct error err;

static void expect_next(struct pending *pending, enum pending_step step, const char *path)
{
    struct pending_item item;
    cr_assert(pending_pop(pending, &item));
    cr_expect(eq(int, (int)item.step, (int)step));
    cr_expect(eq(str, item.path, (char *)path));
    free(item.path);
}

Test(pending, gives_back_the_newest_first)
{
    struct pending pending = {.items = NULL};
    cr_assert(eq(int, (int)pending_push(&pending, PENDING_ENTER, ".", NULL, &err), STATUS_OK));
    cr_assert(eq(int, (int)pending_push(&pending, PENDING_LEAVE, "a", NULL, &err), STATUS_OK));
    cr_assert(eq(int, (int)pending_push(&pending, PENDING_ENTER, ".", "b", &err), STATUS_OK));
    cr_assert(eq(int, (int)pending_push(&pending, PENDING_ENTER, "a/b", "c", &err), STATUS_OK));

    expect_next(&pending, PENDING_ENTER, "a/b/c");
    expect_next(&pending, PENDING_ENTER, "b");
    expect_next(&pending, PENDING_LEAVE, "a");
    expect_next(&pending, PENDING_ENTER, ".");
    struct pending_item none;
    cr_expect(not(pending_pop(&pending, &none)));
    pending_done(&pending);
}

Test(pending, grows_and_frees_what_is_left)
{
    struct pending pending = {.items = NULL};

    for (int i = 0; i < 1000; i++)
        cr_assert(eq(int, (int)pending_push(&pending, PENDING_ENTER, "d", "n", &err), STATUS_OK));

    cr_expect(eq(sz, pending.count, 1000));
    pending_done(&pending);
    cr_expect(eq(sz, pending.count, 0));
}

Test(pending, refuses_a_path_over_the_limit)
{
    struct pending pending = {.items = NULL};
    static char deep[PATH_MAX];
    memset(deep, 'x', sizeof(deep) - 1);

    deep[PATH_MAX - 3] = '\0';
    cr_expect(eq(int, (int)pending_push(&pending, PENDING_ENTER, deep, "y", &err), STATUS_OK));
    deep[PATH_MAX - 3] = 'x';
    deep[PATH_MAX - 2] = '\0';
    cr_expect(
        eq(int, (int)pending_push(&pending, PENDING_ENTER, deep, "y", &err), STATUS_TOO_LARGE));

    pending_done(&pending);
}
