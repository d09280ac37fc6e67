#include "files/walk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static char volume[64];
static char seen[8192];

static void make_volume(void)
{
    strcpy(volume, "/tmp/stage-walk-XXXXXX");
    cr_assert(mkdtemp(volume) != NULL);
    seen[0] = '\0';
}

static void remove_volume(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", volume);
    cr_assert(eq(int, system(command), 0));
}

static void make(const char *command)
{
    char line[1024];
    snprintf(line, sizeof(line), "cd %s && { %s\n}", volume, command);
    cr_assert(eq(int, system(line), 0), "%s", command);
}

static void note(const struct walk_item *item)
{
    static const char marks[] = {[WALK_ENTRY] = '-',
                                 [WALK_ENTER] = '>',
                                 [WALK_LEAVE] = '<',
                                 [WALK_MOUNT] = '@',
                                 [WALK_FAILED] = '!'};
    size_t used = strlen(seen);
    const char *below = item->path + strlen(volume);
    snprintf(seen + used, sizeof(seen) - used, "%c%s\n", marks[item->kind], below);
    const char *slash = strrchr(item->path, '/');
    cr_expect(eq(str, (char *)item->name, (char *)(slash + 1)));
}

static size_t walk_all(const struct walk_options *options)
{
    struct error err = {0};
    CLEANUP(walk_closep) struct walk *walk = NULL;
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    for (size_t items = 0;; items++) {
        struct walk_item item;
        cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK), "%s", err.text);
        if (item.kind == WALK_END)
            return items;
        if (strlen(seen) + strlen(item.path) + 4 < sizeof(seen))
            note(&item);
    }
}

TestSuite(walk_next, .init = make_volume, .fini = remove_volume);

Test(walk_next, goes_through_each_directory_in_the_order_of_bytes)
{
    struct walk_options options = {.volume = volume};
    make("mkdir -p b/c b/a; touch b/c/x B a-b a 'b/\xff' b/z; ln -s /etc link; mkfifo fifo");

    walk_all(&options);

    cr_assert(eq(str, seen,
                 ">\n-/B\n-/a\n-/a-b\n>/b\n>/b/a\n</b/a\n>/b/c\n-/b/c/x\n</b/c\n-/b/z\n-/b/\xff\n"
                 "</b\n-/fifo\n-/link\n<\n"));
}

Test(walk_next, leaves_out_sockets_excludes_and_our_own_snapshots)
{
    struct error err = {0};
    const char *patterns[] = {"*.tmp", "/cache", NULL};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);
    struct walk_options options = {.volume = volume, .exclude = exclude};
    make("mkdir -p cache/x sub/cache .appbackup-11111111-1111-4111-8111-111111111111-0/snapshot");
    make("touch a.tmp sub/b.tmp sub/c .appbackup-notes");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", volume);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(eq(int, bind(fd, (struct sockaddr *)&address, sizeof(address)), 0));
    close(fd);

    walk_all(&options);

    cr_assert(eq(str, seen,
                 ">\n-/.appbackup-notes\n>/sub\n-/sub/c\n>/sub/cache\n</sub/cache\n</sub\n<\n"));
}

Test(walk_next, keeps_only_the_tag_of_a_cache)
{
    struct walk_options options = {.volume = volume, .exclude_caches = true};
    make("mkdir cache fake link; touch cache/big fake/kept link/kept");
    make("printf 'Signature: 8a477f597d28d172789f06886806bc55\\nmore' > cache/CACHEDIR.TAG");
    make("printf 'Signature: 8a477f597d28d172789f06886806bc5' > fake/CACHEDIR.TAG");
    make("ln -s ../cache/CACHEDIR.TAG link/CACHEDIR.TAG");

    walk_all(&options);

    cr_assert(eq(str, seen,
                 ">\n>/cache\n-/cache/CACHEDIR.TAG\n</cache\n>/fake\n-/fake/CACHEDIR.TAG\n"
                 "-/fake/kept\n</fake\n>/link\n-/link/CACHEDIR.TAG\n-/link/kept\n</link\n<\n"));
}

Test(walk_next, keeps_caches_unless_asked)
{
    struct walk_options options = {.volume = volume};
    make("printf 'Signature: 8a477f597d28d172789f06886806bc55' > CACHEDIR.TAG; touch big");

    walk_all(&options);

    cr_assert(eq(str, seen, ">\n-/CACHEDIR.TAG\n-/big\n<\n"));
}

Test(walk_next, shows_a_subtree_that_is_too_deep_for_its_descriptors_as_failed)
{
    struct walk_options options = {.volume = volume};
    make("mkdir -p 1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16 z; touch z/end");
    struct rlimit before;
    cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
    int probe = open("/", O_RDONLY);
    struct rlimit low = {.rlim_cur = (rlim_t)probe + 8, .rlim_max = before.rlim_max};
    close(probe);
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &low), 0));

    walk_all(&options);
    cr_expect(strstr(seen, "!/1/2/3/4/5") != NULL, "%s", seen);
    cr_expect(strstr(seen, "-/z/end") != NULL, "%s", seen);

    seen[0] = '\0';
    walk_raise_descriptors(&before);
    walk_all(&options);
    cr_expect(strstr(seen, "!") == NULL, "%s", seen);
    cr_expect(strstr(seen, ">/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16") != NULL, "%s", seen);
    walk_restore_descriptors(&before);
    struct rlimit after;
    cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &after), 0));
    cr_expect(eq(u64, after.rlim_cur, low.rlim_cur));
}

Test(walk_next, goes_deeper_than_a_path_may_be_long)
{
    struct walk_options options = {.volume = volume};
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    char name[201];
    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 60; i++) {
        cr_assert(eq(int, mkdirat(fd, name, 0700), 0));
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);

    cr_assert(eq(sz, walk_all(&options), 2 + 2 * 60));
}

/* Directories "d" in each other below the volume, each with a file "f" and the last with a file
 * "end". */
static void make_chain(int levels)
{
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; i++) {
        cr_assert(eq(int, mkdirat(fd, "d", 0700), 0));
        close(openat(fd, "f", O_CREAT | O_WRONLY, 0600));
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(openat(fd, "end", O_CREAT | O_WRONLY, 0600));
    close(fd);
}

static size_t count_open(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(walk_next, needs_few_descriptors_at_any_depth)
{
    enum { LEVELS = 1500 };
    struct error err = {0};
    struct walk_options options = {.volume = volume};
    CLEANUP(walk_closep) struct walk *walk = NULL;
    make_chain(LEVELS);
    size_t before = count_open();
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    size_t files = 0, left = 0, most = 0;
    for (;;) {
        struct walk_item item;
        cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK), "%s", err.text);
        if (item.kind == WALK_END)
            break;
        cr_assert(ne(int, (int)item.kind, WALK_FAILED), "%s", item.failure->text);
        files += item.kind == WALK_ENTRY;
        left += item.kind == WALK_LEAVE;
        if (item.kind == WALK_ENTRY && strcmp(item.name, "end") == 0)
            most = count_open() - before;
        if (item.kind == WALK_LEAVE)
            cr_assert(ge(int, item.self->fd, 0));
    }

    cr_expect(eq(sz, files, LEVELS + 1));
    cr_expect(eq(sz, left, LEVELS + 1));
    cr_expect(le(sz, most, 70));
}

/* Walks down to the end of such a chain, lets somebody change it, and goes on. */
static void walk_chain(const char *change)
{
    struct error err = {0};
    struct walk_options options = {.volume = volume};
    CLEANUP(walk_closep) struct walk *walk = NULL;
    make_chain(100);
    make("mkdir elsewhere");
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    bool is_down = false;
    for (;;) {
        struct walk_item item;
        cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK), "%s", err.text);
        if (item.kind == WALK_END)
            return;
        if (!is_down && item.kind == WALK_ENTRY && strcmp(item.name, "end") == 0) {
            is_down = true;
            make(change);
        } else if (is_down && item.kind != WALK_LEAVE && strlen(item.path) < strlen(volume) + 16) {
            note(&item);
        }
    }
}

Test(walk_next, finds_its_way_back_though_what_it_was_in_has_moved)
{
    walk_chain("mv d/d/d/d elsewhere/d");

    cr_expect(strstr(seen, "-/d/d/d/d/f\n") != NULL, "%s", seen);
    cr_expect(strstr(seen, "-/d/d/d/f\n") != NULL, "%s", seen);
    cr_expect(strstr(seen, "-/f\n") != NULL, "%s", seen);
    cr_expect(strstr(seen, "!") == NULL, "%s", seen);
}

Test(walk_next, shows_what_it_does_not_find_again_as_failed)
{
    walk_chain("mv d/d/d/d elsewhere/d; mv d/d/d elsewhere/x; mkdir d/d/d; touch d/d/d/f");

    cr_expect(strstr(seen, "!/d/d/d/f\n") != NULL, "%s", seen);
    cr_expect(strstr(seen, "-/d/d/f\n") != NULL, "%s", seen);
    cr_expect(strstr(seen, "-/f\n") != NULL, "%s", seen);
}

Test(walk_next, says_that_an_entry_vanished)
{
    struct error err = {0};
    struct walk_options options = {.volume = volume};
    struct walk_item item;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    make("touch a b");
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK));
    make("rm a");

    cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK));
    cr_assert(eq(int, (int)item.kind, WALK_FAILED));
    cr_assert(eq(int, (int)item.failure->status, STATUS_NOT_FOUND));
    cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK));
    cr_assert(eq(int, (int)item.kind, WALK_ENTRY));
}

Test(walk_next, says_nothing_of_an_excluded_entry_that_vanished)
{
    struct error err = {0};
    const char *const patterns[] = {"*-wal", NULL};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);
    struct walk_options options = {.volume = volume, .exclude = exclude};
    struct walk_item item;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    make("touch a.db-wal b");
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK));
    make("rm a.db-wal");

    cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK));
    cr_assert(eq(int, (int)item.kind, WALK_ENTRY));
    cr_assert(eq(str, (char *)item.name, "b"));
}

/* A first walk, which leaves a recording of so many bytes at most; what was seen is forgotten. */
static void record(const struct walk_options *options, struct walk_recording *recording, size_t max)
{
    struct walk_options leaving = *options;
    walk_recording_init(recording, max);
    leaving.records = recording;
    walk_all(&leaving);
    seen[0] = '\0';
}

static void follow_trail(const struct walk_options *options, struct walk_recording *recording)
{
    struct walk_options following = *options;
    following.replays = recording;
    walk_all(&following);
    walk_recording_done(recording);
}

/* Wherever the recording ends, the walk goes on by itself from there. */
Test(walk_next, shows_the_same_on_a_trail_of_any_length)
{
    enum { LONGEST = 2048 };
    struct error err = {0};
    const char *patterns[] = {"*.tmp", NULL};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);
    struct walk_options options = {.volume = volume, .exclude = exclude, .exclude_caches = true};
    char expected[sizeof(seen)];
    struct walk_recording recording;
    make("mkdir -p a/b/c d e cache; touch A a/b/c/x a/b/y a/z 'd/\xff' d/q d/r e.tmp f g");
    make(
        "printf 'Signature: 8a477f597d28d172789f06886806bc55' > cache/CACHEDIR.TAG; touch cache/z");
    walk_all(&options);
    memcpy(expected, seen, sizeof(expected));

    for (size_t max = 0; max <= LONGEST; max += 5) {
        record(&options, &recording, max);
        if (max == LONGEST / 5 * 5)
            cr_expect(not(recording.is_closed));
        follow_trail(&options, &recording);
        cr_assert(eq(str, seen, expected), "%zu", max);
    }
}

/* The permissions that a second walk shows of this file. */
static mode_t mode_on(struct walk_recording *recording, const char *name)
{
    struct error err = {0};
    struct walk_options options = {.volume = volume, .replays = recording};
    CLEANUP(walk_closep) struct walk *walk = NULL;
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    recording->at = 0;
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    for (;;) {
        struct walk_item item;
        cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK), "%s", err.text);
        if (item.kind == WALK_END || strcmp(item.name, name) == 0)
            return item.kind == WALK_ENTRY ? item.info.st_mode & 0777 : 0;
    }
}

Test(walk_next, looks_again_only_where_a_directory_has_changed)
{
    struct walk_options options = {.volume = volume};
    struct walk_recording recording;
    make("umask 022; mkdir -p a/deep b/deep; touch a/kept a/deep/kept1 b/known b/deep/known1 c");
    record(&options, &recording, 1 << 20);
    make("touch b/new; chmod 600 a/kept a/deep/kept1 b/known b/deep/known1 c");

    cr_expect(eq(u32, mode_on(&recording, "kept"), 0644));
    cr_expect(eq(u32, mode_on(&recording, "kept1"), 0644));
    cr_expect(eq(u32, mode_on(&recording, "known"), 0600));
    cr_expect(eq(u32, mode_on(&recording, "known1"), 0600));
    cr_expect(eq(u32, mode_on(&recording, "new"), 0644));
    cr_expect(eq(u32, mode_on(&recording, "c"), 0644), "on the recording again");
    walk_recording_done(&recording);
}

Test(walk_next, shows_what_became_of_directories_since_the_trail)
{
    static const struct {
        const char *change, *expected;
    } changes[] = {
        {"rm -r b", ">\n>/a\n-/a/x\n</a\n-/c\n<\n"},
        {"rm -r b; touch b", ">\n>/a\n-/a/x\n</a\n-/b\n-/c\n<\n"},
        {"mv b d; mkdir b; touch b/z", ">\n>/a\n-/a/x\n</a\n>/b\n-/b/z\n</b\n-/c\n"
                                       ">/d\n>/d/in\n-/d/in/y\n</d/in\n</d\n<\n"},
        {"mv b/in b/out", ">\n>/a\n-/a/x\n</a\n>/b\n>/b/out\n-/b/out/y\n</b/out\n</b\n-/c\n<\n"},
        {"rm b/in/y", ">\n>/a\n-/a/x\n</a\n>/b\n>/b/in\n</b/in\n</b\n-/c\n<\n"},
    };
    struct walk_options options = {.volume = volume};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct walk_recording recording;
        make("rm -rf ./*; mkdir -p a b/in; touch a/x b/in/y c");
        record(&options, &recording, 1 << 20);
        make(changes[i].change);
        follow_trail(&options, &recording);
        cr_expect(eq(str, seen, (char *)changes[i].expected), "%s", changes[i].change);
    }
}

/* It is opened on the way, and is not what the recording says: what was in it is not shown. */
Test(walk_next, shows_a_directory_that_vanished_on_the_trail_as_failed)
{
    struct error err = {0};
    struct walk_options options = {.volume = volume};
    struct walk_recording recording;
    struct walk_item item;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    make("mkdir -p a/b; touch a/b/x c");
    record(&options, &recording, 1 << 20);
    options.replays = &recording;
    int fd = open(volume, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, (int)walk_open(&options, fd, &walk, &err), STATUS_OK), "%s", err.text);
    make("rm -r a");
    for (int i = 0; i < 4; i++) {
        static const enum walk_kind kinds[] = {WALK_ENTER, WALK_FAILED, WALK_ENTRY, WALK_LEAVE};

        cr_assert(eq(int, (int)walk_next(walk, &item, &err), STATUS_OK), "%s", err.text);
        cr_expect(eq(int, (int)item.kind, (int)kinds[i]), "%d", i);
        if (item.kind == WALK_FAILED)
            cr_expect(eq(int, (int)item.failure->status, (int)STATUS_NOT_FOUND));
    }
    walk_recording_done(&recording);
}
