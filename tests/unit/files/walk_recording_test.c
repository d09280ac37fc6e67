#include "files/walk_recording.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdint.h>
#include <string.h>

static struct trail trail;

static void tear_down(void)
{
    trail_done(&trail);
}

TestSuite(trail, .fini = tear_down);

static struct stat directory(void)
{
    return (struct stat){.st_mode = S_IFDIR | 0700, .st_ino = 2};
}

static enum trail_kind next(const char *name)
{
    struct trail_step step;
    trail_next(&trail, &step);
    if (name != NULL)
        cr_expect(step.name != NULL && strcmp(step.name, name) == 0, "%s", name);
    return step.kind;
}

Test(trail, gives_back_what_was_left)
{
    struct stat info = {
        .st_ino = UINT64_MAX - 1,
        .st_dev = (dev_t)0xfedcba9876543210,
        .st_rdev = 0x0123456789,
        .st_size = INT64_MAX,
        .st_mtim = {.tv_sec = -5, .tv_nsec = 999999999},
        .st_ctim = {.tv_sec = INT64_MAX, .tv_nsec = 1},
        .st_mode = S_IFREG | 04755,
        .st_nlink = 65000,
        .st_uid = UINT32_MAX - 1,
        .st_gid = 7,
    };
    struct trail_step step;
    trail_init(&trail, 4096);

    cr_assert(trail_add_entry(&trail, "file", &info));
    trail_add_look(&trail, "\xff\n");
    trail_add_leave(&trail);

    trail_next(&trail, &step);
    cr_expect(eq(int, (int)step.kind, (int)TRAIL_ENTRY));
    cr_expect(eq(str, (char *)step.name, "file"));
    cr_expect(memcmp(&step.info, &info, sizeof(info)) == 0);
    cr_expect(eq(int, (int)next("\xff\n"), (int)TRAIL_LOOK));
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_LEAVE));
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_END));
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_END));
}

Test(trail, ends_where_the_first_step_does_not_fit)
{
    struct stat info = directory();
    trail_init(&trail, 120);

    cr_assert(trail_add_entry(&trail, "first", &info));
    cr_expect(not(trail_add_entry(&trail, "second", &info)));
    trail_add_look(&trail, "x");
    trail_add_leave(&trail);

    cr_expect(eq(int, (int)next("first"), (int)TRAIL_ENTRY));
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_END));
}

Test(trail, skips_what_is_in_a_directory)
{
    struct stat info = directory();
    struct stat file = {.st_mode = S_IFREG};
    trail_init(&trail, 4096);
    cr_assert(trail_add_entry(&trail, "outer", &info));
    cr_assert(trail_add_entry(&trail, "file", &file));
    cr_assert(trail_add_entry(&trail, "inner", &info));
    trail_add_look(&trail, "x");
    trail_add_leave(&trail);
    trail_add_leave(&trail);
    trail_add_look(&trail, "y");
    cr_assert(trail_add_entry(&trail, "open", &info));

    cr_expect(eq(int, (int)next("outer"), (int)TRAIL_ENTRY));
    trail_skip(&trail);
    cr_expect(eq(int, (int)next("y"), (int)TRAIL_LOOK));
    cr_expect(eq(int, (int)next("open"), (int)TRAIL_ENTRY));
    trail_skip(&trail);
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_END));
}

Test(trail, of_nothing_has_nothing)
{
    cr_expect(eq(int, (int)next(NULL), (int)TRAIL_END));
}
