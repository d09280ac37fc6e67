/* What concerns a copy file by file: its origins, its end, what changes meanwhile. */
#include "core/cleanup.h"
#include "core/clock.h"
#include "fixture.h"
#include "tests/support/lease.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Of a file in the copy: is its identity that of the live file? */
static bool has_origin(const struct place *place, const char *name, struct stat *ret_info)
{
    char live[256];
    struct stat source;
    CLEANUP(fd_closep) int fd = -1;
    cr_assert(eq(int, (int)snapshot_open(&place->plan, &fd, &err), STATUS_OK), "%s", err.text);
    (void)snprintf(live, sizeof(live), "%s/%s", place->volume, name);
    cr_assert(fstatat(fd, name, ret_info, AT_SYMLINK_NOFOLLOW) == 0);
    cr_assert(lstat(live, &source) == 0);
    snapshot_find_origin(fd, name, ret_info);
    return ret_info->st_dev == source.st_dev && ret_info->st_ino == source.st_ino &&
           ret_info->st_ctim.tv_sec == source.st_ctim.tv_sec &&
           ret_info->st_ctim.tv_nsec == source.st_ctim.tv_nsec;
}

static void expect_origins(size_t kind)
{
    struct place place;
    struct stat one, other;
    set_up(&place, kind);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; echo 1 >same; echo 1 >changed; echo 1 >hard1; ln hard1 hard2;"
                  " echo 1 >forged; setfattr -n trusted.appbackup.origin -v 123 same forged");
    loop_device_wait_for_tick();
    plan(&place);
    scratch_shell(&place.device.scratch, "cd mnt/app/data; echo 2 >changed; echo 2 >forged");

    cr_assert(eq(int, (int)snapshot_take(&place.plan, NULL, &gaps, &err), STATUS_OK), "%s",
              err.text);

    cr_expect(has_origin(&place, "same", &one));
    cr_expect(has_origin(&place, "hard1", &one));
    cr_expect(has_origin(&place, "hard2", &other));
    cr_expect(eq(u64, other.st_ino, one.st_ino));
    cr_expect(not(has_origin(&place, "changed", &one)));
    cr_expect(not(has_origin(&place, "forged", &other)));
    cr_expect(ne(u64, other.st_ino, one.st_ino));
    discard(&place);
    tear_down(&place);
}

Test(snapshot_find_origin, knows_what_has_not_changed_since_the_plan_on_xfs)
{
    expect_origins(KIND_XFS_REFLINK);
}

Test(snapshot_find_origin, knows_what_has_not_changed_since_the_plan_on_btrfs)
{
    expect_origins(KIND_BTRFS_REFLINK);
}

static struct cancel cancel;

static void *cancel_when_it_exists(void *path)
{
    int64_t deadline_ms = clock_mono_ms() + 20000;
    while (access(path, F_OK) != 0 && clock_left_ms(deadline_ms) > 0)
        sched_yield();
    cancel_request(&cancel, STATUS_LOST);
    return NULL;
}

Test(snapshot_take, ends_on_cancel_and_leaves_nothing)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    scratch_shell(&place.device.scratch, "cd mnt/app/data; for d in $(seq 50); do mkdir $d; "
                                         "for f in $(seq 100); do echo $f >$d/$f; done; done");
    plan(&place);
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK));
    char begun[PATH_MAX + 16];
    (void)snprintf(begun, sizeof(begun), "%s/snapshot", place.plan.root);
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, cancel_when_it_exists, begun) == 0);

    enum status status = snapshot_take(&place.plan, &cancel, &gaps, &err);

    (void)pthread_join(thread, NULL);
    cr_expect(eq(int, (int)status, STATUS_LOST), "%s", err.text);
    cr_expect(access(place.plan.root, F_OK) != 0);
    cr_expect(eq(int, (int)snapshot_take(&place.plan, &cancel, &gaps, &err), STATUS_LOST));
    cr_expect(access(place.plan.root, F_OK) != 0);
    cancel_done(&cancel);
    tear_down(&place);
}

static atomic_bool quiet;
static struct place *busy;

static void *keep_changing(void *unused)
{
    char name[192], other[192];
    for (unsigned i = 0; !atomic_load(&quiet); i++) {
        (void)snprintf(name, sizeof(name), "%s/d%u", busy->volume, i % 7);
        (void)snprintf(other, sizeof(other), "%s/e%u", busy->volume, i % 5);
        (void)mkdir(name, 0755);
        (void)close(open(other, O_CREAT | O_WRONLY, 0644));
        (void)strcat(name, "/x");
        (void)rename(other, name);
        (void)unlink(name);
        name[strlen(name) - 2] = '\0';
        (void)rmdir(name);
        if (symlink("/etc", name) == 0)
            (void)unlink(name);
    }
    return unused;
}

Test(snapshot_take, bears_files_that_come_and_go_meanwhile)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; for f in $(seq 200); do echo $f >f$f; done");
    busy = &place;
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, keep_changing, NULL) == 0);

    for (int i = 0; i < 30; i++) {
        take(&place);
        char *count =
            scratch_output(&place.device.scratch, "ls '%s' | grep -c ^f", place.plan.path);
        cr_expect(eq(str, count, "200"));
        free(count);
        cr_assert(eq(int, (int)snapshot_remove(&place.plan, &err), STATUS_OK), "%s", err.text);
    }

    atomic_store(&quiet, true);
    (void)pthread_join(thread, NULL);
    tear_down(&place);
}

Test(snapshot_take, says_when_the_disk_is_full_and_leaves_nothing)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    /* A file must not be its inode's only block: a clone needs inodes, which need free space. */
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; for i in $(seq 3000); do echo $i >f$i; done;"
                  " dd if=/dev/zero of=../fill bs=1M 2>/dev/null; "
                  " dd if=/dev/zero of=../fill2 bs=4k 2>/dev/null; sync; true");
    place.plan = (struct snapshot_plan){.driver = APP_SNAPSHOT_REFLINK};
    scratch_shell(&place.device.scratch, "truncate -s -1M mnt/app/fill; sync");
    plan(&place);
    scratch_shell(&place.device.scratch,
                  "dd if=/dev/zero of=mnt/app/fill3 bs=4k 2>/dev/null; sync; true");

    enum status status = snapshot_take(&place.plan, NULL, &gaps, &err);

    cr_expect(eq(int, (int)status, STATUS_NO_SPACE), "%s", err.text);
    cr_expect(access(place.plan.root, F_OK) != 0);
    char *kept = scratch_output(&place.device.scratch, "ls mnt/app/data | wc -l");
    cr_expect(eq(str, kept, "3000"));
    free(kept);
    tear_down(&place);
}

/* Directories of this name in each other; the last has a file. */
static void make_deep(const char *at, const char *name, int levels)
{
    int fd = open(at, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; i++) {
        cr_assert(mkdirat(fd, name, 0700) == 0);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        (void)close(fd);
        fd = next;
    }
    int file = openat(fd, "bottom", O_CREAT | O_WRONLY, 0640);
    cr_assert(write(file, "deep", 4) == 4);
    (void)close(file);
    cr_assert(linkat(fd, "bottom", fd, "linked", 0) == 0);
    (void)close(fd);
}

/* How many levels of it there are, with the file at the end. */
static int count_deep(int fd, const char *name)
{
    int levels = 0;
    for (int next; (next = openat(fd, name, O_RDONLY | O_DIRECTORY)) >= 0; levels++) {
        (void)close(fd);
        fd = next;
    }
    struct stat info;
    cr_expect(fstatat(fd, "bottom", &info, 0) == 0 && info.st_size == 4 &&
              (info.st_mode & 07777) == 0640);
    cr_expect(fstatat(fd, "linked", &info, 0) == 0 && info.st_size == 4);
    (void)close(fd);
    return levels;
}

Test(snapshot_take, copies_what_is_deeper_than_a_path_may_be_long)
{
    enum { LEVELS = 150 };

    char name[201];
    struct place place;
    struct error problem = {0};
    int fd = -1;
    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    set_up(&place, KIND_XFS_REFLINK);
    make_deep(place.volume, name, LEVELS);
    scratch_shell(&place.device.scratch, "cd mnt/app/data; mkdir e; echo 1 >e/behind");

    take(&place);

    cr_assert(eq(int, (int)snapshot_open(&place.plan, &fd, &problem), STATUS_OK));
    cr_expect(eq(int, count_deep(fd, name), LEVELS));
    cr_expect(eq(sz, gaps.count, 0));
    char *behind = scratch_output(&place.device.scratch, "cat '%s/e/behind'", place.plan.path);
    cr_expect(eq(str, behind, "1"));
    free(behind);
    discard(&place);
    tear_down(&place);
}

Test(snapshot_take, leaves_a_gap_for_what_cannot_be_copied)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; echo a >a; echo z >z; dd if=/dev/zero of=swap bs=1M count=12 "
                  "status=none; chmod 600 swap; ln swap swap2; mkswap -q swap; swapon swap");

    take(&place);

    scratch_shell(&place.device.scratch, "swapoff mnt/app/data/swap");
    char *there =
        scratch_output(&place.device.scratch, "cd '%s'; stat -c '%%n %%s' *", place.plan.path);
    cr_expect(eq(str, there, "a 2\nswap 0\nswap2 0\nz 2"));
    free(there);
    cr_assert(eq(sz, gaps.count, 2));
    char path[PATH_MAX + 16];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/swap", place.plan.path);
    cr_assert(stat(path, &info) == 0);
    const struct gap *gap = gaps_find(&gaps, info.st_ino);
    cr_assert(gap != NULL);
    cr_expect(eq(i64, gap->size, (int64_t)12 << 20));
    cr_expect(strstr(gap->cause, "Text file busy") != NULL, "%s", gap->cause);
    (void)snprintf(path, sizeof(path), "%s/z", place.plan.path);
    cr_assert(stat(path, &info) == 0);
    cr_expect(gaps_find(&gaps, info.st_ino) == NULL);
    gaps_done(&gaps);
    discard(&place);
    tear_down(&place);
}

Test(snapshot_take, waits_for_a_lease_and_leaves_a_gap_where_that_takes_too_long)
{
    struct place place;
    char path[192];
    set_up(&place, KIND_XFS_REFLINK);
    scratch_shell(&place.device.scratch, "cd mnt/app/data; echo soon >soon; echo never >never");
    (void)snprintf(path, sizeof(path), "%s/soon", place.volume);
    pid_t soon = lease_hold(path, true);
    (void)snprintf(path, sizeof(path), "%s/never", place.volume);
    pid_t never = lease_hold(path, false);

    take(&place);

    lease_end(soon);
    lease_end(never);
    char *there =
        scratch_output(&place.device.scratch, "cd '%s'; stat -c '%%n %%s' *", place.plan.path);
    cr_expect(eq(str, there, "never 0\nsoon 5"));
    free(there);
    cr_expect(eq(sz, gaps.count, 1));
    gaps_done(&gaps);
    discard(&place);
    tear_down(&place);
}

Test(snapshot_take, needs_no_descriptor_for_each_level_of_a_deep_tree)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app/data; for i in $(seq 400); do mkdir deep; cd -P deep;"
                  " done; echo bottom >f");
    struct rlimit few;
    cr_assert(getrlimit(RLIMIT_NOFILE, &few) == 0);
    few.rlim_cur = 40;
    cr_assert(setrlimit(RLIMIT_NOFILE, &few) == 0);

    take(&place);

    char *depth =
        scratch_output(&place.device.scratch, "find '%s' -name f -printf %%d", place.plan.path);
    cr_expect(eq(str, depth, "401"));
    free(depth);
    discard(&place);
    tear_down(&place);
}
