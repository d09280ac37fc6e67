#include "bucket/full.h"
#include "bucket/s3_credentials.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/file.h"
#include "maintenance/maintenance.h"
#include "model/detail.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 20, ENVIRONMENT_MAX = 8, NUMBER_SIZE = 24, KEYS_MAX = 3 * SECRET_MAX };

/* How much is done. */
enum effort {
    WHOLE,      /* packs of which little is needed are written anew, then what is unused goes */
    ONLY_REMOVE /* packs of which nothing is needed go: that needs hardly any room */
};

/* What restic gets to see, and nothing else. The descriptors are of memory that goes with us. */
struct setting {
    char repository[PATH_MAX + 64];
    char password_file[96];
    char keys_file[96];
    char region[96];
    char upload[NUMBER_SIZE], download[NUMBER_SIZE]; /* KiB per second */
    const char *environment[ENVIRONMENT_MAX];
    const char *arguments[ARGUMENTS_MAX];
    size_t argument_count;
    int password_fd, keys_fd; /* -1: none */
};

static void setting_done(const struct setting *setting)
{
    fd_closep(&setting->password_fd);
    fd_closep(&setting->keys_fd);
}

/* What a dead process of this host has left is removed. LOCKED: it is in use. No lock is written,
 * for which a full bucket may have no room. */
static enum status clear_locks(const struct work *work, bool *ret_exists, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (work_open_existing(work, &store, &repository, err) != STATUS_OK)
        return error_status(err);
    *ret_exists = repository != NULL;
    return *ret_exists ? repository_check_locks(repository, true, err) : STATUS_OK;
}

/* restic opens the descriptor through /proc: the memory behind it goes with us, whatever happens.
 */
static enum status make_memory_file(const char *name, const char *text, int *ret_fd,
                                    struct error *err)
{
    *ret_fd = memfd_create(name, MFD_CLOEXEC);
    if (*ret_fd < 0)
        return FAIL_ERRNO(err, "memory for the %s", name);
    return file_write_all(*ret_fd, text, strlen(text), err);
}

/* In the form that all tools read, whatever that of the file is. */
static enum status make_keys_file(const char *path, int *ret_fd, struct error *err)
{
    struct s3_credentials keys = {.secret_key = NULL};
    char text[KEYS_MAX];
    if (s3_credentials_read(path, &keys, err) != STATUS_OK)
        return error_status(err);
    const char *token = secret_text(keys.session_token);
    int len = snprintf(text, sizeof(text),
                       "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n%s%s\n",
                       keys.access_key, secret_text(keys.secret_key),
                       token == NULL ? "" : "aws_session_token = ", token == NULL ? "" : token);
    enum status status = len < (int)sizeof(text)
                             ? make_memory_file("keys", text, ret_fd, err)
                             : FAIL(err, STATUS_TOO_LARGE, "the keys of the bucket");
    explicit_bzero(text, sizeof(text));
    s3_credentials_done(&keys);
    return status;
}

static void add_argument(struct setting *setting, const char *argument)
{
    assert(setting->argument_count + 1 < ARGUMENTS_MAX);
    setting->arguments[setting->argument_count++] = argument;
    setting->arguments[setting->argument_count] = NULL;
}

static void add_limit(struct setting *setting, const char *option, int64_t bytes_per_s,
                      char text[NUMBER_SIZE])
{
    if (bytes_per_s == 0)
        return;
    (void)snprintf(text, NUMBER_SIZE, "%lld", (long long)(bytes_per_s / 1024));
    add_argument(setting, option);
    add_argument(setting, text);
}

static void add_arguments(const struct bucket_definition *bucket, enum effort effort,
                          struct setting *setting)
{
    static const char *const always[] = {"restic", "--no-cache", "prune", "--max-unused", "5%"};
    const struct bucket_s3 *s3 = &bucket->s3;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        add_argument(setting, always[i]);
    if (effort == ONLY_REMOVE) {
        add_argument(setting, "--max-repack-size");
        add_argument(setting, "0");
    }
    add_limit(setting, "--limit-upload", bucket->upload_limit, setting->upload);
    add_limit(setting, "--limit-download", bucket->download_limit, setting->download);
    if (!bucket_provider_is_s3(bucket->bucket.provider))
        return;
    (void)snprintf(setting->region, sizeof(setting->region), "s3.region=%s", s3->region);
    add_argument(setting, "-o");
    add_argument(setting, setting->region);
    add_argument(setting, "-o");
    add_argument(setting, s3->path_style ? "s3.bucket-lookup=path" : "s3.bucket-lookup=dns");
    if (s3->ca_file != NULL) {
        add_argument(setting, "--cacert");
        add_argument(setting, s3->ca_file);
    }
}

static enum status fill_setting(const struct prune_plan *plan, enum effort effort,
                                struct setting *setting, struct error *err)
{
    static const char repository[] = "RESTIC_REPOSITORY=";
    const struct bucket_definition *bucket = plan->work.bucket;
    size_t count = 0;
    memcpy(setting->repository, repository, sizeof(repository));
    if (bucket_location(bucket, plan->work.app_id, setting->repository + sizeof(repository) - 1,
                        sizeof(setting->repository) - sizeof(repository), err) != STATUS_OK)
        return error_status(err);
    if (make_memory_file("passphrase", plan->work.passphrase, &setting->password_fd, err) !=
        STATUS_OK)
        return error_status(err);
    (void)snprintf(setting->password_file, sizeof(setting->password_file),
                   "RESTIC_PASSWORD_FILE=/proc/%d/fd/%d", (int)getpid(), setting->password_fd);
    setting->environment[count++] = setting->repository;
    setting->environment[count++] = setting->password_file;
    setting->environment[count++] = "PATH=" CHILD_PATH;
    setting->environment[count++] = "LANG=C.UTF-8";
    if (bucket_provider_is_s3(bucket->bucket.provider)) {
        if (make_keys_file(bucket->s3.credentials_file, &setting->keys_fd, err) != STATUS_OK)
            return FAIL_IN(err, "bucket '%s'", bucket->bucket.name);
        (void)snprintf(setting->keys_file, sizeof(setting->keys_file),
                       "AWS_SHARED_CREDENTIALS_FILE=/proc/%d/fd/%d", (int)getpid(),
                       setting->keys_fd);
        setting->environment[count++] = setting->keys_file;
    }
    setting->environment[count] = NULL;
    add_arguments(bucket, effort, setting);
    return STATUS_OK;
}

/* The last line that says anything; it is cut off in place. */
static const char *last_line(char *output)
{
    size_t len = strlen(output);
    while (len > 0 && (output[len - 1] == '\n' || output[len - 1] == ' '))
        output[--len] = '\0';
    const char *newline = strrchr(output, '\n');
    return newline == NULL ? output : newline + 1;
}

static enum status failure(const struct prune_plan *plan, struct child_result *result,
                           struct error *err)
{
    char how[64];
    if (result->canceled)
        return cancel_check(plan->work.cancel, err);
    child_describe(result, how, sizeof(how));
    if (result->timed_out)
        return FAIL_REASON(err, STATUS_TIMEOUT, REASON_PRUNE_TIMEOUT, "restic prune: %s", how);
    if (strstr(result->output, "already locked") != NULL)
        return FAIL(err, STATUS_LOCKED, "restic prune: %.300s", last_line(result->output));
    if (bucket_full_is_said(result->output))
        return FAIL_REASON(err, STATUS_NO_SPACE, REASON_BUCKET_FULL,
                           "the bucket is full: restic prune: %.300s", last_line(result->output));
    return FAIL_REASON(err, STATUS_INTERNAL, REASON_PRUNE_FAILED, "restic prune: %s: %.300s", how,
                       last_line(result->output));
}

/* "total prune:  12 blobs / 1.2 MiB" */
static void note_result(char *output, struct work_result *result)
{
    char *line = strstr(output, "total prune:");
    if (line == NULL)
        return;
    line[strcspn(line, "\n")] = '\0';
    detail_add(result->state_details, REASON_PRUNED, "Pruned", line, NULL);
}

static enum status run_restic(const struct prune_plan *plan, enum effort effort,
                              int64_t deadline_ms, struct work_result *result, struct error *err)
{
    CLEANUP(setting_done) struct setting setting = {.password_fd = -1, .keys_fd = -1};
    struct child_result child = {0};
    int left_ms = clock_left_ms(deadline_ms);
    if (fill_setting(plan, effort, &setting, err) != STATUS_OK)
        return error_status(err);
    const struct child_command command = {.argv = setting.arguments,
                                          .environment = setting.environment,
                                          .timeout_ms = left_ms > 0 ? left_ms : 1,
                                          .cancel = plan->work.cancel};
    if (child_run(&command, &child, err) != STATUS_OK) {
        if (err->status != STATUS_NOT_FOUND)
            return error_status(err);
        struct error cause = *err;
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_RESTIC_MISSING,
                           "the package restic is needed to prune: %s", cause.text);
    }
    if (!child_succeeded(&child))
        return failure(plan, &child, err);
    note_result(child.output, result);
    return STATUS_OK;
}

/* restic writes anew before it removes, for which a full bucket has no room: then what is wholly
 * unused goes first. */
static enum status prune(const struct prune_plan *plan, struct work_result *result,
                         struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + plan->timeout_ms;
    enum status status = run_restic(plan, WHOLE, deadline_ms, result, err);
    if (status != STATUS_NO_SPACE)
        return status;
    if (run_restic(plan, ONLY_REMOVE, deadline_ms, result, err) != STATUS_OK)
        return error_status(err);
    return run_restic(plan, WHOLE, deadline_ms, result, err);
}

enum status prune_run(const struct prune_plan *plan, struct work_result *result, struct error *err)
{
    bool exists = false;
    if (work_report_stage(&plan->work, "open", result, err) != STATUS_OK ||
        clear_locks(&plan->work, &exists, err) != STATUS_OK)
        return FAIL_IN(err, "prune");
    if (!exists)
        return STATUS_OK;
    if (work_report_stage(&plan->work, "prune", result, err) != STATUS_OK)
        return FAIL_IN(err, "prune");
    enum status status = prune(plan, result, err);
    if (status == STATUS_OK)
        return STATUS_OK;
    struct error ignored = {0}; /* the next attempt would remove it as well */
    struct work after = plan->work;
    after.cancel = NULL;
    (void)clear_locks(&after, &exists, &ignored);
    return FAIL_IN(err, "prune");
}
