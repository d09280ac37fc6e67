#include "report.h"

#include "core/clock.h"
#include "core/json.h"
#include "output.h"
#include "store/replies.h"
#include "table.h"
#include "text.h"

#include <string.h>

/* *ret_text is a part of the reply, which is the caller's. */
static enum status ask(struct session *session, struct store_call *call, redisReply **ret_reply,
                       const char **ret_text, struct error *err)
{
    if (session_run(session, call, ret_reply, err) != STATUS_OK)
        return error_status(err);
    return store_reply_text(*ret_reply, ret_text, err);
}

enum status report_get(struct session *session, struct store_call *call, json_t **ret_json,
                       struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    const char *function = call->argv[1];
    const char *text = "";
    if (ask(session, call, &reply, &text, err) != STATUS_OK)
        return error_status(err);
    if (json_read(text, strlen(text), ret_json, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "redis: %s answered with what is no JSON", function);
    return STATUS_OK;
}

enum status report_done(struct session *session, struct store_call *call, json_t *ids,
                        struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    const char *text = "";
    if (ask(session, call, &reply, &text, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON) {
        if (json_object_set_new(ids, "message", json_string(text)) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "output");
        return output_json(ids, err);
    }
    (void)puts(text);
    return STATUS_OK;
}

const char *report_text(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text == NULL ? "" : text;
}

int64_t report_number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

void report_pauses(const json_t *pauses, int64_t now_ms, FILE *out)
{
    size_t index;
    const json_t *pause;
    json_array_foreach(pauses, index, pause)
    {
        char age[TEXT_SIZE];
        const char *reason = report_text(pause, "reason");
        clock_describe(now_ms - report_number(pause, "since_ms"), age);
        (void)fprintf(out, "paused    %s %s, by %s, %s ago%s%s\n", report_text(pause, "kind"),
                      report_text(pause, "name"), report_text(pause, "who"), age,
                      reason[0] == '\0' ? "" : ": ", reason);
    }
}

void report_time(const char *label, int64_t wall_ms)
{
    char when[CLOCK_TEXT_SIZE];
    char age[TEXT_SIZE];
    if (wall_ms <= 0)
        return;
    clock_format(wall_ms, when);
    clock_describe(clock_wall_ms() - wall_ms, age);
    (void)printf("%-12s%s (%s ago)\n", label, when, age);
}

void report_details(FILE *out, const char *label, const json_t *details)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(details, index, entry)
    {
        (void)fprintf(out, "%-12s%s: %s\n", label, report_text(entry, "title"),
                      report_text(entry, "detail"));
    }
}

void report_texts(const char *label, const json_t *texts)
{
    size_t index;
    const json_t *text;
    json_array_foreach(texts, index, text)
    {
        (void)printf("%-12s%s\n", label, json_string_value(text));
    }
}

static void format_number(enum report_form form, int64_t number, int64_t now_ms,
                          char text[TEXT_SIZE])
{
    char bytes[TEXT_SIZE];
    switch (form) {
    case REPORT_BYTES:
        text_bytes(number, text);
        break;
    case REPORT_RATE:
        text_bytes(number, bytes);
        (void)snprintf(text, TEXT_SIZE, number < 0 ? "-" : "%.24s/s", bytes);
        break;
    case REPORT_PERCENT:
        (void)snprintf(text, TEXT_SIZE, "%lld %%", (long long)number);
        break;
    case REPORT_AGE:
        clock_describe(now_ms - number, text);
        break;
    case REPORT_DURATION:
        clock_describe(number, text);
        break;
    case REPORT_TIME:
        clock_format(number, text);
        break;
    case REPORT_TEXT:
    case REPORT_YES_NO:
    case REPORT_NUMBER:
        (void)snprintf(text, TEXT_SIZE, "%lld", (long long)number);
        break;
    }
}

/* What the cell shows: the member's own text, or one in buffer. */
static const char *cell(const json_t *row, const struct report_column *column, int64_t now_ms,
                        char buffer[TEXT_SIZE])
{
    const json_t *value = json_object_get(row, column->field);
    if (column->form == REPORT_TEXT)
        return report_text(row, column->field);
    if (column->form == REPORT_YES_NO)
        return json_is_true(value) ? "yes" : "no";
    if (!json_is_integer(value))
        return "";
    bool is_unknown = json_integer_value(value) < 0;
    if (is_unknown)
        return "-";
    format_number(column->form, json_integer_value(value), now_ms, buffer);
    return buffer;
}

static unsigned right_columns(const struct report_column *columns, size_t count)
{
    unsigned right = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_text = columns[i].form == REPORT_TEXT || columns[i].form == REPORT_YES_NO ||
                       columns[i].form == REPORT_TIME;
        right |= (is_text ? 0u : 1u) << i;
    }
    return right;
}

static enum status add_rows(struct table *table, const json_t *rows,
                            const struct report_column *columns, int64_t now_ms, struct error *err)
{
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        const char *cells[TABLE_COLUMNS_MAX];
        char buffers[TABLE_COLUMNS_MAX][TEXT_SIZE];
        for (size_t i = 0; i < table->columns; i++)
            cells[i] = cell(row, &columns[i], now_ms, buffers[i]);
        if (table_add(table, cells, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status report_table(const json_t *rows, const struct report_column *columns, size_t count,
                         int64_t now_ms, FILE *out, struct error *err)
{
    const char *titles[TABLE_COLUMNS_MAX + 1] = {NULL};
    struct table table;
    assert(count <= TABLE_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++)
        titles[i] = columns[i].title;
    table_init(&table, titles, right_columns(columns, count));
    enum status status = add_rows(&table, rows, columns, now_ms, err);
    if (status == STATUS_OK)
        table_print(&table, out);
    table_done(&table);
    return status;
}
