/*
 * Reasons: every code that a failure, a warning or a note can have, for programs and for the page
 * that says what to do about it: docs/reasons.md has a section for each, a test holds them
 * together. A code is in stateDetails (behind the prefix of "type"), in the log (code=) and in
 * struct error; once published it keeps its meaning.
 */
#ifndef CORE_REASON_H
#define CORE_REASON_H

enum reason {
    REASON_UNSET = 0,
    /* What a status stands for where nothing more is known */
    REASON_INVALID,
    REASON_NOT_FOUND,
    REASON_CONFLICT,
    REASON_FORBIDDEN,
    REASON_TOO_LARGE,
    REASON_UNSUPPORTED,
    REASON_CORRUPT,
    REASON_CANCELED,
    REASON_LOST,
    REASON_UNAVAILABLE,
    REASON_TIMEOUT,
    REASON_LOCKED,
    REASON_NO_SPACE,
    REASON_NO_MEMORY,
    REASON_INTERNAL,
    /* Jobs and their processes */
    REASON_LEASE_LOST,
    REASON_JOB_BUSY,
    REASON_JOB_TIMEOUT,
    REASON_JOB_DIED,
    REASON_QUARANTINED,
    REASON_WORKER_STOPPING,
    REASON_APP_UNDEFINED,
    REASON_BUCKET_UNDEFINED,
    REASON_DELETE_FAILED,
    REASON_RESTORE_FAILED,
    /* Buckets */
    REASON_BUCKET_UNREACHABLE,
    REASON_BUCKET_MISSING,
    REASON_BUCKET_FULL,
    REASON_BUCKET_FORBIDDEN,
    REASON_CLOCK_SKEWED,
    REASON_CERTIFICATE_UNTRUSTED,
    REASON_UPLOAD_DAMAGED,
    /* Repositories */
    REASON_REPOSITORY_LOCKED,
    REASON_REPOSITORY_LOCK_LOST,
    REASON_REPOSITORY_KEY_WRONG,
    REASON_SNAPSHOT_MISSING,
    REASON_DATA_DAMAGED,
    REASON_DATA_FOUND,
    REASON_SNAPSHOT_UNREADABLE,
    REASON_PARENT_UNREADABLE,
    REASON_NOT_LOCKED,
    /* The data and hooks of an app */
    REASON_VOLUME_MISSING,
    REASON_NOTHING_READABLE,
    REASON_NESTED_SUBVOLUME,
    REASON_SYMBOLIC_LINK,
    REASON_FOREIGN_PLACE,
    REASON_MOUNT_BELOW,
    REASON_HOOK_FAILED,
    REASON_UNKNOWN_COMMAND,
    REASON_UNKNOWN_USER,
    REASON_FILE_UNREADABLE,
    REASON_FILE_VANISHED,
    REASON_FILE_CHANGED,
    REASON_ATTRIBUTES_UNREADABLE,
    REASON_FILES_SKIPPED,
    REASON_UNDO_RECORD_STALE,
    REASON_SNAPSHOT_LEFT,
    REASON_APP_UNAVAILABLE,
    /* Restores */
    REASON_TARGET_FORBIDDEN,
    REASON_INCLUDE_NEEDS_TARGET,
    REASON_VOLUME_NOT_IN_BACKUP,
    REASON_EXCHANGE_NOT_UNDONE,
    REASON_FILE_NOT_RESTORED,
    REASON_FILES_NOT_RESTORED,
    REASON_ATTRIBUTES_NOT_RESTORED,
    REASON_OLD_LEFT,
    REASON_RESTORING,
    /* Maintenance */
    REASON_PRUNE_FAILED,
    REASON_PRUNE_TIMEOUT,
    REASON_RESTIC_MISSING,
    REASON_PRUNED,
    REASON_VERIFIED,
    REASON_CATALOGED,
    REASON_RECORD_REBUILT,
    /* Redis */
    REASON_REDIS_UNAVAILABLE,
    REASON_REDIS_UNSAFE,
    REASON_REDIS_ERROR,
    REASON_SCHEMA_MISMATCH,
    REASON_ILLEGAL_TRANSITION,
    REASON_INVALID_ARGUMENT,
    /* Requests, and what they name */
    REASON_UNKNOWN_APP,
    REASON_UNKNOWN_BACKUP,
    REASON_UNKNOWN_BUCKET,
    REASON_UNKNOWN_JOB,
    REASON_UNKNOWN_NODE,
    REASON_UNKNOWN_TASK,
    REASON_UNKNOWN_SNAPSHOT,
    REASON_NO_BUCKET,
    REASON_FOREIGN_BACKUP,
    REASON_FOREIGN_SNAPSHOT,
    REASON_NAME_TAKEN,
    REASON_KEY_REUSED,
    REASON_ALREADY_DELETING,
    REASON_BACKUP_ACTIVE,
    REASON_BACKUP_IN_USE,
    REASON_BACKUP_NOT_READY,
    REASON_TASK_EXISTS,
    /* Starting */
    REASON_CONFIGURATION_INVALID,
    REASON_WORKER_RUNNING,
    REASON_ADDRESS_IN_USE,
    REASON_COUNT
};

/* What a reason means for the job that meets it. */
enum reason_effect {
    REASON_ENDS = 0, /* it fails, or is refused: somebody has to do something first */
    REASON_RETRIED,  /* it is tried again by itself, up to worker.retries_max */
    REASON_GOES_ON,  /* a warning: the rest is done */
    REASON_NEWS,     /* no failure */
};

const char *reason_code(enum reason reason); /* "bucket_unreachable"; "" for unset */
enum reason_effect reason_effect(enum reason reason);

#endif
