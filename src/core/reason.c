#include "core/reason.h"

#include <assert.h>

struct row {
    const char *code;
    enum reason_effect effect;
};

/* clang-format off */
static const struct row rows[REASON_COUNT] = {
    [REASON_UNSET] = {"", REASON_ENDS},
    [REASON_INVALID] = {"invalid", REASON_ENDS},
    [REASON_NOT_FOUND] = {"not_found", REASON_ENDS},
    [REASON_CONFLICT] = {"conflict", REASON_ENDS},
    [REASON_FORBIDDEN] = {"forbidden", REASON_ENDS},
    [REASON_TOO_LARGE] = {"too_large", REASON_ENDS},
    [REASON_UNSUPPORTED] = {"unsupported", REASON_ENDS},
    [REASON_CORRUPT] = {"corrupt", REASON_ENDS},
    [REASON_CANCELED] = {"canceled", REASON_ENDS},
    [REASON_LOST] = {"lost", REASON_ENDS},
    [REASON_UNAVAILABLE] = {"unavailable", REASON_RETRIED},
    [REASON_TIMEOUT] = {"timeout", REASON_RETRIED},
    [REASON_LOCKED] = {"locked", REASON_RETRIED},
    [REASON_NO_SPACE] = {"no_space", REASON_RETRIED},
    [REASON_NO_MEMORY] = {"no_memory", REASON_RETRIED},
    [REASON_INTERNAL] = {"internal", REASON_ENDS},
    [REASON_LEASE_LOST] = {"lease_lost", REASON_ENDS},
    [REASON_JOB_BUSY] = {"job_busy", REASON_RETRIED},
    [REASON_JOB_TIMEOUT] = {"job_timeout", REASON_ENDS},
    [REASON_JOB_DIED] = {"job_died", REASON_RETRIED},
    [REASON_QUARANTINED] = {"quarantined", REASON_ENDS},
    [REASON_WORKER_STOPPING] = {"worker_stopping", REASON_RETRIED},
    [REASON_APP_UNDEFINED] = {"app_undefined", REASON_ENDS},
    [REASON_BUCKET_UNDEFINED] = {"bucket_undefined", REASON_ENDS},
    [REASON_DELETE_FAILED] = {"delete_failed", REASON_ENDS},
    [REASON_RESTORE_FAILED] = {"restore_failed", REASON_ENDS},
    [REASON_BUCKET_UNREACHABLE] = {"bucket_unreachable", REASON_RETRIED},
    [REASON_BUCKET_MISSING] = {"bucket_missing", REASON_RETRIED},
    [REASON_BUCKET_FULL] = {"bucket_full", REASON_RETRIED},
    [REASON_BUCKET_FORBIDDEN] = {"bucket_forbidden", REASON_ENDS},
    [REASON_CLOCK_SKEWED] = {"clock_skewed", REASON_RETRIED},
    [REASON_CERTIFICATE_UNTRUSTED] = {"certificate_untrusted", REASON_RETRIED},
    [REASON_UPLOAD_DAMAGED] = {"upload_damaged", REASON_RETRIED},
    [REASON_REPOSITORY_LOCKED] = {"repository_locked", REASON_RETRIED},
    [REASON_REPOSITORY_LOCK_LOST] = {"repository_lock_lost", REASON_ENDS},
    [REASON_REPOSITORY_KEY_WRONG] = {"repository_key_wrong", REASON_ENDS},
    [REASON_SNAPSHOT_MISSING] = {"snapshot_missing", REASON_ENDS},
    [REASON_DATA_DAMAGED] = {"data_damaged", REASON_ENDS},
    [REASON_DATA_FOUND] = {"data_found", REASON_NEWS},
    [REASON_SNAPSHOT_UNREADABLE] = {"snapshot_unreadable", REASON_GOES_ON},
    [REASON_PARENT_UNREADABLE] = {"parent_unreadable", REASON_GOES_ON},
    [REASON_NOT_LOCKED] = {"not_locked", REASON_GOES_ON},
    [REASON_VOLUME_MISSING] = {"volume_missing", REASON_ENDS},
    [REASON_NOTHING_READABLE] = {"nothing_readable", REASON_ENDS},
    [REASON_NESTED_SUBVOLUME] = {"nested_subvolume", REASON_ENDS},
    [REASON_SYMBOLIC_LINK] = {"symbolic_link", REASON_ENDS},
    [REASON_FOREIGN_PLACE] = {"foreign_place", REASON_ENDS},
    [REASON_MOUNT_BELOW] = {"mount_below", REASON_ENDS},
    [REASON_HOOK_FAILED] = {"hook_failed", REASON_GOES_ON},
    [REASON_UNKNOWN_COMMAND] = {"unknown_command", REASON_ENDS},
    [REASON_UNKNOWN_USER] = {"unknown_user", REASON_ENDS},
    [REASON_FILE_UNREADABLE] = {"file_unreadable", REASON_GOES_ON},
    [REASON_FILE_VANISHED] = {"file_vanished", REASON_GOES_ON},
    [REASON_FILE_CHANGED] = {"file_changed", REASON_GOES_ON},
    [REASON_ATTRIBUTES_UNREADABLE] = {"attributes_unreadable", REASON_GOES_ON},
    [REASON_FILES_SKIPPED] = {"files_skipped", REASON_GOES_ON},
    [REASON_UNDO_RECORD_STALE] = {"undo_record_stale", REASON_GOES_ON},
    [REASON_SNAPSHOT_LEFT] = {"snapshot_left", REASON_GOES_ON},
    [REASON_APP_UNAVAILABLE] = {"app_unavailable", REASON_NEWS},
    [REASON_TARGET_FORBIDDEN] = {"target_forbidden", REASON_ENDS},
    [REASON_INCLUDE_NEEDS_TARGET] = {"include_needs_target", REASON_ENDS},
    [REASON_VOLUME_NOT_IN_BACKUP] = {"volume_not_in_backup", REASON_ENDS},
    [REASON_EXCHANGE_NOT_UNDONE] = {"exchange_not_undone", REASON_ENDS},
    [REASON_FILE_NOT_RESTORED] = {"file_not_restored", REASON_GOES_ON},
    [REASON_FILES_NOT_RESTORED] = {"files_not_restored", REASON_ENDS},
    [REASON_ATTRIBUTES_NOT_RESTORED] = {"attributes_not_restored", REASON_GOES_ON},
    [REASON_OLD_LEFT] = {"old_left", REASON_GOES_ON},
    [REASON_RESTORING] = {"restoring", REASON_NEWS},
    [REASON_PRUNE_FAILED] = {"prune_failed", REASON_ENDS},
    [REASON_PRUNE_TIMEOUT] = {"prune_timeout", REASON_RETRIED},
    [REASON_RESTIC_MISSING] = {"restic_missing", REASON_ENDS},
    [REASON_PRUNED] = {"pruned", REASON_NEWS},
    [REASON_VERIFIED] = {"verified", REASON_NEWS},
    [REASON_CATALOGED] = {"cataloged", REASON_NEWS},
    [REASON_RECORD_REBUILT] = {"record_rebuilt", REASON_NEWS},
    [REASON_REDIS_UNAVAILABLE] = {"redis_unavailable", REASON_RETRIED},
    [REASON_REDIS_UNSAFE] = {"redis_unsafe", REASON_RETRIED},
    [REASON_REDIS_ERROR] = {"redis_error", REASON_ENDS},
    [REASON_SCHEMA_MISMATCH] = {"schema_mismatch", REASON_ENDS},
    [REASON_ILLEGAL_TRANSITION] = {"illegal_transition", REASON_ENDS},
    [REASON_INVALID_ARGUMENT] = {"invalid_argument", REASON_ENDS},
    [REASON_UNKNOWN_APP] = {"unknown_app", REASON_ENDS},
    [REASON_UNKNOWN_BACKUP] = {"unknown_backup", REASON_ENDS},
    [REASON_UNKNOWN_BUCKET] = {"unknown_bucket", REASON_ENDS},
    [REASON_UNKNOWN_JOB] = {"unknown_job", REASON_ENDS},
    [REASON_UNKNOWN_NODE] = {"unknown_node", REASON_ENDS},
    [REASON_UNKNOWN_TASK] = {"unknown_task", REASON_ENDS},
    [REASON_UNKNOWN_SNAPSHOT] = {"unknown_snapshot", REASON_ENDS},
    [REASON_NO_BUCKET] = {"no_bucket", REASON_ENDS},
    [REASON_FOREIGN_BACKUP] = {"foreign_backup", REASON_ENDS},
    [REASON_FOREIGN_SNAPSHOT] = {"foreign_snapshot", REASON_ENDS},
    [REASON_NAME_TAKEN] = {"name_taken", REASON_ENDS},
    [REASON_KEY_REUSED] = {"key_reused", REASON_ENDS},
    [REASON_ALREADY_DELETING] = {"already_deleting", REASON_ENDS},
    [REASON_ALREADY_PAUSED] = {"already_paused", REASON_ENDS},
    [REASON_NOT_PAUSED] = {"not_paused", REASON_ENDS},
    [REASON_LEASE_HELD] = {"lease_held", REASON_ENDS},
    [REASON_BACKUP_ACTIVE] = {"backup_active", REASON_ENDS},
    [REASON_BACKUP_IN_USE] = {"backup_in_use", REASON_ENDS},
    [REASON_BACKUP_NOT_READY] = {"backup_not_ready", REASON_ENDS},
    [REASON_TASK_EXISTS] = {"task_exists", REASON_ENDS},
    [REASON_CONFIGURATION_INVALID] = {"configuration_invalid", REASON_ENDS},
    [REASON_WORKER_RUNNING] = {"worker_running", REASON_ENDS},
    [REASON_ADDRESS_IN_USE] = {"address_in_use", REASON_ENDS},
};

/* clang-format on */

const char *reason_code(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return rows[reason].code;
}

enum reason_effect reason_effect(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return rows[reason].effect;
}
