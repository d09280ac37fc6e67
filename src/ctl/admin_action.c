/* What an admin does to jobs, backups and tasks, and to the nodes, apps and buckets that they wait
 * for. Each action is one call, which checks everything itself. */
#include "admin_action.h"

#include "command.h"
#include "core/utf8.h"
#include "model/backup.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "store/replies.h"

#include <stdio.h>
#include <string.h>

enum status admin_action_prepare(const struct session *session, struct store_lever *ret_action,
                                 struct error *err)
{
    const char *reason = session->arguments->reason;
    if (reason != NULL && utf8_count(reason) > CANCEL_REASON_MAX)
        return FAIL(err, STATUS_INVALID, "a reason may have %d characters", CANCEL_REASON_MAX);
    *ret_action = (struct store_lever){.actor = session->actor, .reason = reason};
    return STATUS_OK;
}

enum status admin_action_prepare_for_id(const struct session *session, const char *noun,
                                        struct store_lever *ret_action, struct error *err)
{
    const char *id = NULL;
    if (session_read_id(session, 0, noun, &id, err) != STATUS_OK)
        return error_status(err);
    return admin_action_prepare(session, ret_action, err);
}

enum status admin_action_run(struct session *session, struct store_call *call, struct error *err)
{
    json_auto_t *ids = json_pack("{s:s}", "id", session->arguments->values[0]);
    return report_done(session, call, ids, err);
}

enum status admin_action_begin(struct session *session, struct store_call *call,
                               const struct admin_begun *begun, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (session_run(session, call, &reply, err) != STATUS_OK ||
        store_reply_nothing(reply, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON) {
        json_auto_t *json = json_pack("{s:s, s:s}", "id", begun->id, "state", begun->state);
        return output_json(json, err);
    }
    (void)printf("%s %s is being %s\n", begun->noun, begun->id, begun->participle);
    return STATUS_OK;
}

static enum status run_retry(struct session *session, struct error *err)
{
    struct store_lever action = {0};
    struct store_call call = {0};
    if (admin_action_prepare_for_id(session, "backup or task", &action, err) != STATUS_OK)
        return error_status(err);
    store_call_retry(&call, session->arguments->values[0], &action);
    return admin_action_run(session, &call, err);
}

static enum status run_requeue(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    struct store_lever action = {0};
    struct store_call call = {0};
    if (admin_action_prepare_for_id(session, "job", &action, err) != STATUS_OK)
        return error_status(err);
    store_call_job_requeue(&call, arguments->values[0], action.actor, arguments->force,
                           action.reason);
    enum status status = admin_action_run(session, &call, err);
    if (status != STATUS_OK && error_is(err, REASON_LEASE_HELD))
        return FAIL_IN(err, "without --force");
    return status;
}

/* --- cancel: a backup, or a task --- */

static enum status cancel_backup(struct session *session, const struct store_lever *action,
                                 bool *ret_ended, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(backup_done) struct backup backup = {.state = BACKUP_STATE_UNSET};
    store_call_backup_cancel(&call, session->account, NULL, session->arguments->values[0],
                             action->actor, action->reason);
    if (session_run(session, &call, &reply, err) != STATUS_OK ||
        store_reply_backup(reply, &backup, err) != STATUS_OK)
        return error_status(err);
    *ret_ended = backup.state == BACKUP_FAILED;
    return STATUS_OK;
}

static enum status cancel_task(struct session *session, const struct store_lever *action,
                               bool *ret_ended, struct error *err)
{
    const char *id = session->arguments->values[0];
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(reply_freep) redisReply *record = NULL;
    CLEANUP(task_done) struct task task = {.state = BACKUP_STATE_UNSET};
    store_call_task_cancel(&call, session->account, id, action->actor, action->reason);
    if (session_run(session, &call, &reply, err) != STATUS_OK ||
        store_reply_nothing(reply, err) != STATUS_OK)
        return error_status(err);
    store_call_task_get(&call, session->account, id);
    if (session_run(session, &call, &record, err) != STATUS_OK ||
        store_reply_task(record, &task, err) != STATUS_OK)
        return error_status(err);
    *ret_ended = task.state == BACKUP_FAILED;
    return STATUS_OK;
}

static enum status print_canceled(const struct session *session, const char *noun, bool ended,
                                  struct error *err)
{
    const char *id = session->arguments->values[0];
    if (session->arguments->output == OUTPUT_JSON) {
        json_auto_t *json =
            json_pack("{s:s, s:s, s:b}", "id", id, "kind", noun, "ended", (int)ended);
        return output_json(json, err);
    }
    (void)printf("%s %s is %s\n", noun, id, ended ? "canceled" : "being canceled");
    return STATUS_OK;
}

static enum status run_cancel(struct session *session, struct error *err)
{
    struct store_lever action = {0};
    bool ended = false;
    if (admin_action_prepare_for_id(session, "backup or task", &action, err) != STATUS_OK)
        return error_status(err);
    if (cancel_backup(session, &action, &ended, err) == STATUS_OK)
        return print_canceled(session, "backup", ended, err);
    if (!error_is(err, REASON_UNKNOWN_BACKUP))
        return error_status(err);
    if (cancel_task(session, &action, &ended, err) == STATUS_OK)
        return print_canceled(session, "task", ended, err);
    if (error_is(err, REASON_UNKNOWN_TASK))
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_UNKNOWN_BACKUP,
                           "no backup and no task has the id %s", session->arguments->values[0]);
    return error_status(err);
}

/* --- pause, resume --- */

typedef void call_fn(struct store_call *call, const char *kind, const char *name,
                     const struct store_lever *action);

static enum status hold(struct session *session, call_fn *build, struct error *err)
{
    const char *kind = session->arguments->values[0];
    const char *name = session->arguments->values[1];
    struct store_lever action = {0};
    struct store_call call = {0};
    if (strcmp(kind, "node") != 0 && strcmp(kind, "app") != 0 && strcmp(kind, "bucket") != 0)
        return FAIL(err, STATUS_INVALID, "'%s': node, app or bucket is expected", kind);
    if (admin_action_prepare(session, &action, err) != STATUS_OK)
        return error_status(err);
    build(&call, kind, name, &action);
    json_auto_t *ids = json_pack("{s:s, s:s}", "kind", kind, "name", name);
    return report_done(session, &call, ids, err);
}

static enum status run_pause(struct session *session, struct error *err)
{
    return hold(session, store_call_pause, err);
}

static enum status run_resume(struct session *session, struct error *err)
{
    return hold(session, store_call_resume, err);
}

/* clang-format off */
const struct command admin_action_commands[] = {
    {
        .group = "cancel", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_cancel,
        .summary = "stop a backup or task that waits or runs",
        .help = "  ID                of a backup or task\n"
                "  --reason TEXT     for the record and the journal, at most 255 characters\n",
    },
    {
        .group = "retry", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_retry,
        .summary = "try a failed backup or task again",
        .help = "  ID                of a backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n"
                "It keeps its id and name; what was uploaded before is not sent again.\n",
    },
    {
        .group = "requeue", .usage = "JOB [--force] [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_FORCE | OPTION_REASON,
        .any_account = true,
        .run = run_requeue,
        .summary = "put a delayed, claimed or quarantined job into the queue now",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --force           also when its worker still has it: what that one writes from then\n"
                "                    on is refused, and it stops\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    COMMANDS_END,
};

const struct command pause_commands[] = {
    {
        .group = "pause", .usage = "node|app|bucket NAME [--reason TEXT]",
        .arguments_min = 2, .arguments_max = 2,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_pause,
        .summary = "let no job of a node, app or bucket begin; what runs goes on",
        .help = "  NAME              or an id\n"
                "  --reason TEXT     shown to who waits, and in the journal; at most 255 characters\n",
    },
    {
        .group = "resume", .usage = "node|app|bucket NAME [--reason TEXT]",
        .arguments_min = 2, .arguments_max = 2,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_resume,
        .summary = "let it go on",
        .help = "  NAME              or an id\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    COMMANDS_END,
};

/* clang-format on */
