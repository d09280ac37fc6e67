/* Session: what every command works with: its arguments, the configuration, Redis. */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "arguments.h"
#include "config/config.h"
#include "core/error.h"
#include "ctl/types.h"
#include "model/app.h"
#include "store/calls.h"
#include "store/store.h"

#include <hiredis/hiredis.h>

enum { ACTOR_SIZE = 32 };

struct session {
    const struct arguments *arguments;
    struct config *config;
    struct store *store;
    ctl_check_fn *check;
    char actor[ACTOR_SIZE]; /* "appbackupctl:uid=0": who asks, for records and the journal */
    char account[ID_SIZE];  /* "": any, for commands that look after all of them */
    int exit_code; /* for what is no failure but is not well either: a backup that was waited for
                      has failed */
};

/* Loads the configuration and chooses the account. The first call connects to Redis. Errors: the
 * reason "configuration_invalid" for a configuration that cannot be used; INVALID for the account.
 */
enum status session_open(struct session *session, const struct arguments *arguments,
                         struct error *err) MUST_CHECK;
void session_close(struct session *session); /* all zeros is fine */

/* Runs the call, and takes what it owns. Caller owns *ret_reply. */
enum status session_run(struct session *session, struct store_call *call, redisReply **ret_reply,
                        struct error *err) MUST_CHECK;

/* The argument at this place if it is an id. Errors: INVALID. noun: "backup", for the text. */
enum status session_read_id(const struct session *session, size_t place, const char *noun,
                            const char **ret_id, struct error *err) MUST_CHECK;

/* The id of the app that an argument means, by its name or by the id itself. Does not ask whether
 * the app exists. */
void session_app_id(const struct session *session, const char *argument, char id[ID_SIZE]);

/* The app, or the bucket, that an argument means, by name or id, as Redis knows it. Errors:
 * NOT_FOUND, with the argument in the text. */
enum status session_find_app(struct session *session, const char *argument, struct app *ret_app,
                             struct error *err) MUST_CHECK;
enum status session_find_bucket(struct session *session, const char *argument, char id[ID_SIZE],
                                struct error *err) MUST_CHECK;

/* The bucket of the configuration that an argument means, by name or id; NULL means the default
 * one. Borrowed. */
enum status session_bucket_definition(const struct session *session, const char *argument,
                                      const struct bucket_definition **ret_bucket,
                                      struct error *err) MUST_CHECK;

#endif
