#include "undo/record.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB    "11111111-1111-4111-8111-111111111111"
#define BACKUP "22222222-2222-4222-8222-222222222222"

static char directory[64];

static void make_directory(void)
{
    strcpy(directory, "/tmp/stage-record-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/undo/%s.json", directory, JOB);
    unlink(path);
    snprintf(path, sizeof(path), "%s/undo", directory);
    rmdir(path);
    rmdir(directory);
}

static char *thaw_command[] = {"/bin/thaw", "-y", "two words", NULL};
static char *done_command[] = {"/bin/done", NULL};
static struct app_hook thaw_hooks[] = {
    {.name = "thaw", .command = thaw_command, .user = "shop", .timeout_ms = 60000},
    {.name = "again", .command = done_command, .timeout_ms = 1, .abort_on_failure = true},
};

static struct undo_record example(struct snapshot_plan *plan)
{
    *plan = (struct snapshot_plan){
        .driver = APP_SNAPSHOT_BTRFS,
        .volume = "/srv/shop",
        .path = "/srv/.appbackup-x/shop",
        .root = "/srv/.appbackup-x",
    };
    struct undo_record record = {
        .job = JOB,
        .backup = BACKUP,
        .app = "shop",
        .snapshots = plan,
        .snapshot_count = 1,
    };
    record.owed[HOOK_POST_SNAPSHOT] = true;
    record.hooks[HOOK_POST_SNAPSHOT] = (struct app_hooks){thaw_hooks, 2};
    return record;
}

Test(undo_record, comes_back_as_it_was_written, .init = make_directory, .fini = remove_directory)
{
    struct error err = {0};
    struct snapshot_plan plan;
    struct undo_record record = example(&plan);
    struct undo_record read = {0};
    char undo[128];
    snprintf(undo, sizeof(undo), "%s/undo", directory);

    cr_assert(eq(int, (int)undo_record_write(&record, undo, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)undo_record_read(undo, JOB, &read, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, read.job, JOB));
    cr_expect(eq(str, read.backup, BACKUP));
    cr_expect(eq(str, read.app, "shop"));
    cr_expect(read.owed[HOOK_POST_SNAPSHOT]);
    cr_expect(not(read.owed[HOOK_POST_BACKUP]));
    cr_assert(eq(sz, read.hooks[HOOK_POST_SNAPSHOT].count, 2));
    const struct app_hook *hook = read.hooks[HOOK_POST_SNAPSHOT].items;
    cr_expect(eq(str, hook[0].name, "thaw"));
    cr_expect(eq(str, hook[0].command[2], "two words"));
    cr_expect(hook[0].command[3] == NULL);
    cr_expect(eq(str, hook[0].user, "shop"));
    cr_expect(eq(i64, hook[0].timeout_ms, 60000));
    cr_expect(not(hook[0].abort_on_failure));
    cr_expect(hook[1].user == NULL);
    cr_expect(hook[1].abort_on_failure);
    cr_assert(eq(sz, read.snapshot_count, 1));
    cr_expect(eq(int, (int)read.snapshots[0].driver, APP_SNAPSHOT_BTRFS));
    cr_expect(eq(str, read.snapshots[0].volume, "/srv/shop"));
    cr_expect(eq(str, read.snapshots[0].path, "/srv/.appbackup-x/shop"));
    cr_expect(eq(str, read.snapshots[0].root, "/srv/.appbackup-x"));
    cr_expect(not(read.snapshots[0].unmarked));
    undo_record_done(&read);
}

Test(undo_record, keeps_where_a_restore_stands, .init = make_directory, .fini = remove_directory)
{
    struct error err = {0};
    struct snapshot_plan plan;
    struct undo_record record = example(&plan);
    struct undo_record read = {0};
    struct undo_place place = {
        .volume = "/srv/shop", .inside = true, .made = {4711, 17}, .old = {42, 18}};
    char *excludes[] = {"*.log", "/media", NULL};
    record.phase = RESTORE_SWAP;
    record.since_ms = 1234567890123;
    record.places = &place;
    record.place_count = 1;
    record.target = (struct file_id){43, 19};
    record.owed[HOOK_POST_RESTORE] = true;
    record.excludes = excludes;
    record.exclude_caches = true;
    record.carried = true;

    cr_assert(eq(int, (int)undo_record_write(&record, directory, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)undo_record_read(directory, JOB, &read, &err), STATUS_OK), "%s",
              err.text);

    cr_expect(eq(int, (int)read.phase, RESTORE_SWAP));
    cr_expect(eq(i64, read.since_ms, 1234567890123));
    cr_expect(read.owed[HOOK_POST_RESTORE]);
    cr_assert(eq(sz, read.place_count, 1));
    cr_expect(eq(str, read.places[0].volume, "/srv/shop"));
    cr_expect(eq(int, read.places[0].inside, 1));
    cr_expect(eq(u64, read.places[0].made.inode, 4711));
    cr_expect(eq(i64, read.places[0].made.born_ns, 17));
    cr_expect(eq(u64, read.places[0].old.inode, 42));
    cr_expect(eq(i64, read.places[0].old.born_ns, 18));
    cr_expect(not(read.places[0].by_inode));
    cr_expect(eq(u64, read.target.inode, 43));
    cr_expect(eq(i64, read.target.born_ns, 19));
    cr_assert(read.excludes != NULL);
    cr_expect(eq(str, read.excludes[0], "*.log"));
    cr_expect(eq(str, read.excludes[1], "/media"));
    cr_expect(read.excludes[2] == NULL);
    cr_expect(read.exclude_caches);
    cr_expect(read.carried);
    undo_record_done(&read);
}

Test(undo_record, is_readable_by_its_owner_alone, .init = make_directory, .fini = remove_directory)
{
    struct error err = {0};
    struct snapshot_plan plan;
    struct undo_record record = example(&plan);
    struct stat info;
    char path[256];
    snprintf(path, sizeof(path), "%s/undo", directory);
    umask(0);

    cr_assert(eq(int, (int)undo_record_write(&record, path, &err), STATUS_OK), "%s", err.text);

    cr_assert(eq(int, stat(path, &info), 0));
    cr_expect(eq(int, (int)(info.st_mode & 07777), 0700));
    strcat(path, "/" JOB ".json");
    cr_assert(eq(int, stat(path, &info), 0));
    cr_expect(eq(int, (int)(info.st_mode & 07777), 0600));
}

Test(undo_record, refuses_text_that_is_not_utf8, .init = make_directory, .fini = remove_directory)
{
    struct error err = {0};
    struct snapshot_plan plan;
    struct undo_record record = example(&plan);
    strcpy(plan.volume, "/srv/caf\xe9");

    cr_assert(eq(int, (int)undo_record_write(&record, directory, &err), STATUS_INVALID));
}

Test(undo_record, is_not_taken_for_another_jobs, .init = make_directory, .fini = remove_directory)
{
    struct error err = {0};
    struct undo_record read = {0};
    cr_expect(eq(int, (int)undo_record_read(directory, JOB, &read, &err), STATUS_NOT_FOUND));
    cr_expect(eq(int, (int)undo_record_read(directory, "../etc/x", &read, &err), STATUS_INVALID));
}

#define HEAD       "{\"version\":1,\"job\":\"" JOB "\",\"backup\":\"" BACKUP "\",\"app\":\"shop\","
#define HOOK(text) HEAD "\"hooks\":{\"post-backup\":[" text "]},\"snapshots\":[]}"
#define SNAP(text) HEAD "\"hooks\":{},\"snapshots\":[" text "]}"
#define RESTORE(text)                                                                       \
    HEAD "\"hooks\":{},\"snapshots\":[],\"restore\":{\"phase\":\"swapped\",\"since_ms\":1," \
         "\"places\":[]" text "}}"

static const struct {
    const char *text;
    const char *says;
} broken[] = {
    {"", "not JSON"},
    {"[]", "not an object"},
    {"{\"version\":1", "not JSON"},
    {"{}", "'version'"},
    {"{\"version\":2}", "'version'"},
    {"{\"version\":1}", "'job'"},
    {HEAD "\"snapshots\":[]}", "'hooks'"},
    {HEAD "\"hooks\":{}}", "'snapshots'"},
    {HEAD "\"hooks\":{\"post-backup\":{}},\"snapshots\":[]}", "'hooks'"},
    {HOOK("{}"), "'name'"},
    {HOOK("1"), "'name'"},
    {HOOK("{\"name\":\"x\"}"), "'command'"},
    {HOOK("{\"name\":\"x\",\"command\":[]}"), "'command'"},
    {HOOK("{\"name\":\"x\",\"command\":[\"/a\",1]}"), "'command'"},
    {HOOK("{\"name\":\"x\",\"command\":[\"a\"]}"), "absolute"},
    {HOOK("{\"name\":\"x\",\"command\":[\"/a\"]}"), "'timeout_ms'"},
    {HOOK("{\"name\":\"x\",\"command\":[\"/a\"],\"timeout_ms\":0}"), "'timeout_ms'"},
    {HOOK("{\"name\":\"x\",\"command\":[\"/a\"],\"timeout_ms\":1,\"user\":1}"), "'user'"},
    {SNAP("{}"), "'driver'"},
    {SNAP("{\"driver\":\"zfs\"}"), "'driver'"},
    {SNAP("{\"driver\":\"auto\"}"), "'driver'"},
    {SNAP("{\"driver\":\"none\"}"), "'volume'"},
    {SNAP("{\"driver\":\"none\",\"volume\":\"/v\",\"path\":\"/v\"}"), "'root'"},
    {RESTORE(",\"excludes\":\"*.log\""), "'excludes'"},
    {RESTORE(",\"excludes\":[1]"), "'excludes'"},
};

ParameterizedTestParameters(undo_record_parse, says_what_is_wrong)
{
    static size_t indexes[sizeof(broken) / sizeof(broken[0])];
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        indexes[i] = i;
    return cr_make_param_array(size_t, indexes, sizeof(broken) / sizeof(broken[0]));
}

ParameterizedTest(size_t *index, undo_record_parse, says_what_is_wrong)
{
    struct error err = {0};
    struct undo_record read = {0};
    const char *text = broken[*index].text;

    enum status status = undo_record_parse(text, strlen(text), &read, &err);

    cr_assert(eq(int, (int)status, STATUS_INVALID), "%s", text);
    cr_assert(strstr(err.text, broken[*index].says) != NULL, "%s: %s", text, err.text);
}

/* As it was written before excludes were in it. */
Test(undo_record_parse, needs_no_excludes)
{
    struct error err = {0};
    struct undo_record read = {0};
    const char text[] = RESTORE("");

    cr_assert(eq(int, (int)undo_record_parse(text, strlen(text), &read, &err), STATUS_OK), "%s",
              err.text);

    cr_expect(eq(int, (int)read.phase, RESTORE_SWAPPED));
    cr_expect(read.excludes == NULL || read.excludes[0] == NULL);
    cr_expect(not(read.carried));
    undo_record_done(&read);
}

Test(undo_record_parse, refuses_a_path_over_the_limit)
{
    struct error err = {0};
    struct undo_record read = {0};
    char *text = malloc(3 * PATH_MAX);
    char *path = malloc(PATH_MAX + 1);
    memset(path, 'p', PATH_MAX);
    path[PATH_MAX] = '\0';
    snprintf(text, 3 * PATH_MAX, SNAP("{\"driver\":\"none\",\"volume\":\"%s\"}"), path);

    cr_expect(eq(int, (int)undo_record_parse(text, strlen(text), &read, &err), STATUS_INVALID));

    free(path);
    free(text);
}
