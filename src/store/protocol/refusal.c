#include "refusal.h"

#include <string.h>

#define UNSAFE REASON_REDIS_UNSAFE

static const struct {
    const char *code; /* the first word of the error reply */
    enum status status;
    enum reason reason;
} refusals[] = {
    {"UNKNOWN_APP", STATUS_NOT_FOUND, REASON_UNKNOWN_APP},
    {"UNKNOWN_BACKUP", STATUS_NOT_FOUND, REASON_UNKNOWN_BACKUP},
    {"UNKNOWN_BUCKET", STATUS_NOT_FOUND, REASON_UNKNOWN_BUCKET},
    {"UNKNOWN_JOB", STATUS_NOT_FOUND, REASON_UNKNOWN_JOB},
    {"UNKNOWN_NODE", STATUS_NOT_FOUND, REASON_UNKNOWN_NODE},
    {"UNKNOWN_TASK", STATUS_NOT_FOUND, REASON_UNKNOWN_TASK},
    {"UNKNOWN_SNAPSHOT", STATUS_NOT_FOUND, REASON_UNKNOWN_SNAPSHOT},
    {"NO_BUCKET", STATUS_NOT_FOUND, REASON_NO_BUCKET},
    {"FOREIGN_BACKUP", STATUS_FORBIDDEN, REASON_FOREIGN_BACKUP},
    {"FOREIGN_SNAPSHOT", STATUS_FORBIDDEN, REASON_FOREIGN_SNAPSHOT},
    {"NAME_TAKEN", STATUS_CONFLICT, REASON_NAME_TAKEN},
    {"KEY_REUSED", STATUS_CONFLICT, REASON_KEY_REUSED},
    {"ALREADY_DELETING", STATUS_CONFLICT, REASON_ALREADY_DELETING},
    {"ALREADY_PAUSED", STATUS_CONFLICT, REASON_ALREADY_PAUSED},
    {"NOT_PAUSED", STATUS_CONFLICT, REASON_NOT_PAUSED},
    {"LEASE_HELD", STATUS_CONFLICT, REASON_LEASE_HELD},
    {"BACKUP_ACTIVE", STATUS_CONFLICT, REASON_BACKUP_ACTIVE},
    {"BACKUP_IN_USE", STATUS_CONFLICT, REASON_BACKUP_IN_USE},
    {"BACKUP_NOT_READY", STATUS_CONFLICT, REASON_BACKUP_NOT_READY},
    {"TASK_EXISTS", STATUS_CONFLICT, REASON_TASK_EXISTS},
    {"PLAN_OUTDATED", STATUS_CONFLICT, REASON_PLAN_OUTDATED},
    {"ILLEGAL_TRANSITION", STATUS_CONFLICT, REASON_ILLEGAL_TRANSITION},
    {"LEASE_LOST", STATUS_LOST, REASON_LEASE_LOST},
    {"INVALID_ARGUMENT", STATUS_INVALID, REASON_INVALID_ARGUMENT},
    {"SCHEMA_MISMATCH", STATUS_UNSUPPORTED, REASON_SCHEMA_MISMATCH},
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
    return FAIL_REASON(err, STATUS_INTERNAL, REASON_REDIS_ERROR, "redis: %s", reply->str);
}

bool refusal_is_of_replica(const redisReply *reply)
{
    static const char *const codes[] = {"READONLY ", "MASTERDOWN "};
    if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strncmp(reply->str, codes[i], strlen(codes[i])) == 0)
            return true;
    return false;
}
