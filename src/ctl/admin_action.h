/* Admin actions: what the commands have in common that change one thing by one call. */
#ifndef CTL_ADMIN_ACTION_H
#define CTL_ADMIN_ACTION_H

#include "core/error.h"
#include "session.h"
#include "store/calls.h"

/* Who acts, and why: from the session and --reason, both borrowed. INVALID: the reason is too long.
 */
enum status admin_action_prepare(const struct session *session, struct store_lever *ret_action,
                                 struct error *err) MUST_CHECK;

/* Does the same as admin_action_prepare() for a command whose first argument is an id. INVALID: it
 * is none. noun: "job", for the text. */
enum status admin_action_prepare_for_id(const struct session *session, const char *noun,
                                        struct store_lever *ret_action, struct error *err)
    MUST_CHECK;

/* Runs the call, which it takes, and prints the answer under the id of the first argument. */
enum status admin_action_run(struct session *session, struct store_call *call, struct error *err)
    MUST_CHECK;

/* What begins with a call whose reply says nothing: "backup ID is being deleted". */
struct admin_begun {
    const char *noun;
    const char *id;
    const char *participle; /* "deleted" */
    const char *state;      /* "deleting": for JSON */
};

/* Runs the call, which it takes, and prints that it has begun. */
enum status admin_action_begin(struct session *session, struct store_call *call,
                               const struct admin_begun *begun, struct error *err) MUST_CHECK;

#endif
