/*
 * Replies: Redis replies to nouns. Each first turns an error reply into err (see store/store.h),
 * and a reply of another shape into CORRUPT.
 */
#ifndef STORE_REPLIES_H
#define STORE_REPLIES_H

#include "core/error.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/bucket.h"
#include "model/job.h"
#include "model/node.h"
#include "model/task.h"
#include "store/health.h" /* IWYU pragma: export */

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stddef.h>

enum status store_reply_nothing(const redisReply *reply, struct error *err) MUST_CHECK;
/* Borrowed from the reply. */
enum status store_reply_text(const redisReply *reply, const char **ret_text, struct error *err)
    MUST_CHECK;

/* Caller owns what *ret holds: backup_done(), bucket_done(). */
enum status store_reply_backup(const redisReply *reply, struct backup *ret_backup,
                               struct error *err) MUST_CHECK;
/* Of store_call_backup_record(). NOT_FOUND, "unknown_backup", also for one of another account or
 * app (NULL: any). */
enum status store_reply_backup_record(const redisReply *reply, const char *account, const char *app,
                                      struct backup *ret_backup, struct error *err) MUST_CHECK;
/* Of a create: adds what the store has assigned to the backup that was asked for (see
 * store_backup_wanted()). */
enum status store_reply_backup_created(const redisReply *reply, struct backup *backup,
                                       struct error *err) MUST_CHECK;
/* Of a create with a key. *ret_repeated: it was made by an earlier one, and is now that one. */
enum status store_reply_backup_once(const redisReply *reply, struct backup *backup,
                                    bool *ret_repeated, struct error *err) MUST_CHECK;

enum { STORE_CURSOR_SIZE = 96 };

/* Of a list. */
struct store_backup_page {
    char next[STORE_CURSOR_SIZE]; /* "after" of the next page; "": there is none */
    const redisReply *backups;    /* a list: see store_reply_count(). Borrowed from the reply */
};

/* A page with a next one may have fewer backups than asked for, or none. */
enum status store_reply_backup_page(const redisReply *reply, struct store_backup_page *ret_page,
                                    struct error *err) MUST_CHECK;

enum status store_reply_app(const redisReply *reply, struct app *ret_app, struct error *err)
    MUST_CHECK;
enum status store_reply_bucket(const redisReply *reply, struct bucket *ret_bucket,
                               struct error *err) MUST_CHECK;

enum status store_reply_task(const redisReply *reply, struct task *ret_task, struct error *err)
    MUST_CHECK; /* caller: task_done() */

/* For a list: the number of elements, each decoded by the function for one. */
enum status store_reply_count(const redisReply *reply, size_t *ret_count, struct error *err)
    MUST_CHECK;
enum status store_reply_node(const redisReply *reply, struct node *ret_node, struct error *err)
    MUST_CHECK;

/* *ret_found false: nothing to do. */
enum status store_reply_job(const redisReply *reply, struct job *ret_job, bool *ret_found,
                            struct error *err) MUST_CHECK;

enum store_lease {
    STORE_LEASE_OK,
    STORE_LEASE_CANCEL, /* somebody has asked for an end */
    STORE_LEASE_LATE    /* the job has taken longer than it may */
};

enum status store_reply_lease(const redisReply *reply, enum store_lease *ret_lease,
                              struct error *err) MUST_CHECK;

/* A figure that is not known is ignored: a newer library says more. */
enum status store_reply_health(const redisReply *reply, struct store_health *ret_health,
                               struct error *err) MUST_CHECK;

#endif
