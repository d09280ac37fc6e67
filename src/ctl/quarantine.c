/* Quarantine: the jobs that kept killing their worker, and what becomes of them. */
#include "admin_action.h"
#include "command.h"
#include "core/clock.h"
#include "output.h"
#include "report.h"
#include "session.h"

static enum status run_quarantine_list(struct session *session, struct error *err)
{
    static const struct report_column columns[] = {
        {"KIND", "kind", REPORT_TEXT},     {"APP", "app", REPORT_TEXT},
        {"NAME", "name", REPORT_TEXT},     {"NODE", "node", REPORT_TEXT},
        {"KILLS", "kills", REPORT_NUMBER}, {"AGE", "created_ms", REPORT_AGE},
        {"JOB", "job", REPORT_TEXT},       {"EVIDENCE", "waits", REPORT_TEXT},
    };

    json_auto_t *rows = NULL;
    struct store_call call = {0};
    store_call_quarantine(&call);
    if (report_get(session, &call, &rows, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(rows, err);
    return report_table(rows, columns, sizeof(columns) / sizeof(columns[0]), clock_wall_ms(),
                        stdout, err);
}

static enum status run_quarantine_release(struct session *session, struct error *err)
{
    struct store_lever action = {0};
    struct store_call call = {0};
    if (admin_action_prepare_for_id(session, "job", &action, err) != STATUS_OK)
        return error_status(err);
    store_call_quarantine_release(&call, session->arguments->values[0], &action);
    return admin_action_run(session, &call, err);
}

static enum status run_quarantine_drop(struct session *session, struct error *err)
{
    struct store_lever action = {0};
    struct store_call call = {0};
    if (admin_action_prepare_for_id(session, "job", &action, err) != STATUS_OK)
        return error_status(err);
    store_call_quarantine_drop(&call, session->arguments->values[0], &action);
    return admin_action_run(session, &call, err);
}

/* clang-format off */
const struct command quarantine_commands[] = {
    {
        .group = "quarantine", .verb = "list", .usage = "",
        .any_account = true,
        .run = run_quarantine_list,
        .summary = "the jobs that kept killing their worker, with the evidence",
        .help = "",
    },
    {
        .group = "quarantine", .verb = "release", .usage = "JOB [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_quarantine_release,
        .summary = "try one of them again",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    {
        .group = "quarantine", .verb = "drop", .usage = "JOB [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = run_quarantine_drop,
        .summary = "forget one of them: its backup or task stays failed",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    COMMANDS_END,
};

/* clang-format on */
