#include "core/directory.h"

#include "core/cleanup.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;
static struct error err;

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -p srv/shop/data srv/other && touch srv/shop/file && "
                            "ln -s srv/shop link && ln -s ../other srv/shop/out");
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(directory, .init = set_up, .fini = tear_down);

static enum status open_at(const char *path)
{
    CLEANUP(fd_closep) int fd = -1;
    return directory_open(scratch_path(&scratch, path), &fd, &err);
}

Test(directory, is_opened_by_its_real_path)
{
    cr_expect(eq(int, (int)open_at("srv/shop/data"), (int)STATUS_OK), "%s", err.text);
}

Test(directory, is_not_opened_through_a_symbolic_link)
{
    cr_assert(eq(int, (int)open_at("link/data"), (int)STATUS_INVALID));

    cr_expect(error_is(&err, REASON_SYMBOLIC_LINK));
    cr_expect(ne(ptr, strstr(err.text, "/srv/shop/data'"), NULL), "it names the real path: %s",
              err.text);
    cr_expect(eq(int, (int)open_at("link"), (int)STATUS_INVALID), "nor if it is the last name");
}

Test(directory, is_no_file_and_has_an_absolute_path)
{
    CLEANUP(fd_closep) int fd = -1;

    cr_expect(eq(int, (int)open_at("srv/shop/file"), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)open_at("srv/nothing"), (int)STATUS_NOT_FOUND));
    cr_expect(eq(int, (int)directory_open("srv", &fd, &err), (int)STATUS_INVALID));
}

static int errno_below(const char *path)
{
    CLEANUP(fd_closep) int top = open(scratch_path(&scratch, "srv/shop"), O_PATH | O_CLOEXEC);
    CLEANUP(fd_closep)
    int fd = directory_open_at(top, path, O_RDONLY | O_DIRECTORY, DIRECTORY_BELOW);
    return fd >= 0 ? 0 : errno;
}

Test(directory, bounds_what_is_opened_below_another)
{
    cr_expect(eq(int, errno_below("data"), 0));
    cr_expect(eq(int, errno_below("../other"), EXDEV));
    cr_expect(eq(int, errno_below("/"), EXDEV));
    cr_expect(eq(int, errno_below("out"), ELOOP));
}

Test(directory, tells_the_names_of_its_entries)
{
    CLEANUP(dir_closep) DIR *entries = opendir(scratch_path(&scratch, "srv"));
    const char *name = NULL;
    int shop = 0, others = 0;

    do {
        cr_assert(eq(int, (int)directory_next(entries, &name, &err), (int)STATUS_OK));
        if (name != NULL && strcmp(name, "shop") == 0)
            shop++;
        else if (name != NULL && strcmp(name, "other") == 0)
            others++;
        else
            cr_expect(eq(ptr, (void *)name, NULL), "'%s' is no entry", name);
    } while (name != NULL);

    cr_expect(eq(int, shop, 1));
    cr_expect(eq(int, others, 1));
}

Test(directory, knows_whether_it_has_more_entries_than_one)
{
    bool more = false;
    scratch_shell(&scratch, "mkdir empty one; touch one/entry");
    CLEANUP(fd_closep) int empty = open(scratch_path(&scratch, "empty"), O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_closep) int one = open(scratch_path(&scratch, "one"), O_RDONLY | O_CLOEXEC);

    cr_expect(eq(int, (int)directory_has_more(empty, NULL, &more, &err), (int)STATUS_OK));
    cr_expect(not(more));
    cr_expect(eq(int, (int)directory_has_more(one, "entry", &more, &err), (int)STATUS_OK));
    cr_expect(not(more));
    cr_expect(eq(int, (int)directory_has_more(one, "other", &more, &err), (int)STATUS_OK));
    cr_expect(more);
    cr_expect(eq(int, (int)directory_has_more(one, NULL, &more, &err), (int)STATUS_OK));
    cr_expect(more);
}

Test(directory, is_opened_up_to_its_owner_alone)
{
    char *mode = NULL;
    scratch_shell(&scratch, "mkdir -m 2015 closed; touch file");
    CLEANUP(fd_closep) int fd = open(scratch_path(&scratch, "closed"), O_PATH | O_CLOEXEC);
    CLEANUP(fd_closep) int file = open(scratch_path(&scratch, "file"), O_PATH | O_CLOEXEC);

    cr_expect(directory_open_up(fd));
    cr_expect(not(directory_open_up(fd)), "it is open");
    cr_expect(not(directory_open_up(file)));

    mode = scratch_output(&scratch, "stat -c %%a closed");
    cr_expect(eq(str, mode, "2715"));
    free(mode);
}
