/* Writers that die, and file systems that are full. */
#include "tests/integration/repository/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static struct fixture f;

static void open_fixture(void)
{
    fixture_open(&f);
}

static void close_fixture(void)
{
    fixture_close(&f);
}

TestSuite(crash, .init = open_fixture, .fini = close_fixture);

static void fill(unsigned char *bytes, size_t len, uint64_t seed)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(bytes + i, &seed, 8);
    }
}

/* Backups, one after the other, until it is killed. */
static void write_for_ever(uint64_t seed)
{
    enum { BLOB_BYTES = 1 << 20 };

    unsigned char *bytes = malloc(BLOB_BYTES);
    static const char *const paths[] = {"/x", NULL};
    for (uint64_t round = 0;; round++) {
        struct tree_writer *writer = NULL;
        static const char *const tags[] = {"appbackup", NULL};
        struct repository_snapshot snapshot = {.paths = paths, .tags = tags};
        struct tree_node node = {.name = "x", .name_len = 1, .type = TREE_NODE_FILE};
        struct blob_id ids[24];
        (void)clock_gettime(CLOCK_REALTIME, &snapshot.time);
        fixture_begin(&f);
        for (int i = 0; i < 24; i++) {
            bool known = false;
            fill(bytes, BLOB_BYTES, seed + round * 100 + (uint64_t)i);
            MUST(&f, repository_save_blob(f.repository, BLOB_DATA, bytes, BLOB_BYTES, &ids[i],
                                          &known, &f.err));
        }
        node.content = ids;
        node.content_count = 24;
        node.size = 24 * BLOB_BYTES;
        MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
        MUST(&f, tree_writer_add(writer, &node, &f.err));
        MUST(&f, tree_writer_finish(writer, &snapshot.tree, &f.err));
        tree_writer_free(writer);
        MUST(&f, repository_flush(f.repository, &f.err));
        MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
        fixture_end(&f);
    }
}

/* Not a moment is waited for: the moment is what varies. */
static void kill_at_some_moment(pid_t pid)
{
    struct timespec moment = {.tv_nsec = (rand() % 900) * 1000000L};
    int status = 0;
    (void)nanosleep(&moment, NULL);
    (void)kill(pid, SIGKILL);
    cr_assert(waitpid(pid, &status, 0) == pid);
    int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    cr_assert(eq(int, signal_number, SIGKILL), "the writer ended by itself");
}

Test(crash, at_any_moment_leaves_a_repository_that_restic_finds_clean, .timeout = 200)
{
    srand((unsigned)time(NULL));
    for (int round = 0; round < 15; round++) {
        pid_t pid = fork();
        cr_assert(pid >= 0);
        if (pid == 0) {
            write_for_ever((uint64_t)round * 1000000);
            _exit(1);
        }
        kill_at_some_moment(pid);

        fixture_begin(&f); /* takes the dead one's lock away */
        fixture_end(&f);
        restic(&f, "check");
    }
    fixture_check(&f);
}

Test(crash, of_the_file_systems_room_is_survived)
{
    static unsigned char bytes[1 << 20];
    struct blob_id id;
    bool known = false;
    enum status status = STATUS_OK;
    scratch_shell(&f.scratch, "mount -t tmpfs -o size=24m none bucket");
    object_store_close(f.store);
    MUST(&f, object_store_open_directory("full", scratch_path(&f.scratch, "bucket"), "shop",
                                         &f.store, &f.err));
    fixture_begin(&f);
    for (uint64_t i = 0; i < 64 && status == STATUS_OK; i++) {
        fill(bytes, sizeof(bytes), i);
        status = repository_save_blob(f.repository, BLOB_DATA, bytes, sizeof(bytes), &id, &known,
                                      &f.err);
    }
    cr_expect(eq(int, (int)status, (int)STATUS_NO_SPACE), "%s", f.err.text);
    cr_expect(strstr(f.err.text, "bucket 'full': put 'data/") != NULL, "%s", f.err.text);
    fixture_end(&f);
    scratch_shell(&f.scratch, "test -z \"$(find bucket -name '*~*')\"; "
                              "test -z \"$(ls bucket/shop/locks)\"; "
                              "mount -o remount,size=200m bucket; echo x >source/x");
    (void)fixture_backup(&f);
    fixture_check(&f);
}

Test(crash, is_not_what_two_writers_at_once_cause)
{
    struct fixture other = f;
    static unsigned char bytes[1 << 20];
    struct blob_id id;
    bool known = true;
    fixture_begin(&f);
    fixture_begin(&other);
    fill(bytes, sizeof(bytes), 1);
    MUST(&f,
         repository_save_blob(f.repository, BLOB_DATA, bytes, sizeof(bytes), &id, &known, &f.err));
    MUST(&other, repository_save_blob(other.repository, BLOB_DATA, bytes, sizeof(bytes), &id,
                                      &known, &other.err));
    cr_expect(not(known), "neither can know of the other");
    MUST(&f, repository_flush(f.repository, &f.err));
    MUST(&other, repository_flush(other.repository, &other.err));
    fixture_end(&f);
    fixture_end(&other);
    fixture_check(&f);
}

Test(crash, is_not_what_several_creators_at_once_cause)
{
    enum { CREATORS = 4, ROUNDS = 5 };

    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[CREATORS];
        scratch_shell(&f.scratch, "rm -rf bucket/shop");
        for (int i = 0; i < CREATORS; i++) {
            pids[i] = fork();
            cr_assert(pids[i] >= 0);
            if (pids[i] == 0) {
                enum status status =
                    repository_open_or_create(f.store, PASSPHRASE, &f.repository, &f.err);
                _exit(status == STATUS_OK ? 0 : (int)status);
            }
        }
        for (int i = 0; i < CREATORS; i++) {
            int status = -1;
            cr_assert(waitpid(pids[i], &status, 0) == pids[i]);
            cr_expect(eq(int, status, 0));
        }
        fixture_begin(&f);
        fixture_end(&f);
        restic(&f, "snapshots");
        scratch_shell(&f.scratch, "test $(ls bucket/shop/keys | wc -l) = 1");
    }
}

Test(crash, of_a_disk_shows_as_damage_with_the_place_in_clear_words)
{
    struct buffer buffer;
    struct blob_id id;
    bool known = false;
    fixture_begin(&f);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "some data", 9, &id, &known, &f.err));
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_end(&f);
    scratch_shell(&f.scratch,
                  "p=$(find bucket/shop/data -type f); chmod 600 $p; "
                  "change_byte $p 18; "
                  "! " RESTIC "check --read-data >log 2>&1",
                  f.scratch.path);
    buffer_init(&buffer, 100);
    fixture_begin(&f);
    enum status status = repository_load_blob(f.repository, BLOB_DATA, &id, &buffer, &f.err);
    cr_expect(eq(int, (int)status, (int)STATUS_CORRUPT));
    cr_expect(strstr(f.err.text, "blob 1307990e") == f.err.text, "%s", f.err.text);
    cr_expect(strstr(f.err.text, ": pack ") != NULL, "%s", f.err.text);
    cr_expect(strstr(f.err.text, " at byte 0: the authentication tag does not fit") != NULL, "%s",
              f.err.text);
    fixture_end(&f);
    buffer_done(&buffer);
}
