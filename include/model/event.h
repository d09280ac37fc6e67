/*
 * Events: what the programs log that people wait for or have to act upon, each with one text and
 * one MESSAGE_ID. systemd/appbackup.catalog explains each (journalctl --catalog), docs/reasons.md
 * the reason codes in them; a test holds table and catalog together.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "core/log.h"

enum event_kind {
    EVENT_BACKUP_REQUESTED = 0,
    EVENT_BACKUP_CANCEL_REQUESTED,
    EVENT_BACKUP_DELETE_REQUESTED,
    EVENT_TASK_REQUESTED,
    EVENT_JOB_CLAIMED,
    EVENT_JOB_STARTED,
    EVENT_STAGE_STARTED,
    EVENT_STAGE_ENDED,
    EVENT_SNAPSHOT_PLANNED,
    EVENT_HOOK_ENDED,
    EVENT_HOOK_FAILED,
    EVENT_WARNING,
    EVENT_JOB_COMPLETED,
    EVENT_JOB_FAILED,
    EVENT_JOB_CANCELED,
    EVENT_JOB_RETRIED,
    EVENT_JOB_RELEASED,
    EVENT_JOB_LOST,
    EVENT_JOB_DIED,
    EVENT_JOB_QUARANTINED,
    EVENT_JOB_HANGS,
    EVENT_LEASE_LATE,
    EVENT_LEASE_RENEWED,
    EVENT_UNWOUND,
    EVENT_UNWIND_FAILED,
    EVENT_WORKER_STARTED,
    EVENT_WORKER_STOPPING,
    EVENT_WORKER_STOPPED,
    EVENT_FRONT_END_STARTED,
    EVENT_FRONT_END_STOPPING,
    EVENT_FRONT_END_STOPPED,
    EVENT_START_FAILED,
    EVENT_CONFIG_REFUSED,
    EVENT_CONFIG_READ,
    EVENT_BUCKET_FAILED,
    EVENT_REDIS_LOST,
    EVENT_REDIS_BACK,
    EVENT_REDIS_UNSAFE,
    EVENT_REDIS_SAFE,
    EVENT_CATALOG_EMPTY,
    EVENT_TOKEN_REFUSED,
    EVENT_REQUEST_FAILED,
    EVENT_SERVICE_FAULT,
    EVENT_KIND_COUNT
};

const struct log_message *event_message(enum event_kind kind);

/* log_event(LOG_LEVEL_INFO, EVENT_JOB_CLAIMED, LOG_TEXT("job", id), LOG_NUMBER("epoch", 3)); */
/* NOLINTNEXTLINE(readability-identifier-naming): it reads like the function that it calls */
#define log_event(level, kind, ...)                                                          \
    log_write_message((level), event_message(kind), (const struct log_field[]){__VA_ARGS__}, \
                      sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
