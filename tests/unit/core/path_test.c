#include "core/path.h"

#include "core/cleanup.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -p srv/shop srv/backups && ln -s srv/shop link && "
                            "ln -s loop loop && ln -s nowhere dangling");
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(path, .init = set_up, .fini = tear_down);

static const struct {
    const char *path, *resolved; /* below the scratch directory */
} resolved[] = {
    {"srv/shop", "srv/shop"},
    {"srv/shop//", "srv/shop"},
    {"link", "srv/shop"},
    {"link/../backups", "srv/backups"},
    {"link/new/file", "srv/shop/new/file"},
    {"link/new//", "srv/shop/new"},
    {"nowhere/x", "nowhere/x"},
    {"dangling/x", "dangling/x"},
    {"loop/x", "loop/x"},
};

Test(path, is_resolved_as_far_as_it_is_there)
{
    CLEANUP(freep) char *root = path_resolve(scratch_path(&scratch, "."));
    for (size_t i = 0; i < sizeof(resolved) / sizeof(resolved[0]); i++) {
        CLEANUP(freep) char *found = path_resolve(scratch_path(&scratch, resolved[i].path));
        CLEANUP(freep) char *expected = NULL;
        cr_assert(ge(int, asprintf(&expected, "%s/%s", root, resolved[i].resolved), 0));
        cr_expect(eq(str, found, expected));
    }
}

Test(path, is_resolved_from_the_root_if_nothing_is_there)
{
    CLEANUP(freep) char *nothing = path_resolve("/nothing-of-this-name/x");
    CLEANUP(freep) char *root = path_resolve("/");
    cr_expect(eq(str, nothing, "/nothing-of-this-name/x"));
    cr_expect(eq(str, root, "/"));
}

static enum status check(const char *one, const char *other, struct error *err)
{
    CLEANUP(freep) char *first = strdup(scratch_path(&scratch, one));
    CLEANUP(freep) char *second = strdup(scratch_path(&scratch, other));
    return path_check_apart(first, second, err);
}

static const struct {
    const char *one, *other;
    enum status status;
} pairs[] = {
    {"srv/shop", "srv/backups", STATUS_OK},
    {"srv/shop", "srv/shopping", STATUS_OK},
    {"srv", "srv/backups", STATUS_INVALID},
    {"srv/backups/x", "srv/backups", STATUS_INVALID},
    {"srv/shop", "srv/shop", STATUS_INVALID},
    {"link", "srv/shop/new", STATUS_INVALID},
    {"srv", "link", STATUS_INVALID},
    {"link/../backups", "srv/backups/app", STATUS_INVALID},
};

Test(path, is_not_apart_from_one_above_or_below_it_either_way_round)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct error err = {0};
        cr_expect(eq(int, (int)check(pairs[i].one, pairs[i].other, &err), (int)pairs[i].status),
                  "%s %s", pairs[i].one, pairs[i].other);
        cr_expect(eq(int, (int)check(pairs[i].other, pairs[i].one, &err), (int)pairs[i].status),
                  "%s %s", pairs[i].other, pairs[i].one);
    }
}

Test(path, that_is_not_apart_is_told_resolved)
{
    struct error err = {0};
    CLEANUP(freep) char *root = path_resolve(scratch_path(&scratch, "."));
    CLEANUP(freep) char *expected = NULL;
    cr_assert(ge(int, asprintf(&expected, "'%s/srv/shop' lies in '%s/srv'", root, root), 0));
    cr_expect(eq(int, (int)check("link", "srv", &err), (int)STATUS_INVALID));
    cr_expect(eq(str, (char *)err.text, expected));
}

Test(path, root_holds_everything)
{
    struct error err = {0};
    cr_expect(eq(int, (int)path_check_apart("/", "/srv", &err), (int)STATUS_INVALID));
    cr_expect(eq(str, (char *)err.text, "'/srv' lies in '/'"));
}

static const struct {
    const char *path, *directory;
    int below, inside;
} nested[] = {
    {"/srv/shop", "/srv", 1, 1},
    {"/srv", "/srv", 1, 0},
    {"/srvs", "/srv", 0, 0},
    {"/srv", "/srv/shop", 0, 0},
    {"/srv", "/", 1, 1},
    {"/", "/", 1, 0},
    {"shop/data", "shop", 1, 1},
    {"shop", "s", 0, 0},
    {"/srv/shop/a", "/srv/shop", 1, 1},
    {"/srv/shopping", "/srv/shop", 0, 0},
};

Test(path, lies_below_or_inside_another_by_its_text)
{
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        cr_expect(eq(int, path_is_below(nested[i].path, nested[i].directory), nested[i].below),
                  "%s %s", nested[i].path, nested[i].directory);
        cr_expect(eq(int, path_is_inside(nested[i].path, nested[i].directory), nested[i].inside),
                  "%s %s", nested[i].path, nested[i].directory);
    }
}
