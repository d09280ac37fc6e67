/* Restores, prunes and verifications: asked for, listed, shown, stopped. */
#include "admin_action.h"
#include "command.h"
#include "core/clock.h"
#include "ctl/types.h"
#include "listing.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "store/calls.h"
#include "store/replies.h"
#include "text.h"
#include "wait.h"

#include <stdio.h>
#include <string.h>

static enum status run_for_task(struct session *session, struct store_call *call,
                                struct task *ret_task, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (session_run(session, call, &reply, err) != STATUS_OK)
        return error_status(err);
    return store_reply_task(reply, ret_task, err);
}

/* --- show --- */

static void print_restore(const struct task *task)
{
    (void)printf("%-12s%s (%s)\n", "backup", task->backup_name, task->backup);
    (void)printf("%-12s%s\n", "target", task->target[0] == '\0' ? "in place" : task->target);
    if (task->overwrite)
        (void)printf("%-12s%s\n", "overwrite", "yes");
    report_texts("include", task->includes);
}

static void print_task(const struct task *task)
{
    char done[TEXT_SIZE], total[TEXT_SIZE];
    text_bytes(task->bytes_done, done);
    text_bytes(task->bytes_total, total);
    (void)printf("%-12s%s\n%-12s%s\n%-12s%s (%s)\n", "id", task->id, "kind",
                 job_kind_name(task->kind), "app", task->app_name, task->app);
    if (task->kind == JOB_RESTORE)
        print_restore(task);
    (void)printf("%-12s%s\n%-12s%s\n", "bucket", task->bucket, "node", task->node);
    (void)printf("%-12s%s, %lld %%, %s of %s\n", "state", backup_state_name(task->state),
                 (long long)task->percent_done, done, total);
    report_texts("waits", task->state_unready);
    if (task->hook_state != HOOK_STATE_UNSET)
        (void)printf("%-12s%s\n", "hooks", hook_state_name(task->hook_state));
    (void)printf("%-12s%s\n", "asked by", task->created_by);
    report_time("created", task->created_ms);
    report_time("changed", task->modified_ms);
    report_details(stdout, "detail", task->state_details);
    report_details(stdout, "hook", task->hook_state_details);
}

static enum status print_json(const struct task *task, struct error *err)
{
    json_auto_t *json = NULL;
    if (task_to_json(task, &json, err) != STATUS_OK)
        return error_status(err);
    return output_json(json, err);
}

static enum status run_task_show(struct session *session, struct error *err)
{
    CLEANUP(task_done) struct task task = {0};
    struct store_call call = {0};
    const char *id = NULL;
    if (session_read_id(session, 0, "task", &id, err) != STATUS_OK)
        return error_status(err);
    store_call_task_get(&call, session->account, id);
    if (run_for_task(session, &call, &task, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(&task, err);
    print_task(&task);
    return STATUS_OK;
}

/* --- list --- */

static enum status add_row(struct listing *listing, const struct task *task, struct error *err)
{
    char percent[TEXT_SIZE], size[TEXT_SIZE], age[TEXT_SIZE];
    const char *target = task->target[0] == '\0' ? "in place" : task->target;
    (void)snprintf(percent, sizeof(percent), "%lld %%", (long long)task->percent_done);
    text_bytes(task->bytes_total, size);
    clock_describe(clock_wall_ms() - task->created_ms, age);
    return listing_add(listing,
                       (const char *[]){task->app_name, job_kind_name(task->kind),
                                        backup_state_name(task->state), percent, size, age,
                                        task->kind == JOB_RESTORE ? task->backup_name : "",
                                        task->kind == JOB_RESTORE ? target : "", task->id},
                       err);
}

static enum status add_task(struct listing *listing, const redisReply *record, struct error *err)
{
    CLEANUP(task_done) struct task task = {0};
    if (store_reply_task(record, &task, err) != STATUS_OK)
        return error_status(err);
    if (!listing->is_json)
        return add_row(listing, &task, err);
    json_auto_t *json = NULL;
    if (task_to_json(&task, &json, err) != STATUS_OK)
        return error_status(err);
    return listing_add_json(listing, json, err);
}

static enum status run_task_list(struct session *session, struct error *err)
{
    static const char *const titles[] = {"APP", "KIND",   "STATE",  "DONE", "SIZE",
                                         "AGE", "BACKUP", "TARGET", "ID",   NULL};

    enum { RIGHT = 1 << 3 | 1 << 4 | 1 << 5 };

    struct app app = {0};
    struct store_call call = {0};
    bool of_one = session->arguments->count > 0;
    if (of_one && session_find_app(session, session->arguments->values[0], &app, err) != STATUS_OK)
        return error_status(err);
    store_call_task_list(&call, session->account, of_one ? app.id : NULL);
    return listing_run(session, &call, titles, RIGHT, add_task, err);
}

/* --- cancel --- */

static enum status run_task_cancel(struct session *session, struct error *err)
{
    struct admin_begun begun = {.noun = "task", .participle = "canceled", .state = "canceling"};
    struct store_call call = {0};
    if (session_read_id(session, 0, "task", &begun.id, err) != STATUS_OK)
        return error_status(err);
    store_call_task_cancel(&call, session->account, begun.id, session->actor, NULL);
    return admin_action_begin(session, &call, &begun, err);
}

/* --- restore, prune, verify --- */

static enum status await(struct session *session, const char *id, struct error *err)
{
    CLEANUP(task_done) struct task task = {0};
    bool interrupted = false;
    if (wait_for_task(session, id, &task, &interrupted, err) != STATUS_OK)
        return error_status(err);
    if (interrupted) {
        (void)fprintf(stderr, "It goes on. To see it: appbackupctl task show %s\n", id);
        session->exit_code = CTL_EXIT_INTERRUPTED;
        return STATUS_OK;
    }
    session->exit_code = task.state == BACKUP_COMPLETED ? CTL_EXIT_OK : CTL_EXIT_FAILED;
    report_details(stderr, "detail", task.state_details);
    report_details(stderr, "hook", task.hook_state_details);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(&task, err);
    (void)printf("%s %s of %s: %s\n", job_kind_name(task.kind), task.id, task.app_name,
                 backup_state_name(task.state));
    return STATUS_OK;
}

/* Fills in who asks, and the new ids. */
static enum status ask(struct session *session, struct store_task_create *create, struct error *err)
{
    CLEANUP(task_done) struct task task = {0};
    char id[ID_SIZE], job[ID_SIZE];
    struct store_call call = {0};
    id_random(id);
    id_random(job);
    create->id = id;
    create->job = job;
    create->account = session->account;
    create->created_by = session->actor;
    if (store_call_task_create(&call, create, err) != STATUS_OK) {
        store_call_done(&call);
        return error_status(err);
    }
    if (run_for_task(session, &call, &task, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->wait)
        return await(session, id, err);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(&task, err);
    (void)printf("%s %s of %s: %s\n", job_kind_name(task.kind), task.id, task.app_name,
                 backup_state_name(task.state));
    return STATUS_OK;
}

static enum status check_restore(const struct arguments *arguments, struct error *err)
{
    if ((arguments->target != NULL) == arguments->in_place)
        return FAIL(err, STATUS_INVALID, "one of --target DIR and --in-place is needed");
    if (arguments->in_place && arguments->include_count > 0)
        return FAIL(err, STATUS_INVALID, "--include needs a --target: in place all is restored");
    if (arguments->in_place && arguments->overwrite)
        return FAIL(err, STATUS_INVALID, "--overwrite needs a --target: in place all is exchanged");
    for (size_t i = 0; i < arguments->include_count; i++)
        if (strlen(arguments->includes[i]) > TASK_INCLUDE_BYTES_MAX)
            return FAIL(err, STATUS_INVALID, "a pattern may have %d bytes", TASK_INCLUDE_BYTES_MAX);
    if (arguments->target != NULL && arguments->target[0] != '/')
        return FAIL(err, STATUS_INVALID, "target '%s': an absolute path is expected",
                    arguments->target);
    return STATUS_OK;
}

static enum status run_restore(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    const char *backup = NULL;
    if (session_read_id(session, 0, "backup", &backup, err) != STATUS_OK ||
        check_restore(arguments, err) != STATUS_OK)
        return error_status(err);
    json_auto_t *includes = json_array();
    for (size_t i = 0; i < arguments->include_count; i++) {
        if (json_array_append_new(includes, json_string(arguments->includes[i])) != 0)
            return FAIL(err, STATUS_INVALID, "the pattern '%s' is not UTF-8",
                        arguments->includes[i]);
    }
    struct store_task_create create = {
        .kind = JOB_RESTORE,
        .backup = backup,
        .target = arguments->target,
        .includes = includes,
        .overwrite = arguments->overwrite,
    };
    return ask(session, &create, err);
}

static enum status maintain(struct session *session, struct store_task_create *create,
                            struct error *err)
{
    const struct arguments *arguments = session->arguments;
    struct app app = {0};
    char bucket[ID_SIZE] = "";
    if (session_find_app(session, arguments->values[0], &app, err) != STATUS_OK)
        return error_status(err);
    if (arguments->bucket != NULL &&
        session_find_bucket(session, arguments->bucket, bucket, err) != STATUS_OK)
        return error_status(err);
    create->app = app.id;
    create->bucket = bucket;
    return ask(session, create, err);
}

static enum status run_prune(struct session *session, struct error *err)
{
    struct store_task_create create = {.kind = JOB_PRUNE};
    return maintain(session, &create, err);
}

static enum status run_verify(struct session *session, struct error *err)
{
    struct store_task_create create = {.kind = JOB_VERIFY};
    create.sample = session->arguments->all ? 100 : 0; /* 0: as the node's configuration says */
    return maintain(session, &create, err);
}

/* clang-format off */
const struct command restore_commands[] = {
    {
        .group = "restore", .usage = "BACKUP --target DIR [--overwrite] [--include GLOB]... | --in-place [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_TARGET | OPTION_OVERWRITE | OPTION_INCLUDE | OPTION_IN_PLACE | OPTION_WAIT,
        .run = run_restore,
        .summary = "restore a backup on the node of its app",
        .help = "  BACKUP            an id, as `backup list` shows it\n"
                "  --target DIR      below this directory of the app's node; the node's configuration\n"
                "                    says where that may be (worker.restore_directories); it must\n"
                "                    be empty, or not be there yet\n"
                "  --overwrite       it need not be empty: files of the same names are replaced,\n"
                "                    all others stay\n"
                "  --include GLOB    only what matches; may be given more than once; that nothing\n"
                "                    matches is a failure\n"
                "  --in-place        in the place of the app: its data is exchanged, as a whole, once\n"
                "                    all of the backup is there and verified; what the app's\n"
                "                    excludes leave out of it stays\n"
                "  --wait            until it has ended: exit code 0 if all is restored, 1 if not.\n"
                "                    Ctrl-C ends the waiting, not the restore.\n",
    },
    COMMANDS_END,
};

const struct command task_commands[] = {
    {
        .group = "task", .verb = "list", .usage = "[APP]",
        .arguments_max = 1,
        .run = run_task_list,
        .summary = "restores, prunes and verifications, newest first",
        .help = "  APP               a name or an id\n",
    },
    {
        .group = "task", .verb = "show", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = run_task_show,
        .summary = "one of them with its details",
        .help = "  ID                as `task list` shows it\n",
    },
    {
        .group = "task", .verb = "cancel", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = run_task_cancel,
        .summary = "stop one of them",
        .help = "  ID                as `task list` shows it\n"
                "A restore in place that is canceled has changed nothing.\n",
    },
    COMMANDS_END,
};

const struct command maintenance_commands[] = {
    {
        .group = "verify", .usage = "APP [--bucket BUCKET] [--all] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_ALL | OPTION_WAIT,
        .run = run_verify,
        .summary = "read back what is stored of an app, now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --all             read everything, not only worker.verify_sample percent\n"
                "  --wait            until it has ended: exit code 0 if all is sound, 1 if not\n"
                "A backup whose data is gone or damaged turns 'removed'.\n",
    },
    {
        .group = "prune", .usage = "APP [--bucket BUCKET] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_WAIT,
        .run = run_prune,
        .summary = "give back the space of deleted backups, now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --wait            until it has ended: exit code 0 if it is done, 1 if it failed\n",
    },
    COMMANDS_END,
};

/* clang-format on */
