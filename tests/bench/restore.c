/*
 * One restore, for measuring: bench_restore DIRECTORY PREFIX SNAPSHOT TARGET [THREADS]
 * The repository is DIRECTORY/PREFIX, its passphrase in APPBACKUP_BENCH_PASSPHRASE; PREFIX is the
 * id of an app. Prints bytes and milliseconds.
 */
#include "stage/restore.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report_details(const struct stage_result *result, const struct error *err)
{
    char *text = json_dumps(result->state_details, JSON_INDENT(1));
    (void)fprintf(stderr, "restore failed: %s\n%s\n", err->text, text == NULL ? "" : text);
    free(text);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct stage_result result;
    struct bucket_definition bucket = {.bucket.provider = BUCKET_DIRECTORY};
    struct app_definition app = {.snapshot = APP_SNAPSHOT_NONE};
    const char *passphrase = getenv("APPBACKUP_BENCH_PASSPHRASE");
    if (argc < 5 || passphrase == NULL) {
        (void)fprintf(stderr, "usage: bench_restore DIRECTORY PREFIX SNAPSHOT TARGET [THREADS]\n");
        return EXIT_FAILURE;
    }
    bucket.path = argv[1];
    struct stage_restore_plan plan = {
        .job = ID_NIL,
        .backup = ID_NIL,
        .snapshot = argv[3],
        .app = &app,
        .bucket = &bucket,
        .app_id = argv[2],
        .passphrase = passphrase,
        .undo_directory = "/nonexistent",
        .target = argv[4],
        .threads = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0,
    };
    if (stage_result_init(&result, &err) != STATUS_OK)
        return EXIT_FAILURE;
    int64_t started_ms = clock_mono_ms();
    if (stage_restore_run(&plan, &result, &err) != STATUS_OK)
        return report_details(&result, &err);
    printf("%lld bytes in %lld ms\n", (long long)result.bytes_done,
           (long long)(clock_mono_ms() - started_ms));
    stage_result_done(&result);
    return EXIT_SUCCESS;
}
