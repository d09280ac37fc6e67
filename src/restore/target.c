#include "target.h"

#include "core/clock.h"
#include "core/directory.h"
#include "core/file.h"
#include "undo/unwind.h"

#include <unistd.h>

/* Is it the directory in which an earlier attempt has begun? */
static enum status find_own(struct restore *restore, bool *ret_own, struct error *err)
{
    const struct operation *operation = &restore->operation;
    struct undo_record left = {0};
    struct error failure = {0};
    enum status status =
        undo_record_read(operation->undo_directory, operation->job, &left, &failure);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK) {
        *err = failure;
        return status;
    }
    *ret_own = left.phase == RESTORE_BESIDE &&
               file_id_is_of(&left.target, restore->target_fd, restore->target_fd);
    if (*ret_own)
        restore->operation.record.since_ms = left.since_ms;
    restore->operation.recorded = true;
    undo_record_done(&left);
    return STATUS_OK;
}

/* What mkfs(8) has put there is nobody's data. */
static enum status check_empty(const struct restore *restore, const char *path, struct error *err)
{
    bool filled = false;
    if (directory_has_more(restore->target_fd, "lost+found", &filled, err) != STATUS_OK)
        return error_status(err);
    if (!filled)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_CONFLICT, REASON_TARGET_NOT_EMPTY,
                       "'%s' is not empty: name another directory, or say that what is in it may "
                       "be overwritten",
                       path);
}

static enum status claim(struct restore *restore, const char *path, struct error *err)
{
    struct undo_record *record = &restore->operation.record;
    bool own = false;
    if (find_own(restore, &own, err) != STATUS_OK ||
        (!own && check_empty(restore, path, err) != STATUS_OK) ||
        file_id_read(restore->target_fd, &record->target, err) != STATUS_OK)
        return error_status(err);
    if (!own)
        record->since_ms = clock_wall_ms();
    record->phase = RESTORE_BESIDE;
    return operation_write_record(&restore->operation, err);
}

enum status target_open(struct restore *restore, const char *path, bool overwrite,
                        struct error *err)
{
    if (file_make_directories(path, 0755, err) != STATUS_OK ||
        directory_open(path, &restore->target_fd, err) != STATUS_OK)
        return FAIL_IN(err, "target");
    if (!overwrite && claim(restore, path, err) != STATUS_OK)
        return FAIL_IN(err, "target");
    return STATUS_OK;
}

void target_close(struct restore *restore, enum status status)
{
    bool again = status_is_transient(status) || status == STATUS_LOST;
    if (!again)
        restore->operation.record.phase = RESTORE_NONE;
    operation_close_record(&restore->operation);
}
