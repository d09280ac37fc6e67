#include "stage/prune.h"

#include "context.h"
#include "core/child.h"
#include "core/file.h"
#include "model/detail.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What restic gets to see, and nothing else. */
struct setting {
    char repository[PATH_MAX + 64];
    char password_file[96];
    const char *list[8];
};

static enum status report(const struct stage_prune_plan *plan, const struct stage_result *result,
                          const char *stage, struct error *err)
{
    const struct stage_report news = {.state = BACKUP_RUNNING,
                                      .stage = stage,
                                      .bytes_done = -1,
                                      .bytes_total = -1,
                                      .state_details = result->state_details};
    if (plan->report(plan->context, &news, err) != STATUS_OK)
        return error_status(err);
    return cancel_check(plan->cancel, err);
}

/* Locks and lets go: what a dead process of this host has left is removed on the way. LOCKED: it is
 * in use. */
static enum status clear_locks(const struct stage_plan *place, const struct cancel *cancel,
                               bool *ret_exists, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (context_open_store(place, &store, err) != STATUS_OK)
        return error_status(err);
    enum status status = context_open_repository(place, store, false, &repository, err);
    *ret_exists = status != STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || repository_lock(repository, true, cancel, err) != STATUS_OK)
        return error_status(err);
    return repository_unlock(repository, err);
}

/* restic opens the descriptor through /proc: the memory behind it goes with us, whatever happens.
 */
static enum status make_password_file(const char *passphrase, int *ret_fd, struct error *err)
{
    *ret_fd = memfd_create("passphrase", MFD_CLOEXEC);
    if (*ret_fd < 0)
        return FAIL_ERRNO(err, "memory for the passphrase");
    return file_write_all(*ret_fd, passphrase, strlen(passphrase), err);
}

static enum status fill_setting(const struct stage_prune_plan *plan, int password_fd,
                                struct setting *setting, struct error *err)
{
    size_t count = 0;
    if (plan->bucket->bucket.provider != BUCKET_DIRECTORY) {
        return FAIL_REASON(err, STATUS_UNSUPPORTED, "prune_unsupported",
                           "bucket '%s': only a directory can be pruned",
                           plan->bucket->bucket.name);
    }
    (void)snprintf(setting->repository, sizeof(setting->repository), "RESTIC_REPOSITORY=%s/%s",
                   plan->bucket->path, plan->app_id);
    (void)snprintf(setting->password_file, sizeof(setting->password_file),
                   "RESTIC_PASSWORD_FILE=/proc/%d/fd/%d", (int)getpid(), password_fd);
    setting->list[count++] = setting->repository;
    setting->list[count++] = setting->password_file;
    setting->list[count++] = "PATH=" CHILD_PATH;
    setting->list[count++] = "LANG=C.UTF-8";
    setting->list[count] = NULL;
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

static enum status failure(const struct stage_prune_plan *plan, struct child_result *result,
                           struct error *err)
{
    char how[64];
    if (result->canceled)
        return cancel_check(plan->cancel, err);
    child_describe(result, how, sizeof(how));
    if (result->timed_out)
        return FAIL_REASON(err, STATUS_TIMEOUT, "prune_timeout", "restic prune: %s", how);
    if (strstr(result->output, "already locked") != NULL)
        return FAIL(err, STATUS_LOCKED, "restic prune: %.300s", last_line(result->output));
    return FAIL_REASON(err, STATUS_INTERNAL, "prune_failed", "restic prune: %s: %.300s", how,
                       last_line(result->output));
}

/* "total prune:  12 blobs / 1.2 MiB" */
static void note_result(char *output, struct stage_result *result)
{
    char *line = strstr(output, "total prune:");
    if (line == NULL)
        return;
    line[strcspn(line, "\n")] = '\0';
    detail_add(result->state_details, "pruned", "Pruned", line, NULL);
}

static enum status run_restic(const struct stage_prune_plan *plan, struct stage_result *result,
                              struct error *err)
{
    static const char *const argv[] = {"restic", "--no-cache", "prune", "--max-unused", "5%", NULL};
    CLEANUP(fd_closep) int fd = -1;
    struct setting setting;
    struct child_result child = {0};
    if (make_password_file(plan->passphrase, &fd, err) != STATUS_OK ||
        fill_setting(plan, fd, &setting, err) != STATUS_OK)
        return error_status(err);
    const struct child_command command = {.argv = argv,
                                          .environment = setting.list,
                                          .timeout_ms = plan->timeout_ms,
                                          .cancel = plan->cancel};
    if (child_run(&command, &child, err) != STATUS_OK) {
        if (err->status != STATUS_NOT_FOUND)
            return error_status(err);
        struct error cause = *err;
        return FAIL_REASON(err, STATUS_NOT_FOUND, "restic_missing",
                           "the package restic is needed to prune: %s", cause.text);
    }
    if (!child_succeeded(&child))
        return failure(plan, &child, err);
    note_result(child.output, result);
    return STATUS_OK;
}

enum status stage_prune_run(const struct stage_prune_plan *plan, struct stage_result *result,
                            struct error *err)
{
    const struct stage_plan place = {.bucket = plan->bucket,
                                     .app_id = plan->app_id,
                                     .passphrase = plan->passphrase,
                                     .key = plan->key};
    bool exists = false;
    if (report(plan, result, "open", err) != STATUS_OK ||
        clear_locks(&place, plan->cancel, &exists, err) != STATUS_OK)
        return FAIL_IN(err, "prune");
    if (!exists)
        return STATUS_OK;
    if (report(plan, result, "prune", err) != STATUS_OK)
        return FAIL_IN(err, "prune");
    enum status status = run_restic(plan, result, err);
    if (status == STATUS_OK)
        return STATUS_OK;
    struct error ignored = {0}; /* the next attempt would remove it as well */
    (void)clear_locks(&place, NULL, &exists, &ignored);
    return FAIL_IN(err, "prune");
}
