#include "refusal.h"

#include <string.h>

#define UNSAFE "redis_unsafe"

static const struct {
    const char *code; /* the first word of the error reply */
    enum status status;
    const char *reason;
} refusals[] = {
    {"UNKNOWN_APP", STATUS_NOT_FOUND, "unknown_app"},
    {"UNKNOWN_BACKUP", STATUS_NOT_FOUND, "unknown_backup"},
    {"UNKNOWN_BUCKET", STATUS_NOT_FOUND, "unknown_bucket"},
    {"UNKNOWN_JOB", STATUS_NOT_FOUND, "unknown_job"},
    {"UNKNOWN_NODE", STATUS_NOT_FOUND, "unknown_node"},
    {"UNKNOWN_TASK", STATUS_NOT_FOUND, "unknown_task"},
    {"UNKNOWN_SNAPSHOT", STATUS_NOT_FOUND, "unknown_snapshot"},
    {"NO_BUCKET", STATUS_NOT_FOUND, "no_bucket"},
    {"FOREIGN_BACKUP", STATUS_FORBIDDEN, "foreign_backup"},
    {"FOREIGN_SNAPSHOT", STATUS_FORBIDDEN, "foreign_snapshot"},
    {"NAME_TAKEN", STATUS_CONFLICT, "name_taken"},
    {"KEY_REUSED", STATUS_CONFLICT, "key_reused"},
    {"ALREADY_DELETING", STATUS_CONFLICT, "already_deleting"},
    {"BACKUP_ACTIVE", STATUS_CONFLICT, "backup_active"},
    {"BACKUP_IN_USE", STATUS_CONFLICT, "backup_in_use"},
    {"BACKUP_NOT_READY", STATUS_CONFLICT, "backup_not_ready"},
    {"TASK_EXISTS", STATUS_CONFLICT, "task_exists"},
    {"ILLEGAL_TRANSITION", STATUS_CONFLICT, "illegal_transition"},
    {"LEASE_LOST", STATUS_LOST, "lease_lost"},
    {"INVALID_ARGUMENT", STATUS_INVALID, "invalid_argument"},
    {"SCHEMA_MISMATCH", STATUS_UNSUPPORTED, "schema_mismatch"},
    /* Redis itself: there, but not fit to work with now. */
    {"OOM", STATUS_UNAVAILABLE, UNSAFE},
    {"READONLY", STATUS_UNAVAILABLE, UNSAFE},
    {"LOADING", STATUS_UNAVAILABLE, UNSAFE},
    {"MASTERDOWN", STATUS_UNAVAILABLE, UNSAFE},
    {"MISCONF", STATUS_UNAVAILABLE, UNSAFE},
    {"NOREPLICAS", STATUS_UNAVAILABLE, UNSAFE},
    {"BUSY", STATUS_UNAVAILABLE, UNSAFE},
    {"NOAUTH", STATUS_UNAVAILABLE, UNSAFE},
    {"WRONGPASS", STATUS_UNAVAILABLE, UNSAFE},
    {"NOPERM", STATUS_UNAVAILABLE, UNSAFE},
};

enum status refusal_check(const redisReply *reply, struct error *err)
{
    if (reply == NULL)
        return FAIL(err, STATUS_CORRUPT, "redis: no reply");
    if (reply->type != REDIS_REPLY_ERROR)
        return STATUS_OK;
    size_t len = strcspn(reply->str, " ");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strlen(refusals[i].code) != len || memcmp(refusals[i].code, reply->str, len) != 0)
            continue;
        const char *text = reply->str[len] == ' ' ? reply->str + len + 1 : reply->str;
        return FAIL_REASON(err, refusals[i].status, refusals[i].reason, "%s", text);
    }
    return FAIL_REASON(err, STATUS_INTERNAL, "redis_error", "redis: %s", reply->str);
}
