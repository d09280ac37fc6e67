/* One backup, task or job: why it stands where it does, and how it came there. */
#include "command.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "store/replies.h"

#include <stdlib.h>
#include <string.h>

static enum status check_id(const char *argument, struct error *err)
{
    if (id_is_valid(argument))
        return STATUS_OK;
    return FAIL(err, STATUS_INVALID, "'%s' is not the id of a backup, task or job", argument);
}

static enum status print_lines(const redisReply *reply, struct error *err)
{
    for (size_t i = 0; i < reply->elements; i++) {
        const char *line = "";
        if (store_reply_text(reply->element[i], &line, err) != STATUS_OK)
            return error_status(err);
        (void)puts(line);
    }
    return STATUS_OK;
}

static enum status print_json(const char *id, const redisReply *reply, struct error *err)
{
    json_auto_t *lines = json_array();
    for (size_t i = 0; i < reply->elements; i++) {
        const char *line = "";
        if (store_reply_text(reply->element[i], &line, err) != STATUS_OK)
            return error_status(err);
        if (json_array_append_new(lines, json_string(line)) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "output");
    }
    json_auto_t *json = json_pack("{s:s, s:O}", "id", id, "lines", lines);
    return output_json(json, err);
}

static enum status run_explain(struct session *session, struct error *err)
{
    const char *id = session->arguments->values[0];
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    size_t count = 0;
    if (check_id(id, err) != STATUS_OK)
        return error_status(err);
    store_call_explain(&call, id);
    enum status status = store_run(session->store, &call, &reply, err);
    store_call_done(&call);
    if (status != STATUS_OK || store_reply_count(reply, &count, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(id, reply, err);
    return print_lines(reply, err);
}

/* --- history --- */

/* Entries of one page, the newest first, go in front of those that are there: the oldest of all is
 * to be the first. */
static enum status take_page(json_t *entries, const json_t *page, struct error *err)
{
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(page, "entries"), index, entry)
    {
        if (json_array_insert(entries, 0, entry) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "history");
    }
    return STATUS_OK;
}

static enum status read_all(struct session *session, const char *id, json_t *entries,
                            struct error *err)
{
    char before[64] = "+";
    while (before[0] != '\0') {
        struct store_call call = {0};
        json_auto_t *page = NULL;
        store_call_history(&call, id, before);
        if (report_get(session, &call, &page, err) != STATUS_OK ||
            take_page(entries, page, err) != STATUS_OK)
            return error_status(err);
        (void)snprintf(before, sizeof(before), "%s", report_text(page, "before"));
    }
    return STATUS_OK;
}

static enum status run_history(struct session *session, struct error *err)
{
    static const struct report_column columns[] = {
        {"TIME", "time_ms", REPORT_TIME}, {"FROM", "from", REPORT_TEXT},
        {"TO", "to", REPORT_TEXT},        {"EPOCH", "epoch", REPORT_NUMBER},
        {"WHO", "who", REPORT_TEXT},      {"WHY", "why", REPORT_TEXT},
    };

    const char *id = session->arguments->values[0];
    json_auto_t *entries = json_array();
    if (check_id(id, err) != STATUS_OK || read_all(session, id, entries, err) != STATUS_OK)
        return error_status(err);
    if (json_array_size(entries) == 0)
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_UNKNOWN_BACKUP,
                           "the journal has nothing of %s (any more)", id);
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(entries, err);
    return report_table(entries, columns, sizeof(columns) / sizeof(columns[0]), 0, stdout, err);
}

/* clang-format off */
const struct command explain_commands[] = {
    {
        .group = "explain", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .any_account = true,
        .run = run_explain,
        .summary = "why a backup, task or job does not run, and what happens next",
        .help = "  ID                of a backup, task or job\n",
    },
    {
        .group = "history", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .any_account = true,
        .run = run_history,
        .summary = "what has happened to a backup, task or job, by whom and why",
        .help = "  ID                of a backup, task or job\n"
                "The journal in Redis keeps about the last 100,000 entries of all.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
