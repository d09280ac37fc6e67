/*
 * Calls: all that may be asked of Redis, as commands for the connection of store/store.h or of
 * store/async.h.
 *
 * Source    src/store/protocol/functions.yaml declares the functions of the library; the builders in
 *           store/functions.h are made of it, and those below are for what no function does.
 * Replies   Behind each builder stands what its reply is: store/replies.h reads it.
 * Values    A text that may be NULL is "any", "none" or "as it is" then. account NULL is any
 *           account, for the admin tool only; app NULL any app of the account.
 * Errors    NO_MEMORY, of those builders that make JSON text.
 * Ownership All arguments are borrowed until the call has been sent; store_call_done() gives back
 *           what a builder has made.
 */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "core/error.h"
#include "core/id.h"
#include "model/app.h"
#include "model/bucket.h"
#include "store/call.h"
#include "store/create.h"
#include "store/functions.h"

#include <jansson.h>

#include <stddef.h>

/* A record as it is, by HGETALL: of all there is to ask, this is asked most. Reply: own
 * backup_record. */
void store_call_backup_record(struct store_call *call, const char *id);

/* A catalogue of what an app has in a bucket, for store_call_task_create(). It has new ids, which
 * come into *ret_ids and are borrowed from there. */
struct store_task_ids {
    char id[ID_SIZE];
    char job[ID_SIZE];
};

struct store_task_create store_catalog_wanted(const struct app *app, const struct bucket *bucket,
                                              const char *created_by,
                                              struct store_task_ids *ret_ids);

/* What store_call_apps_register() tells of apps. Caller owns *ret_list. */
enum status store_apps_list(const struct app *const *apps, size_t count, json_t **ret_list,
                            struct error *err) MUST_CHECK;

#endif
