#include "top.h"

#include "command.h"
#include "core/clock.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "terminal.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 1000 };

/* --- what two looks tell --- */

static const json_t *find_job(const json_t *queue, const char *job)
{
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(queue, "jobs"), index, row)
    {
        if (strcmp(report_text(row, "job"), job) == 0)
            return row;
    }
    return NULL;
}

static bool is_running(const json_t *row)
{
    return strcmp(report_text(row, "state"), "running") == 0;
}

static int64_t bytes_of(const json_t *row)
{
    int64_t bytes = report_number(row, "bytes_done");
    return bytes < 0 ? 0 : bytes;
}

/* A rate that follows within seconds and does not jump with every look. */
static int64_t rate_of(const json_t *row, const json_t *old, int64_t elapsed_ms)
{
    if (old == NULL || !is_running(old) || elapsed_ms <= 0)
        return -1;
    double measured = (double)(bytes_of(row) - bytes_of(old)) * 1000 / (double)elapsed_ms;
    const json_t *known = json_object_get(old, "rate");
    double before = (double)json_integer_value(known);
    if (known != NULL && before > 0)
        measured = 0.7 * before + 0.3 * measured;
    return measured < 0 ? 0 : (int64_t)measured;
}

static int64_t left_ms(const json_t *row, int64_t rate)
{
    int64_t total = report_number(row, "bytes_total");
    if (rate <= 0 || total < 0)
        return -1;
    return (total - bytes_of(row)) / rate * 1000;
}

enum status top_measure(json_t *queue, const json_t *before, struct error *err)
{
    int64_t elapsed_ms = report_number(queue, "now_ms") - report_number(before, "now_ms");
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(queue, "jobs"), index, row)
    {
        if (!is_running(row))
            continue;
        int64_t rate = rate_of(row, find_job(before, report_text(row, "job")), elapsed_ms);
        if (json_object_set_new(row, "rate", json_integer(rate)) != 0 ||
            json_object_set_new(row, "left_ms", json_integer(left_ms(row, rate))) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "queue");
    }
    return STATUS_OK;
}

/* --- the view --- */

static void print_totals(const json_t *queue, FILE *out)
{
    int64_t running = 0, rate = 0, waiting = report_number(queue, "left_out");
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(queue, "jobs"), index, row)
    {
        int64_t of_one = report_number(row, "rate");
        running += is_running(row);
        waiting += !is_running(row);
        rate += of_one > 0 ? of_one : 0;
    }
    char when[CLOCK_TEXT_SIZE], text[TEXT_SIZE];
    clock_format(report_number(queue, "now_ms"), when);
    text_bytes(rate, text);
    (void)fprintf(out, "%s  %lld running, %lld waiting, %s/s\n\n", when, (long long)running,
                  (long long)waiting, text);
}

/* One column tells what a job does: the stage where it runs, else where it stands. */
static enum status fill_stages(json_t *queue, struct error *err)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(queue, "jobs"), index, row)
    {
        if (report_text(row, "stage")[0] == '\0' &&
            json_object_set(row, "stage", json_object_get(row, "state")) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "queue");
    }
    return STATUS_OK;
}

enum status top_print(json_t *queue, FILE *out, struct error *err)
{
    static const struct report_column columns[] = {
        {"NODE", "node", REPORT_TEXT},         {"KIND", "kind", REPORT_TEXT},
        {"APP", "app", REPORT_TEXT},           {"NAME", "name", REPORT_TEXT},
        {"STAGE", "stage", REPORT_TEXT},       {"DONE", "percent_done", REPORT_PERCENT},
        {"SIZE", "bytes_total", REPORT_BYTES}, {"RATE", "rate", REPORT_RATE},
        {"LEFT", "left_ms", REPORT_DURATION},  {"BLOCKED BY", "waits", REPORT_TEXT},
    };

    if (fill_stages(queue, err) != STATUS_OK)
        return error_status(err);
    int64_t now_ms = report_number(queue, "now_ms");
    print_totals(queue, out);
    if (report_table(json_object_get(queue, "jobs"), columns, sizeof(columns) / sizeof(columns[0]),
                     now_ms, out, err) != STATUS_OK)
        return error_status(err);
    report_pauses(json_object_get(queue, "paused"), now_ms, out);
    return STATUS_OK;
}

/* --- the command --- */

/* Looks again: *queue takes the place of what was seen before, which it is measured by. */
static enum status look(struct session *session, json_t **queue, struct error *err)
{
    struct store_call call = {0};
    json_auto_t *seen = NULL;
    store_call_queue(&call, NULL);
    if (report_get(session, &call, &seen, err) != STATUS_OK ||
        top_measure(seen, *queue, err) != STATUS_OK)
        return error_status(err);
    json_decref(*queue);
    *queue = json_incref(seen);
    return STATUS_OK;
}

static enum status look_once(struct session *session, json_t **queue, struct error *err)
{
    if (look(session, queue, err) != STATUS_OK)
        return error_status(err);
    (void)nanosleep(&(struct timespec){.tv_sec = LOOK_MS / 1000}, NULL);
    if (look(session, queue, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(*queue, err);
    return top_print(*queue, stdout, err);
}

/* As long as Redis is away the screen says so. */
static enum status draw(struct session *session, json_t **queue, struct error *err)
{
    CLEANUP(free_any) char *text = NULL;
    size_t size = 0;
    struct error away = {0};
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return FAIL_ERRNO(err, "screen");
    enum status status = look(session, queue, &away);
    if (status == STATUS_OK)
        status = top_print(*queue, out, &away);
    else if (status_is_transient(status))
        (void)fprintf(out, "%s\n", away.text);
    if (fclose(out) != 0)
        return FAIL_ERRNO(err, "screen");
    if (status != STATUS_OK && !status_is_transient(status)) {
        *err = away;
        return status;
    }
    screen_draw(text);
    return STATUS_OK;
}

static enum status live(struct session *session, json_t **queue, struct error *err)
{
    CLEANUP(screen_close) struct screen screen = {.is_open = false};
    if (screen_open(&screen, err) != STATUS_OK)
        return error_status(err);
    do {
        if (draw(session, queue, err) != STATUS_OK)
            return error_status(err);
    } while (screen_wait(&screen, LOOK_MS));
    return STATUS_OK;
}

static enum status run_top(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    json_auto_t *queue = NULL;
    if (arguments->once || arguments->output == OUTPUT_JSON || !terminal_is(stdout))
        return look_once(session, &queue, err);
    return live(session, &queue, err);
}

/* clang-format off */
const struct command top_commands[] = {
    {
        .group = "top", .usage = "[--once]",
        .options = OPTION_ONCE,
        .any_account = true,
        .run = run_top,
        .summary = "the jobs live: stage, rate, time left, what blocks",
        .help = "  --once            one table, of what a second shows, as where stdout is no terminal\n"
                "Redrawn every second; q or Ctrl-C ends it.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
