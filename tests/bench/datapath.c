/*
 * One process that does what a job process does, for tests/bench/datapath_bench.py to measure:
 *   bench_datapath backup  PLACE APP KEY VOLUME...          prints the snapshot's id
 *   bench_datapath restore PLACE APP KEY SNAPSHOT TARGET
 * PLACE is a directory, or "s3:http://host:port/bucket" with the keys in the file that
 * APPBACKUP_BENCH_CREDENTIALS names and the cache in APPBACKUP_BENCH_CACHE. KEY is the descriptor
 * of a file in memory with the repository's key, as the supervisor hands it over; it is written
 * there when it had to be derived. No hooks, driver none, nothing reported; APPBACKUP_BENCH_THREADS
 * instead of one for each processor.
 */
#include "backup/backup.h"
#include "core/id.h"
#include "restore/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, ARGUMENTS_MIN = 6, FIRST_VOLUME = 5 };

static const char passphrase[] = "benchmark";
static const char usage[] = "Usage: bench_datapath backup PLACE APP KEY VOLUME...\n"
                            "       bench_datapath restore PLACE APP KEY SNAPSHOT TARGET\n";

static struct work_key read_key(int fd)
{
    struct work_key key = {.known = false};
    key.known = pread(fd, key.bytes, sizeof(key.bytes), 0) == (ssize_t)sizeof(key.bytes);
    return key;
}

static void write_key(int fd, const struct work_key *key)
{
    if (key->known && pwrite(fd, key->bytes, sizeof(key->bytes), 0) < 0)
        perror("bench_datapath: the key is not handed back");
}

/* "s3:http://host:port/bucket" */
static void define_s3(struct bucket_definition *bucket, char *place)
{
    static char none[] = "", region[] = "us-east-1";
    char *name = strrchr(place, '/');
    bucket->bucket.provider = BUCKET_GENERIC_S3;
    (void)snprintf(bucket->bucket.server_url, sizeof(bucket->bucket.server_url), "%.*s",
                   (int)(name - place), place);
    (void)snprintf(bucket->bucket.bucket_name, sizeof(bucket->bucket.bucket_name), "%s", name + 1);
    bucket->s3 = (struct bucket_s3){
        .prefix = none,
        .region = region,
        .path_style = true,
        .credentials_file = getenv("APPBACKUP_BENCH_CREDENTIALS"),
        .cache_directory = getenv("APPBACKUP_BENCH_CACHE"),
    };
}

static void define(struct bucket_definition *bucket, char *place)
{
    *bucket = (struct bucket_definition){.bucket.provider = BUCKET_DIRECTORY};
    (void)snprintf(bucket->bucket.name, sizeof(bucket->bucket.name), "benchmark");
    if (strncmp(place, "s3:http", strlen("s3:http")) == 0)
        define_s3(bucket, place + strlen("s3:"));
    else
        bucket->path = place;
}

static unsigned threads(void)
{
    const char *text = getenv("APPBACKUP_BENCH_THREADS");
    return text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);
}

static enum bucket_extra_verify extra_verify(void)
{
    return getenv("APPBACKUP_BENCH_VERIFY_ALL") == NULL ? BUCKET_EXTRA_VERIFY_SAMPLE
                                                        : BUCKET_EXTRA_VERIFY_ALL;
}

/* What both have in common. */
struct bench {
    struct bucket_definition bucket;
    struct app_definition app;
    struct work_key key;
    char job[ID_SIZE], backup[ID_SIZE];
    char undo[32];
};

static struct work work_on(struct bench *bench, const char *app_id)
{
    return (struct work){
        .bucket = &bench->bucket, .app_id = app_id, .passphrase = passphrase, .key = &bench->key};
}

static enum status back_up(struct bench *bench, char **argv, struct work_result *result,
                           struct error *err)
{
    bench->app.volumes = argv + FIRST_VOLUME;
    const struct backup_plan plan = {
        .work = work_on(bench, argv[3]),
        .job = bench->job,
        .backup = bench->backup,
        .backup_name = "benchmark",
        .account = ID_NIL,
        .app = &bench->app,
        .undo_directory = bench->undo,
        .threads = threads(),
    };
    enum status status = backup_run(&plan, result, err);
    if (status == STATUS_OK)
        puts(result->repository_snapshot);
    return status;
}

static enum status restore(struct bench *bench, char **argv, struct work_result *result,
                           struct error *err)
{
    const struct restore_plan plan = {
        .work = work_on(bench, argv[3]),
        .job = bench->job,
        .backup = bench->backup,
        .snapshot = argv[5],
        .app = &bench->app,
        .undo_directory = bench->undo,
        .target = argv[6],
        .threads = threads(),
    };
    return restore_run(&plan, result, err);
}

static int tell(const struct work_result *result, const struct error *err)
{
    char *details = json_dumps(result->state_details, JSON_INDENT(1));
    (void)fprintf(stderr, "bench_datapath: %s\n%s\n", err->text, details == NULL ? "" : details);
    free(details);
    return EXIT_FAILURE;
}

static int run(bool is_restore, char **argv)
{
    struct error err = {0};
    struct work_result result;
    struct bench bench = {.app.snapshot = APP_SNAPSHOT_NONE, .undo = "/tmp/bench-undo.XXXXXX"};
    int key_fd = atoi(argv[4]); /* NOLINT(cert-err34-c): our own script's */
    bench.key = read_key(key_fd);
    id_random(bench.job);
    id_random(bench.backup);
    define(&bench.bucket, argv[2]);
    bench.bucket.extra_verify = extra_verify();
    (void)snprintf(bench.app.app.name, sizeof(bench.app.app.name), "benchmark");
    if (mkdtemp(bench.undo) == NULL || work_result_init(&result, &err) != STATUS_OK)
        return EXIT_FAILURE;
    enum status status =
        is_restore ? restore(&bench, argv, &result, &err) : back_up(&bench, argv, &result, &err);
    (void)rmdir(bench.undo);
    write_key(key_fd, &bench.key);
    bool is_clean = status == STATUS_OK && json_array_size(result.state_details) == 0;
    int code = is_clean ? EXIT_SUCCESS : tell(&result, &err);
    work_result_done(&result);
    return code;
}

int main(int argc, char **argv)
{
    bool is_restore = argc > 1 && strcmp(argv[1], "restore") == 0;
    bool is_backup = argc > 1 && strcmp(argv[1], "backup") == 0;
    if ((!is_restore && !is_backup) || argc < ARGUMENTS_MIN + is_restore) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run(is_restore, argv);
}
