#include "files/walk_recording.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdint.h>
#include <string.h>

static struct walk_recording recording;

static void tear_down(void)
{
    walk_recording_done(&recording);
}

TestSuite(recording, .fini = tear_down);

static struct stat directory(void)
{
    return (struct stat){.st_mode = S_IFDIR | 0700, .st_ino = 2};
}

static enum recording_kind next(const char *name)
{
    struct recording_step step;
    walk_recording_next(&recording, &step);
    if (name != NULL)
        cr_expect(step.name != NULL && strcmp(step.name, name) == 0, "%s", name);
    return step.kind;
}

Test(recording, gives_back_what_was_left)
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
    struct recording_step step;
    walk_recording_init(&recording, 4096);

    cr_assert(walk_recording_add_entry(&recording, "file", &info));
    walk_recording_add_look(&recording, "\xff\n");
    walk_recording_add_leave(&recording);

    walk_recording_next(&recording, &step);
    cr_expect(eq(int, (int)step.kind, (int)RECORDING_ENTRY));
    cr_expect(eq(str, (char *)step.name, "file"));
    cr_expect(memcmp(&step.info, &info, sizeof(info)) == 0);
    cr_expect(eq(int, (int)next("\xff\n"), (int)RECORDING_LOOK));
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_LEAVE));
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_END));
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_END));
}

Test(recording, ends_where_the_first_step_does_not_fit)
{
    struct stat info = directory();
    walk_recording_init(&recording, 120);

    cr_assert(walk_recording_add_entry(&recording, "first", &info));
    cr_expect(not(walk_recording_add_entry(&recording, "second", &info)));
    walk_recording_add_look(&recording, "x");
    walk_recording_add_leave(&recording);

    cr_expect(eq(int, (int)next("first"), (int)RECORDING_ENTRY));
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_END));
}

Test(recording, skips_what_is_in_a_directory)
{
    struct stat info = directory();
    struct stat file = {.st_mode = S_IFREG};
    walk_recording_init(&recording, 4096);
    cr_assert(walk_recording_add_entry(&recording, "outer", &info));
    cr_assert(walk_recording_add_entry(&recording, "file", &file));
    cr_assert(walk_recording_add_entry(&recording, "inner", &info));
    walk_recording_add_look(&recording, "x");
    walk_recording_add_leave(&recording);
    walk_recording_add_leave(&recording);
    walk_recording_add_look(&recording, "y");
    cr_assert(walk_recording_add_entry(&recording, "open", &info));

    cr_expect(eq(int, (int)next("outer"), (int)RECORDING_ENTRY));
    walk_recording_skip(&recording);
    cr_expect(eq(int, (int)next("y"), (int)RECORDING_LOOK));
    cr_expect(eq(int, (int)next("open"), (int)RECORDING_ENTRY));
    walk_recording_skip(&recording);
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_END));
}

Test(recording, of_nothing_has_nothing)
{
    cr_expect(eq(int, (int)next(NULL), (int)RECORDING_END));
}
