/*
 * One process that does what a job process does, for tests/bench/datapath_bench.py to measure:
 *   bench_datapath backup DIRECTORY APP KEY VOLUME...
 * The bucket is the directory; KEY is the descriptor of a file in memory with the repository's key,
 * as the supervisor hands it over; it is written there when it had to be derived. No hooks, driver
 * none, nothing reported.
 */
#include "core/id.h"
#include "stage/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, FIRST_VOLUME = 5 };

static const char passphrase[] = "benchmark";

static struct stage_key read_key(int fd)
{
    struct stage_key key = {.known = false};
    key.known = pread(fd, key.bytes, sizeof(key.bytes), 0) == (ssize_t)sizeof(key.bytes);
    return key;
}

static void write_key(int fd, const struct stage_key *key)
{
    if (key->known && pwrite(fd, key->bytes, sizeof(key->bytes), 0) < 0)
        perror("bench_datapath: the key is not handed back");
}

static int run(char **argv)
{
    struct error err = {0};
    struct stage_result result;
    char job[ID_SIZE], backup[ID_SIZE];
    char undo[] = "/tmp/bench-undo.XXXXXX";
    struct app_definition app = {.volumes = argv + FIRST_VOLUME, .snapshot = APP_SNAPSHOT_NONE};
    struct bucket_definition bucket = {.bucket.provider = BUCKET_DIRECTORY, .path = argv[2]};
    int key_fd = atoi(argv[4]);
    struct stage_key key = read_key(key_fd);
    id_random(job);
    id_random(backup);
    (void)snprintf(app.app.name, sizeof(app.app.name), "benchmark");
    (void)snprintf(bucket.bucket.name, sizeof(bucket.bucket.name), "benchmark");
    if (mkdtemp(undo) == NULL || stage_result_init(&result, &err) != STATUS_OK)
        return EXIT_FAILURE;
    const struct stage_plan plan = {
        .job = job,
        .backup = backup,
        .backup_name = "benchmark",
        .account = ID_NIL,
        .app = &app,
        .bucket = &bucket,
        .app_id = argv[3],
        .passphrase = passphrase,
        .key = &key,
        .undo_directory = undo,
    };
    enum status status = stage_backup_run(&plan, &result, &err);
    (void)rmdir(undo);
    write_key(key_fd, &key);
    if (status != STATUS_OK || json_array_size(result.state_details) > 0)
        (void)fprintf(stderr, "bench_datapath: %s\n", status == STATUS_OK ? "warnings" : err.text);
    stage_result_done(&result);
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc <= FIRST_VOLUME || strcmp(argv[1], "backup") != 0) {
        (void)fputs("Usage: bench_datapath backup DIRECTORY APP KEY VOLUME...\n", stderr);
        return EXIT_USAGE;
    }
    return run(argv);
}
