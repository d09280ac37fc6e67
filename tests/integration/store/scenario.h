/*
 * The stage of the tests here: a Redis of their own with one node, two apps and a default bucket,
 * and short words for what is done on it. A word that fails ends the test.
 */
#ifndef TESTS_INTEGRATION_STORE_SCENARIO_H
#define TESTS_INTEGRATION_STORE_SCENARIO_H

#include "core/clock.h"
#include "core/id.h"
#include "store/blocking.h"
#include "store/calls.h"
#include "tests/support/redis_server.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACCOUNT "aaaaaaaa-0000-4000-8000-000000000001"
#define OTHER   "aaaaaaaa-0000-4000-8000-000000000002" /* an account without anything */
#define SHOP    "bbbbbbbb-0000-5000-8000-000000000001" /* an app of ACCOUNT on NODE */
#define WIKI    "bbbbbbbb-0000-5000-8000-000000000002" /* another one */
#define BUCKET  "cccccccc-0000-5000-8000-000000000001" /* the default for every account */
#define ACTOR   "dddddddd-0000-4000-8000-000000000001"
#define NOBODY  "eeeeeeee-0000-4000-8000-000000000001" /* an id that nothing has */
#define ID1     "11111111-0000-4000-8000-000000000001" /* ids for whatever a test makes */
#define ID2     "11111111-0000-4000-8000-000000000002"
#define ID3     "11111111-0000-4000-8000-000000000003"
#define NODE    "web1.example"
#define WORKER  "web1.example:4711:1"

enum { LEASE_MS = 15000, WAIT_MAX_MS = 10000, KILLS_MAX = 3 };

extern struct redis_server server;
extern struct store *store;
extern redisContext *redis; /* past the library, to look at keys and to force states */

struct store_options options(int64_t timeout_ms);

#define MUST(call)                                                    \
    do {                                                              \
        struct error must_err_ = {0};                                 \
        struct error *err = &must_err_;                               \
        enum status must_status_ = (call);                            \
        cr_assert(eq(int, must_status_, STATUS_OK), "%s", err->text); \
    } while (0)

/* The call is refused with this status and reason. */
#define REFUSED(call, status_, reason_)                                              \
    do {                                                                             \
        struct error must_err_ = {0};                                                \
        struct error *err = &must_err_;                                              \
        int must_status_ = (int)(call);                                              \
        cr_assert(eq(int, must_status_, (int)(status_)), "%s", err->text);           \
        cr_assert(eq(str, (char *)err->reason, (char *)(reason_)), "%s", err->text); \
    } while (0)

/* One command, past the library; its reply as text ("" for nil, the number as digits). The text
 * is good until the next call. */
const char *look(const char *format, ...);

/* Since the server has started. */
long connections_made(void);
const char *backup_field(const char *id, const char *field);
const char *job_field(const char *id, const char *field);

#define EXPECT_TEXT(actual, expected) cr_expect(eq(str, (char *)(actual), (char *)(expected)))

enum status run_call(const struct store_call *call, redisReply **ret_reply, struct error *err);

/* A backup of an app, with ids of its own. */
struct made {
    char id[ID_SIZE];
    char job[ID_SIZE];
};

struct made new_ids(void);

/* A request for a backup of an app, and the call that it becomes. */
struct wanted {
    struct backup_request request;
    struct store_backup_create create; /* of that request, which stays where it is */
};

/* The ids are borrowed. */
void want(struct wanted *wanted, const char *id, const char *job, const char *app,
          const char *name);
enum status create_wanted(const struct wanted *wanted, struct error *err);
enum status create(const char *id, const char *job, const char *app, const char *name,
                   struct error *err);

struct made make(const char *app, const char *name);
bool try_claim(struct job *ret_job, int64_t lease_ms);
struct job claim(void);
enum status advance(const struct job *job, enum backup_state state, struct error *err);
enum status finish(const struct job *job, enum store_outcome outcome, const char *reason,
                   struct error *err);
enum status delete (const char *id, struct error *err);

/* A task that has been asked for; id, job and who asks are filled in. */
enum status try_order(const struct store_task_create *wanted, struct made *ret_made,
                      struct error *err);
struct made order(const struct store_task_create *wanted);
const char *task_field(const char *id, const char *field);

/* A new backup whose job has been claimed and which is running. */
struct job run(const char *app, const char *name);
enum status renew(const struct job *job, const struct store_progress *progress, struct error *err);

/* A new backup that has completed. */
struct job completed(const char *app, const char *name);

/* The next job is that of this id; it is running. */
struct job claim_running(const char *expected);

/* A list that is read in pages of `count`. */
struct reading {
    const char *account;
    const char *app;
    int64_t count;
    struct store_backup_page page; /* .next only */
    bool has_ended;
};

/* The names of the next page. */
const char *next_names(struct reading *reading);
/* The names of all pages, with '|' between them. */
const char *list(const char *account, const char *app, int64_t count);

void register_apps(const char *node, const char *const *ids, const char *const *names,
                   size_t count);
void register_bucket(const char *id, const char *account, const char *name, bool is_default);
void start_empty(void);
void register_world(void);
void start(void);
void stop(void);

/* Waits for something that time alone brings about: while (waiting(&deadline_ms)) ... */
bool waiting(int64_t *deadline_ms);

#endif
