/* Jobs: those that run and wait, and those in quarantine. */
#include "command.h"
#include "core/clock.h"
#include "output.h"
#include "report.h"

static enum status get_queue(struct session *session, json_t **ret_queue, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    struct store_call call = {0};
    store_call_queue(&call, arguments->count > 0 ? arguments->values[0] : NULL);
    return report_get(session, &call, ret_queue, err);
}

enum status command_queue(struct session *session, struct error *err)
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
        return err->status;
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(queue, err);
    int64_t now_ms = report_number(queue, "now_ms");
    if (report_table(json_object_get(queue, "jobs"), columns, sizeof(columns) / sizeof(columns[0]),
                     now_ms, stdout, err) != STATUS_OK)
        return err->status;
    if (report_number(queue, "left_out") > 0)
        (void)printf("and %lld more\n", (long long)report_number(queue, "left_out"));
    report_pauses(json_object_get(queue, "paused"), now_ms, stdout);
    return STATUS_OK;
}

enum status command_quarantine_list(struct session *session, struct error *err)
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
        return err->status;
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(rows, err);
    return report_table(rows, columns, sizeof(columns) / sizeof(columns[0]), clock_wall_ms(),
                        stdout, err);
}
