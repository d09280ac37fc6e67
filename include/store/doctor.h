/*
 * Doctor: the functions that look for what must not be in Redis, mend it, and put it back
 * (src/store/functions/doctor/library.lua says how). Keys and members are bytes here, not texts: what
 * should not be there may have any name.
 *
 * Library   The functions are a library of their own, which is in Redis only while a doctor is at
 *           work: load it first, make the calls with store_doctor_run(), and unload it in the end.
 * Calls     store/functions.h, store_call_doctor_...(); they are for store_doctor_run() only.
 * Flow      look, page by page, for places where something is wrong; of each, plan: what a repair
 *           will change; keep that; repair, with the token of the plan. An undo gives back what was
 *           kept.
 * Errors    CONFLICT, reason "plan_outdated": the place has changed meanwhile, nothing was done.
 * Ownership What a reply is read into is borrowed from the reply.
 */
#ifndef STORE_DOCTOR_H
#define STORE_DOCTOR_H

#include "core/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces one of another version. Errors: UNAVAILABLE also when this Redis is a replica. */
enum status store_doctor_load(struct store *store, struct error *err) MUST_CHECK;

/* As store_run(), and loads the library when another doctor has removed it meanwhile. */
enum status store_doctor_run(struct store *store, const struct store_call *call,
                             redisReply **ret_reply, struct error *err) MUST_CHECK;

/* That it is not there is no error. */
enum status store_doctor_unload(struct store *store, struct error *err) MUST_CHECK;

struct store_bytes {
    const char *bytes;
    size_t len;
};

/* A key, or with a member one entry of it. */
struct store_place {
    struct store_bytes key, member; /* member of 0 bytes: the key as a whole */
};

struct store_finding {
    struct store_place place;
    int64_t rank;        /* what comes first is mended first: the rest may depend on it */
    const char *what;    /* a sentence */
    const char *todo;    /* another one: what a repair does */
    const char *catalog; /* id of the app whose catalogue must be read; "" none */
};

struct store_page {
    const char *cursor;                        /* of the next page; "0": this was the last one */
    const struct redisReply *findings, *large; /* arrays */
    size_t finding_count;
    size_t large_count; /* keys whose members are to be looked at page by page */
};

enum status store_reply_page(const redisReply *reply, struct store_page *ret_page,
                             struct error *err) MUST_CHECK;
enum status store_page_finding(const struct store_page *page, size_t index,
                               struct store_finding *ret_finding, struct error *err) MUST_CHECK;
struct store_bytes store_page_large(const struct store_page *page, size_t index);

/* What a repair changes: a key as a whole (kind "key"), when it expires ("life"), or a member of
 * one of that type. */
struct store_part {
    const char *kind;
    struct store_place place;
    bool existed;
    struct store_bytes content; /* of a key: from DUMP; of a member: its score or value */
    int64_t expires_ms;         /* since the epoch; -1 never, -2 it was not there */
    const char *digest; /* of what it holds, SHA-1 in hex; the order in a hash is no matter */
};

struct store_plan {
    int64_t now_ms;
    const char *token;
    const struct redisReply *parts;
    size_t part_count; /* 0: nothing to do now; another place is in the way */
};

enum status store_reply_plan(const redisReply *reply, struct store_plan *ret_plan,
                             struct error *err) MUST_CHECK;
enum status store_plan_part(const struct store_plan *plan, size_t index,
                            struct store_part *ret_part, struct error *err) MUST_CHECK;

/* A part after the repair: that it is still so is what an undo looks for. */
struct store_trace {
    bool exists;
    const char *digest;
};

enum status store_reply_traces(const redisReply *reply, size_t count, struct error *err) MUST_CHECK;
struct store_trace store_trace_of(const redisReply *reply, size_t index);

#endif
