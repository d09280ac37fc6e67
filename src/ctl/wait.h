/* Wait: follows one backup or task until it has ended, with its progress on stderr. */
#ifndef CTL_WAIT_H
#define CTL_WAIT_H

#include "core/error.h"
#include "model/backup.h"
#include "model/task.h"
#include "session.h"

#include <stdbool.h>

/* job: the id of its job, which knows the stage. Returns the record once it is completed or failed,
 * or with *ret_interrupted as it is. Caller owns what *ret_backup holds: backup_done(). Errors:
 * NOT_FOUND, it was deleted meanwhile; UNAVAILABLE, Redis has been away for too long. */
enum status wait_for_backup(struct session *session, const char *id, const char *job,
                            struct backup *ret_backup, bool *ret_interrupted, struct error *err)
    MUST_CHECK;

enum status wait_for_task(struct session *session, const char *id, struct task *ret_task,
                          bool *ret_interrupted, struct error *err) MUST_CHECK;

#endif
