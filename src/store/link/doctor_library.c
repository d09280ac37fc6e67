/*
 * Whoever removes the doctor's library does not know whether another doctor is still at work: that
 * one finds its function missing, and loads the library again. A library that was left behind by a
 * doctor that died does nothing by itself; the next doctor replaces and removes it.
 */
#include "../protocol/refusal.h"
#include "library.h"
#include "store/doctor.h"

#include <string.h>

extern const char store_doctor_lua[];

enum { LOADS_MAX = 5 }; /* for one call, while doctor after doctor removes the library */

enum status store_doctor_load(struct store *store, struct error *err)
{
    const struct store_call call = {.argv = {"FUNCTION", "LOAD", "REPLACE", store_doctor_lua},
                                    .argc = 4};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK || refusal_check(reply, err) != STATUS_OK)
        return FAIL_IN(err, "load the doctor's functions");
    return STATUS_OK;
}

enum status store_doctor_run(struct store *store, const struct store_call *call,
                             redisReply **ret_reply, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, call, &reply, err) != STATUS_OK)
        return error_status(err);
    for (int i = 0; library_is_missing(reply) && i < LOADS_MAX; i++) {
        freeReplyObject(STEAL(reply)); /* nothing was executed */
        if (store_doctor_load(store, err) != STATUS_OK ||
            store_run(store, call, &reply, err) != STATUS_OK)
            return error_status(err);
    }
    *ret_reply = STEAL(reply);
    return STATUS_OK;
}

enum status store_doctor_unload(struct store *store, struct error *err)
{
    const struct store_call call = {.argv = {"FUNCTION", "DELETE", "appbackup_doctor"}, .argc = 3};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return error_status(err);
    if (reply->type == REDIS_REPLY_ERROR && strcmp(reply->str, "ERR Library not found") == 0)
        return STATUS_OK; /* another doctor has removed it */
    return refusal_check(reply, err);
}
