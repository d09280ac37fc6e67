#include "snapshot/snapshot.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UUID "6b3f1a52-8c70-4d1e-9f2a-0123456789ab"

static struct error err;
static struct snapshot_plan plan;

Test(snapshot_is_ours, knows_only_our_own_names)
{
    static const char *const ours[] = {".appbackup-" UUID "-0", ".appbackup-" UUID "-123456789"};
    static const char *const others[] = {
        "",
        ".",
        ".appbackup-",
        ".appbackup-notes",
        ".appbackup-" UUID,
        ".appbackup-" UUID "-",
        ".appbackup-" UUID "-x",
        ".appbackup-" UUID "-1x",
        ".appbackup-" UUID "-1234567890",
        ".appbackup-" UUID "_0",
        ".appbackup-6B3F1A52-8c70-4d1e-9f2a-0123456789ab-0",
        ".appbackup-6b3f1a52-8c70-4d1e-9f2a-0123456789a-00",
        "appbackup-" UUID "-0",
        "x.appbackup-" UUID "-0",
        ".Appbackup-" UUID "-0",
    };

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        cr_expect(snapshot_is_ours(ours[i]), "%s", ours[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect(not(snapshot_is_ours(others[i])), "%s", others[i]);
}

static void expect_refused(const char *volume, const char *id, enum status status, const char *text)
{
    enum status got = snapshot_plan(volume, APP_SNAPSHOT_NONE, id, &plan, &err);

    cr_expect(eq(int, (int)got, (int)status), "'%s' '%s': %s", volume, id, err.text);
    cr_expect(strstr(err.text, text) != NULL, "%s", err.text);
}

Test(snapshot_plan, refuses_what_is_no_volume)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_write(&scratch, "file", "", 0644);

    expect_refused("relative", UUID "-0", STATUS_INVALID, "absolute");
    expect_refused("", UUID "-0", STATUS_INVALID, "absolute");
    expect_refused("/tmp/", UUID "-0", STATUS_INVALID, "clean");
    expect_refused("/tmp//x", UUID "-0", STATUS_INVALID, "clean");
    expect_refused("/tmp/../etc", UUID "-0", STATUS_INVALID, "clean");
    expect_refused("/tmp/./x", UUID "-0", STATUS_INVALID, "clean");
    expect_refused("/tmp/..", UUID "-0", STATUS_INVALID, "clean");
    expect_refused("/nonexistent/volume", UUID "-0", STATUS_NOT_FOUND, "/nonexistent/volume");
    expect_refused(scratch_path(&scratch, "file"), UUID "-0", STATUS_INVALID, "not a directory");
    expect_refused("/tmp", "0", STATUS_INVALID, "<uuid>-<number>");
    expect_refused("/tmp", UUID "/../..-0", STATUS_INVALID, "<uuid>-<number>");

    scratch_close(&scratch);
}

Test(snapshot_plan, refuses_a_symbolic_link_and_names_the_real_path)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -p real/data; ln -s real link; ln -s data real/to");

    const char *real = scratch_path(&scratch, "real/data");
    expect_refused(scratch_path(&scratch, "link/data"), UUID "-0", STATUS_INVALID, real);
    expect_refused(scratch_path(&scratch, "real/to"), UUID "-0", STATUS_INVALID, real);
    cr_expect(eq(str, err.reason, "symbolic_link"));

    scratch_close(&scratch);
}

Test(snapshot_plan, refuses_paths_that_are_too_long)
{
    static char volume[PATH_MAX + 8];
    memset(volume, 'x', sizeof(volume) - 1);
    for (size_t i = 0; i < sizeof(volume) - 1; i += 100)
        volume[i] = '/';

    expect_refused(volume, UUID "-0", STATUS_TOO_LARGE, "path");
}

Test(snapshot_remove, refuses_a_path_that_is_no_place_of_ours)
{
    struct gaps gaps = {.list = NULL};
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -m 700 -p victim/snapshot");
    plan = (struct snapshot_plan){.driver = APP_SNAPSHOT_REFLINK};
    (void)snprintf(plan.root, sizeof(plan.root), "%s/victim", scratch.path);

    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_INVALID));
    cr_expect(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_INVALID));

    plan.root[0] = '\0';
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_INVALID));
    cr_expect(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_INVALID));
    cr_expect(access(scratch_path(&scratch, "victim/snapshot"), F_OK) == 0);
    scratch_close(&scratch);
}
