/* Trees that are hard to remove, on a real file system. */
#include "snapshot/tree_remove.h"

#include "core/cleanup.h"
#include "tests/support/loop_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop_device device;
static struct error err;

static void set_up(void)
{
    loop_device_open(&device, LOOP_DEVICE_EXT4);
}

static void tear_down(void)
{
    loop_device_close(&device);
}

TestSuite(tree_remove, .init = set_up, .fini = tear_down);

static enum status remove_tree(void)
{
    CLEANUP(fd_closep) int fd = open(device.path, O_RDONLY | O_DIRECTORY);
    err = (struct error){0};
    return tree_remove(fd, "tree", &err);
}

static void expect_left(const char *expected)
{
    char *left = scratch_output(
        &device.scratch,
        "cd mnt; find tree 2>/dev/null | head -n 20 | cut -c -80 | sort | tr '\\n' ' '");
    cr_expect(eq(str, left, (char *)(uintptr_t)expected));
    free(left);
}

static void expect_told(const char *part)
{
    cr_expect(strstr(err.text, part) != NULL, "%s", err.text);
}

Test(tree_remove, removes_all_but_an_immutable_file_and_names_it)
{
    scratch_shell(&device.scratch,
                  "cd mnt; mkdir -p tree/a/b tree/z; touch tree/a/1 tree/a/b/2 tree/a/stays"
                  " tree/z/3; chattr +i tree/a/stays");

    cr_expect(eq(int, (int)remove_tree(), STATUS_FORBIDDEN));

    expect_left("tree tree/a tree/a/stays ");
    expect_told("1 entry stays: 'a/stays' (immutable");
    scratch_shell(&device.scratch, "chattr -i mnt/tree/a/stays");
    cr_expect(eq(int, (int)remove_tree(), STATUS_OK), "%s", err.text);
    expect_left("");
}

Test(tree_remove, goes_past_a_directory_that_is_append_only)
{
    scratch_shell(&device.scratch,
                  "cd mnt; mkdir -p tree/a/below tree/b; touch tree/a/below/1 tree/a/log tree/b/2;"
                  " chattr +a tree/a");

    cr_expect(eq(int, (int)remove_tree(), STATUS_FORBIDDEN));

    expect_left("tree tree/a tree/a/below tree/a/log ");
    expect_told("2 entries stay: ");
    expect_told("(its directory is immutable or append-only");
    scratch_shell(&device.scratch, "chattr -a mnt/tree/a");
    cr_expect(eq(int, (int)remove_tree(), STATUS_OK), "%s", err.text);
}

Test(tree_remove, counts_what_stays_and_names_the_first)
{
    scratch_shell(&device.scratch,
                  "cd mnt; mkdir tree; cd tree; for i in 1 2 3 4 5 6 7; do touch $i; done;"
                  " chattr +i 1 2 3 4 5");

    cr_expect(eq(int, (int)remove_tree(), STATUS_FORBIDDEN));

    expect_left("tree tree/1 tree/2 tree/3 tree/4 tree/5 ");
    expect_told("5 entries stay, the first are: '");
    scratch_shell(&device.scratch, "chattr -i mnt/tree/?");
}

Test(tree_remove, leaves_what_is_mounted_in_it)
{
    scratch_shell(&device.scratch,
                  "cd mnt; mkdir -p tree/a/disk tree/b; mount -t tmpfs none tree/a/disk;"
                  " touch tree/a/disk/kept tree/a/1 tree/b/2");

    cr_expect(ne(int, (int)remove_tree(), STATUS_OK));

    expect_left("tree tree/a tree/a/disk tree/a/disk/kept ");
    expect_told("'a/disk' (something is mounted there)");
    scratch_shell(&device.scratch, "umount mnt/tree/a/disk");
    cr_expect(eq(int, (int)remove_tree(), STATUS_OK), "%s", err.text);
}

/* In a process of its own, with few descriptors; as this user, and without capabilities. */
static int remove_as(uid_t user)
{
    enum { OTHERS_OPEN = 24 }; /* by the frame of the tests */
    const struct rlimit limit = {TREE_REMOVE_OPEN_MAX + OTHERS_OPEN,
                                 TREE_REMOVE_OPEN_MAX + OTHERS_OPEN};
    int status = -1;
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0));
    if (pid == 0) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || setresgid(user, user, user) != 0 ||
            setresuid(user, user, user) != 0 || syscall(SYS_capset, &header, none) != 0)
            _exit(2);
        _exit(remove_tree() == STATUS_OK ? 0 : 1);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    return WEXITSTATUS(status);
}

static int dig(const char *name, int levels)
{
    int fd = open(scratch_path(&device.scratch, "mnt/tree"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; i++) {
        cr_assert(mkdirat(fd, name, 0755) == 0);
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY);
        (void)close(fd);
        fd = below;
    }
    cr_assert(ge(int, fd, 0));
    return fd;
}

Test(tree_remove, needs_few_descriptors_for_a_path_of_any_depth)
{
    char name[201] = "";
    memset(name, 'L', sizeof(name) - 1);
    scratch_shell(&device.scratch, "mkdir mnt/tree");
    (void)close(dig(name, 400));
    int bottom = dig("d", 3000);
    int file = openat(bottom, "file", O_CREAT | O_WRONLY, 0600);
    (void)close(file);
    (void)close(bottom);

    cr_expect(eq(int, remove_as(0), 0));

    expect_left("");
}

Test(tree_remove, names_what_stays_far_down)
{
    char name[201] = "";
    memset(name, 'L', sizeof(name) - 1);
    scratch_shell(&device.scratch, "mkdir mnt/tree");
    int bottom = dig(name, 100);
    (void)close(openat(bottom, "goes", O_CREAT | O_WRONLY, 0600));
    (void)close(openat(bottom, "stays", O_CREAT | O_WRONLY, 0600));
    cr_assert(fchdir(bottom) == 0);
    cr_assert(system("chattr +i stays") == 0);

    cr_expect(eq(int, (int)remove_tree(), STATUS_FORBIDDEN));

    expect_told("1 entry stays: '…/stays' (immutable");
    cr_assert(system("test ! -e goes && chattr -i stays") == 0);
    cr_assert(chdir("/") == 0);
    (void)close(bottom);
    cr_expect(eq(int, (int)remove_tree(), STATUS_OK), "%s", err.text);
    expect_left("");
}

static void make_closed_tree(const char *owner)
{
    scratch_shell(&device.scratch,
                  "cd mnt; mkdir -p tree/mod/pkg tree/none/below outside; touch tree/mod/pkg/x.go"
                  " tree/none/below/1 outside/kept; ln -s ../outside tree/mod/link;"
                  " chown -R %s .; chmod 0555 outside tree/mod tree/mod/pkg; chmod 0 "
                  "tree/none/below tree/none;"
                  " chmod 0555 tree",
                  owner);
}

Test(tree_remove, opens_directories_that_their_owner_has_closed_to_himself)
{
    make_closed_tree("1234:1234");

    cr_expect(eq(int, remove_as(1234), 0));

    expect_left("");
    char *outside = scratch_output(&device.scratch, "stat -c %%a mnt/outside; ls mnt/outside");
    cr_expect(eq(str, outside, "555\nkept"), "no link is followed");
    free(outside);
}

Test(tree_remove, opens_them_as_root_without_capabilities_as_well)
{
    make_closed_tree("0:0");

    cr_expect(eq(int, remove_as(0), 0));

    expect_left("");
}

Test(tree_remove, is_done_where_there_is_nothing)
{
    cr_expect(eq(int, (int)remove_tree(), STATUS_OK), "%s", err.text);
}

/* Moves a directory half way down out of the tree and back, as often as it can. */
static void keep_moving(const char *inside, const char *outside)
{
    for (;;) {
        (void)rename(inside, outside);
        (void)rename(outside, inside);
    }
}

Test(tree_remove, touches_nothing_around_directories_that_are_moved_meanwhile)
{
    enum { TURNS = 20, LEVELS = 60, HALF = LEVELS / 2 };

    char inside[256], outside[128];
    int len = snprintf(inside, sizeof(inside), "%s/tree", device.path);
    for (int i = 0; i < HALF; i++)
        len += snprintf(inside + len, sizeof(inside) - (size_t)len, "/d");
    (void)snprintf(outside, sizeof(outside), "%s/outside/d", device.path);
    scratch_shell(&device.scratch, "mkdir mnt/outside; touch mnt/outside/kept");
    for (int turn = 0; turn < TURNS; turn++) {
        scratch_shell(&device.scratch, "mkdir mnt/tree");
        (void)close(dig("d", LEVELS));
        pid_t mover = fork();
        cr_assert(ge(int, mover, 0));
        if (mover == 0)
            keep_moving(inside, outside);

        enum status status = remove_tree();

        cr_assert(kill(mover, SIGKILL) == 0 && waitpid(mover, NULL, 0) == mover);
        bool told = status == STATUS_OK || strstr(err.text, "stay") != NULL ||
                    strstr(err.text, "remove 'tree'") != NULL;
        cr_expect(told, "%s", err.text);
        scratch_shell(&device.scratch, "cd mnt; test -e outside/kept; rm -rf tree outside/d");
    }
}
