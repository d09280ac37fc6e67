/* Files that say of themselves what is not so, that are held by others, or that are enormous: what
 * is in them is in the backup, or a warning says that it is not. */
#include "tests/support/odd_files.h"

#include "bucket/object_store.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "repository/tree.h"
#include "tests/support/backup_steps.h"
#include "tests/support/lease.h"
#include "tests/support/loop_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(backup_of_odd_files, .init = backup_steps_set_up, .fini = backup_steps_tear_down);

static void use_volume(const char *path)
{
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(path);
}

/* The volume's file, as the stock restic has it from the backup. */
static void expect_stored(const char *name, const void *content, size_t len)
{
    static char stored[16 << 20];
    free(backup_fixture_restic(&fixture, "dump latest %s/%s >dumped", fixture.volumes[0], name));
    FILE *file = fopen(scratch_path(&fixture.scratch, "dumped"), "rb");
    cr_assert(file != NULL);
    size_t got = fread(stored, 1, sizeof(stored), file);
    (void)fclose(file);
    cr_expect(eq(sz, got, len), "%s", name);
    cr_expect(got == len && (len == 0 || memcmp(stored, content, len) == 0), "%s", name);
}

static size_t count_details(const char *code)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(result.state_details); i++) {
        const json_t *type = json_object_get(json_array_get(result.state_details, i), "type");
        count += strcmp(strrchr(json_string_value(type), '/') + 1, code) == 0;
    }
    return count;
}

Test(backup_of_odd_files, stores_what_reading_gives)
{
    enum { LARGE = 1 << 20 };

    static char large[LARGE];
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i % 251);
    const struct odd_file files[] = {
        {.name = "twice",
         .content = "once",
         .len = 4,
         .size = 4,
         .blocks = 8,
         .is_listed_twice = true},
        {.name = "unsized", .content = "virtual", .len = 7},
        {.name = "unsized-large", .content = large, .len = LARGE},
        {.name = "hole", .content = large, .len = LARGE, .size = LARGE, .seek = ODD_SEEK_HOLE},
        {.name = "seek", .content = large, .len = LARGE, .size = LARGE},
        {.name = "short", .content = "short", .len = 5, .size = LARGE, .blocks = 2048},
        {.name = "empty"},
    };
    struct odd_files odd = {.list = files, .count = sizeof(files) / sizeof(files[0])};
    odd_files_mount(&odd, &fixture.scratch, "odd");
    use_volume(odd.path);

    expect_backup();

    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    for (size_t i = 0; i < odd.count; i++)
        expect_stored(files[i].name, files[i].content, files[i].len);
    backup_fixture_check(&fixture);
    odd_files_unmount(&odd);
}

Test(backup_of_odd_files, waits_for_a_file_that_somebody_holds_a_lease_of)
{
    scratch_shell(&fixture.scratch, "printf content >volume/leased");
    pid_t holder = lease_hold(scratch_path(&fixture.scratch, "volume/leased"), true);

    expect_backup();

    lease_end(holder);
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    expect_stored("leased", "content", 7);
}

/* Into an XFS of its own. */
static void use_xfs(struct loop_device *device, enum app_snapshot_driver driver)
{
    char path[160];
    loop_device_open(device, LOOP_DEVICE_XFS);
    scratch_shell(&device->scratch, "mkdir mnt/volume");
    snprintf(path, sizeof(path), "%s/volume", device->path);
    use_volume(path);
    fixture.app.snapshot = driver;
}

static void expect_no_snapshot_left(struct loop_device *device)
{
    char *left = scratch_output(&device->scratch, "find mnt -name '.appbackup*'");
    cr_expect(eq(str, left, ""));
    free(left);
}

Test(backup_of_odd_files, reads_in_the_volume_what_cannot_be_copied)
{
    struct loop_device device;
    use_xfs(&device, APP_SNAPSHOT_REFLINK);
    scratch_shell(&device.scratch,
                  "cd mnt/volume; mkdir -p b/c; printf first >a; printf last >z; "
                  "dd if=/dev/zero of=b/c/swap bs=1M count=12 status=none; chmod 600 b/c/swap; "
                  "mkswap -q b/c/swap; cp --reflink=never b/c/swap ../reference; swapon b/c/swap");

    expect_backup();

    scratch_shell(&device.scratch, "swapoff mnt/volume/b/c/swap");
    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("file_not_in_snapshot"), 1), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    cr_expect(strstr(details, "volume/b/c/swap': ") != NULL, "%s", details);
    cr_expect(eq(i64, result.bytes_total, (int64_t)(12 << 20) + 9));
    static char swap[12 << 20];
    FILE *file = fopen(scratch_path(&device.scratch, "mnt/reference"), "rb");
    cr_assert(file != NULL && fread(swap, 1, sizeof(swap), file) == sizeof(swap));
    (void)fclose(file);
    expect_stored("a", "first", 5);
    expect_stored("b/c/swap", swap, sizeof(swap));
    expect_stored("z", "last", 4);
    expect_no_snapshot_left(&device);
    backup_fixture_check(&fixture);
    loop_device_close(&device);
}

/* A clone needs inodes, which a full file system has no room for. */
static const char fill[] = "cd mnt; for i in $(seq 3000); do echo $i >volume/f$i; done;"
                           " dd if=/dev/zero of=fill bs=1M 2>/dev/null;"
                           " dd if=/dev/zero of=fill2 bs=4k 2>/dev/null; sync; true";

Test(backup_of_odd_files, goes_on_without_a_snapshot_where_there_is_no_room_for_one)
{
    struct loop_device device;
    use_xfs(&device, APP_SNAPSHOT_AUTO);
    scratch_shell(&device.scratch, fill);

    expect_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("not_a_snapshot"), 1), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    cr_expect(strstr(details, "No space left") != NULL, "%s", details);
    expect_stored("f3000", "3000\n", 5);
    expect_no_snapshot_left(&device);
    loop_device_close(&device);
}

/* The room is there when the snapshot is planned, and gone when it is half made. */
Test(backup_of_odd_files, removes_half_a_copy_and_reads_the_volume)
{
    struct loop_device device;
    char command[256];
    use_xfs(&device, APP_SNAPSHOT_AUTO);
    scratch_shell(&device.scratch, fill);
    scratch_shell(&device.scratch, "truncate -s -1M mnt/fill; sync");
    snprintf(command, sizeof(command), "dd if=/dev/zero of=%s/fill3 bs=4k 2>/dev/null; sync; true",
             device.path);
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "fill", command, false);

    expect_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("not_a_snapshot"), 2), "%s", details);
    cr_expect(strstr(details, "No space left") != NULL, "%s", details);
    expect_stored("f3000", "3000\n", 5);
    expect_no_snapshot_left(&device);
    loop_device_close(&device);
}

Test(backup_of_odd_files, copies_a_subvolume_that_has_an_active_swap_file)
{
    struct loop_device device;
    char path[160];
    loop_device_open(&device, LOOP_DEVICE_BTRFS);
    scratch_shell(&device.scratch,
                  "cd mnt; btrfs -q subvolume create volume; cd volume; printf a >a; touch swap;"
                  " chattr +C swap; dd if=/dev/zero of=swap bs=1M count=12 status=none;"
                  " chmod 600 swap; mkswap -q swap; swapon swap");
    snprintf(path, sizeof(path), "%s/volume", device.path);
    use_volume(path);
    fixture.app.snapshot = APP_SNAPSHOT_AUTO;

    expect_backup();

    scratch_shell(&device.scratch, "swapoff mnt/volume/swap");
    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("file_not_in_snapshot"), 1), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    expect_stored("a", "a", 1);
    expect_no_snapshot_left(&device);
    loop_device_close(&device);
}

/* A store to a page that is dirty already changes no time of the file. */
Test(backup_of_odd_files, reads_again_what_was_written_through_a_mapping)
{
    struct loop_device device;
    loop_device_open(&device, LOOP_DEVICE_EXT4);
    scratch_shell(&device.scratch, "mkdir mnt/volume; printf balance-100 >mnt/volume/ledger; sync");
    char path[160];
    snprintf(path, sizeof(path), "%s/volume", device.path);
    use_volume(path);
    fixture.plan.unseen_ms = 0;
    int fd = open(scratch_path(&device.scratch, "mnt/volume/ledger"), O_RDWR | O_CLOEXEC);
    char *mapped = mmap(NULL, 11, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert(mapped != MAP_FAILED);
    memcpy(mapped, "balance-200", 11);
    expect_backup();
    expect_stored("ledger", "balance-200", 11);

    memcpy(mapped, "balance-999", 11);
    next_backup();

    expect_stored("ledger", "balance-999", 11);
    (void)munmap(mapped, 11);
    (void)close(fd);
    loop_device_close(&device);
}

/* Of the only file below the volume: how many chunks it has, and how many bytes they are. */
static void measure(const struct blob_id *tree, struct repository *repository, const char *name,
                    size_t *ret_count)
{
    struct error err = {0};
    bool more = true;
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    cr_assert(eq(int, (int)tree_reader_open(repository, tree, &reader, &err), STATUS_OK), "%s",
              err.text);
    while (more) {
        struct tree_node node;
        cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), STATUS_OK));
        if (more && node.type == TREE_NODE_DIR)
            measure(&node.subtree, repository, name, ret_count);
        if (more && strcmp(node.name, name) == 0)
            *ret_count = node.content_count;
    }
}

static enum status find_tree(void *context, const struct repository_snapshot *snapshot,
                             struct error *err)
{
    *(struct blob_id *)context = snapshot->tree;
    (void)err;
    return STATUS_OK;
}

static size_t count_chunks(const char *name)
{
    struct object_store *store = NULL;
    struct repository *repository = NULL;
    struct error err = {0};
    struct blob_id tree;
    size_t count = 0;
    open_repository(&store, &repository);
    cr_assert(
        eq(int, (int)repository_list_snapshots(repository, find_tree, &tree, &err), STATUS_OK));
    cr_assert(eq(int, (int)repository_load_index(repository, NULL, &err), STATUS_OK));
    measure(&tree, repository, name, &count);
    repository_close(repository);
    object_store_close(store);
    return count;
}

static long long peak_kib(void)
{
    struct rusage usage;
    cr_assert(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

Test(backup_of_odd_files, spends_nothing_on_enormous_holes)
{
    struct loop_device device;
    use_xfs(&device, APP_SNAPSHOT_NONE);
    scratch_shell(&device.scratch,
                  "cd mnt/volume; printf small >a; printf head >hole;"
                  "truncate -s 16T hole; printf tail >>hole; truncate -s 9000T too-large;"
                  "truncate -s 7E too-large-too; printf behind >z");

    expect_backup();

    int64_t wanted = (INT64_C(16) << 40) + 4 + 5 + 6;
    cr_expect(eq(i64, result.bytes_total, wanted));
    cr_expect(eq(sz, count_details("file_too_large"), 2), "%s", details_of(result.state_details));
    cr_expect(eq(sz, json_array_size(result.state_details), 2), "%s",
              details_of(result.state_details));
    expect_stored("z", "behind", 6);
    /* A chunk with the head, 8 MiB each of the hole, some of 512 KiB up to the tail. */
    size_t chunks = count_chunks("hole");
    cr_expect(ge(sz, chunks, (size_t)2 << 20));
    cr_expect(le(sz, chunks, ((size_t)2 << 20) + 20));
    cr_expect(lt(i64, (int64_t)peak_kib(), (int64_t)900 << 10));
    next_backup();
    expect_summary("0/0/3/0/0/1", NULL);
    loop_device_close(&device);
}
