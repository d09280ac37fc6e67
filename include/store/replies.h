/*
 * Replies: Redis replies to nouns.
 *
 * Source    Those of whole records are made of src/store/protocol/functions.yaml (store/records.h),
 *           those of single words too (store/functions.h).
 * Errors    An error reply becomes err, as store/store.h has it; a reply of another shape is CORRUPT.
 */
#ifndef STORE_REPLIES_H
#define STORE_REPLIES_H

#include "core/error.h"
#include "model/backup.h"
#include "store/functions.h"
#include "store/health.h" /* IWYU pragma: export */
#include "store/records.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status store_reply_nothing(const redisReply *reply, struct error *err) MUST_CHECK;
/* Borrowed from the reply. */
enum status store_reply_text(const redisReply *reply, const char **ret_text, struct error *err)
    MUST_CHECK;

/* Caller owns what *ret holds: backup_done(), bucket_done(). */
enum status store_reply_backup(const redisReply *reply, struct backup *ret_backup,
                               struct error *err) MUST_CHECK;
/* Reads the reply to store_call_backup_record(). NOT_FOUND, "unknown_backup", also for a backup of
 * another account or app (NULL: any). */
enum status store_reply_backup_record(const redisReply *reply, const char *account, const char *app,
                                      struct backup *ret_backup, struct error *err) MUST_CHECK;
/* Reads the reply to a create: adds what the store has assigned to the backup that was asked for,
 * which store_backup_wanted() has begun. */
enum status store_reply_backup_created(const redisReply *reply, struct backup *backup,
                                       struct error *err) MUST_CHECK;
/* Reads the reply to a create with a key. *ret_repeated: an earlier call with that key has made it,
 * and backup is that one now. */
enum status store_reply_backup_once(const redisReply *reply, struct backup *backup,
                                    bool *ret_repeated, struct error *err) MUST_CHECK;

enum { STORE_CURSOR_SIZE = 96 };

/* What a list of backups is answered with. */
struct store_backup_page {
    char next[STORE_CURSOR_SIZE]; /* "after" of the next page; "": there is none */
    const redisReply *backups;    /* a list: see store_reply_count(). Borrowed from the reply */
};

/* A page with a next one may have fewer backups than asked for, or none. */
enum status store_reply_backup_page(const redisReply *reply, struct store_backup_page *ret_page,
                                    struct error *err) MUST_CHECK;

/* How many elements a list has; each is read by the function for one. */
enum status store_reply_count(const redisReply *reply, size_t *ret_count, struct error *err)
    MUST_CHECK;
/* Reads a whole number, which comes as a text of digits. */
enum status store_reply_number(const redisReply *reply, int64_t *ret_number, struct error *err)
    MUST_CHECK;

/* What a catalogue is answered with. Owned: store_cataloged_done(). */
struct store_cataloged {
    int64_t created; /* records that were missing */
    json_t *refused; /* a text for each entry that could get none: "<id>: <why>" */
};

enum status store_reply_cataloged(const redisReply *reply, struct store_cataloged *ret_cataloged,
                                  struct error *err) MUST_CHECK;
void store_cataloged_done(struct store_cataloged *cataloged); /* all zeros is fine */

/* A figure that is not known is ignored: a newer library says more. */
enum status store_reply_health(const redisReply *reply, struct store_health *ret_health,
                               struct error *err) MUST_CHECK;

#endif
