/* The queue: the jobs that run and wait. */
#include "command.h"
#include "output.h"
#include "report.h"
#include "session.h"

static enum status get_queue(struct session *session, json_t **ret_queue, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    struct store_call call = {0};
    store_call_queue(&call, arguments->count > 0 ? arguments->values[0] : NULL);
    return report_get(session, &call, ret_queue, err);
}

static enum status run_queue(struct session *session, struct error *err)
{
    static const struct report_column columns[] = {
        {"STATE", "state", REPORT_TEXT},   {"PLACE", "place", REPORT_NUMBER},
        {"NODE", "node", REPORT_TEXT},     {"KIND", "kind", REPORT_TEXT},
        {"APP", "app", REPORT_TEXT},       {"NAME", "name", REPORT_TEXT},
        {"AGE", "created_ms", REPORT_AGE}, {"DONE", "percent_done", REPORT_PERCENT},
        {"JOB", "job", REPORT_TEXT},       {"WAITS FOR", "waits", REPORT_TEXT},
    };

    json_auto_t *queue = NULL;
    if (get_queue(session, &queue, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(queue, err);
    int64_t now_ms = report_number(queue, "now_ms");
    if (report_table(json_object_get(queue, "jobs"), columns, sizeof(columns) / sizeof(columns[0]),
                     now_ms, stdout, err) != STATUS_OK)
        return error_status(err);
    if (report_number(queue, "left_out") > 0)
        (void)printf("and %lld more\n", (long long)report_number(queue, "left_out"));
    report_pauses(json_object_get(queue, "paused"), now_ms, stdout);
    return STATUS_OK;
}

/* clang-format off */
const struct command queue_commands[] = {
    {
        .group = "queue", .usage = "[NODE]",
        .arguments_max = 1,
        .any_account = true,
        .run = run_queue,
        .summary = "jobs that run and wait, in order, and what each waits for",
        .help = "  NODE              the name of one node; without, all of them\n",
    },
    COMMANDS_END,
};

/* clang-format on */
