#include "core/file_id.h"

#include "core/cleanup.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>

static struct scratch scratch;
static struct error err;

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir a b");
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(file_id, .init = set_up, .fini = tear_down);

static int open_at(const char *name)
{
    int fd = open(scratch_path(&scratch, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(ge(int, fd, 0));
    return fd;
}

Test(file_id, goes_with_the_directory_and_not_with_its_name)
{
    struct file_id identity;
    CLEANUP(fd_closep) int parent = open_at(".");
    CLEANUP(fd_closep) int before = open_at("a");
    cr_assert(eq(int, (int)file_id_read(before, &identity, &err), (int)STATUS_OK));

    scratch_shell(&scratch, "mv a c; mv b a");

    CLEANUP(fd_closep) int moved = open_at("c");
    CLEANUP(fd_closep) int other = open_at("a");
    cr_expect(file_id_is_of(&identity, parent, moved));
    cr_expect(not(file_id_is_of(&identity, parent, other)));
}

Test(file_id, is_not_that_of_an_inode_that_was_born_at_another_time)
{
    struct file_id identity;
    CLEANUP(fd_closep) int parent = open_at(".");
    CLEANUP(fd_closep) int fd = open_at("a");
    cr_assert(eq(int, (int)file_id_read(fd, &identity, &err), (int)STATUS_OK));
    cr_assert(ne(i64, identity.born_ns, 0), "the file system tells it");

    struct file_id unborn = {.inode = identity.inode};
    cr_expect(file_id_is_of(&unborn, parent, fd), "nobody has noted it");
    identity.born_ns++;
    cr_expect(not(file_id_is_of(&identity, parent, fd)));
}

Test(file_id, is_that_of_nothing_before_it_is_noted_and_on_another_file_system)
{
    struct file_id none = {0};
    struct file_id identity;
    CLEANUP(fd_closep) int elsewhere = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep) int parent = open_at(".");
    CLEANUP(fd_closep) int fd = open_at("a");
    cr_assert(eq(int, (int)file_id_read(fd, &identity, &err), (int)STATUS_OK));

    cr_expect(not(file_id_is_of(&none, parent, fd)));
    cr_expect(not(file_id_is_of(&identity, elsewhere, fd)));
}
