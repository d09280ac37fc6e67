/* Status: all on one screen, and whether somebody has to look after it. */
#include "command.h"
#include "core/clock.h"
#include "ctl/types.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "store/replies.h"
#include "terminal.h"
#include "text.h"

#include <stdlib.h>

enum { LATENCY_SAMPLES = 5 };

static int compare(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return difference < 0 ? -1 : difference > 0;
}

/* How long a small question takes: the median of some, past the first, which connects. */
static enum status measure(struct session *session, int64_t *ret_us, struct error *err)
{
    int64_t samples[LATENCY_SAMPLES];
    for (size_t i = 0; i < LATENCY_SAMPLES; i++) {
        struct store_call call = {0};
        CLEANUP(reply_freep) redisReply *reply = NULL;
        struct store_health health = {0};
        int64_t started_us = clock_mono_us();
        store_call_health(&call, NULL);
        enum status status = store_run(session->store, &call, &reply, err);
        store_call_done(&call);
        if (status != STATUS_OK || store_reply_health(reply, &health, err) != STATUS_OK)
            return error_status(err);
        samples[i] = clock_mono_us() - started_us;
    }
    qsort(samples, LATENCY_SAMPLES, sizeof(samples[0]), compare);
    *ret_us = samples[LATENCY_SAMPLES / 2];
    return STATUS_OK;
}

static enum status get_status(struct session *session, json_t **ret_status, struct error *err)
{
    struct store_call call = {0};
    json_auto_t *json = NULL;
    int64_t latency_us = 0;
    store_call_status(&call);
    if (report_get(session, &call, &json, err) != STATUS_OK ||
        measure(session, &latency_us, err) != STATUS_OK)
        return error_status(err);
    json_t *redis = json_object_get(json, "redis");
    if (json_object_set_new(redis, "latency_us", json_integer(latency_us)) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "status");
    *ret_status = json_incref(json);
    return STATUS_OK;
}

static void print_redis(const json_t *redis)
{
    char used[TEXT_SIZE];
    text_bytes(report_number(redis, "used_bytes"), used);
    (void)printf("redis     %s, append-only %s, %s, %s used, answers in %.1f ms\n",
                 report_text(redis, "version"),
                 json_is_true(json_object_get(redis, "append_only")) ? "on" : "OFF",
                 json_is_true(json_object_get(redis, "never_evicts")) ? "never evicts"
                                                                      : "MAY EVICT",
                 used, (double)report_number(redis, "latency_us") / 1000);
}

/* "pending 3, running 1": what there is. */
static void print_counts(const char *label, json_t *counts)
{
    const char *name;
    json_t *count;
    bool is_first = true;
    (void)printf("%-10s", label);
    json_object_foreach(counts, name, count)
    {
        if (json_integer_value(count) == 0)
            continue;
        (void)printf("%s%lld %s", is_first ? "" : ", ", (long long)json_integer_value(count), name);
        is_first = false;
    }
    (void)puts(is_first ? "none" : "");
}

static void print_oldest(const json_t *job, int64_t now_ms)
{
    char age[TEXT_SIZE];
    if (job == NULL)
        return;
    const char *wait = report_text(job, "waits");
    clock_describe(now_ms - report_number(job, "created_ms"), age);
    (void)printf("oldest    waiting for %s: %s of app %s, job %s%s%s\n", age,
                 report_text(job, "kind"), report_text(job, "app"), report_text(job, "job"),
                 wait[0] == '\0' ? "" : ": ", wait);
}

static void print_problems(const json_t *problems)
{
    size_t index;
    const json_t *problem;
    bool has_color = terminal_has_color(stdout);
    const char *color = json_array_size(problems) == 0 ? "\033[32m" : "\033[31m";
    const char *on = has_color ? color : "";
    const char *off = has_color ? "\033[0m" : "";
    if (json_array_size(problems) == 0)
        (void)printf("\n%sNothing needs you.%s\n", on, off);
    else
        (void)printf("\n%sThis needs you:%s\n", on, off);
    json_array_foreach(problems, index, problem)(void)
        printf("  %s%s%s\n", on, json_string_value(problem), off);
}

static enum status print_status(const json_t *status, struct error *err)
{
    static const struct report_column columns[] = {
        {"NODE", "name", REPORT_TEXT},        {"ALIVE", "alive", REPORT_YES_NO},
        {"SEEN", "heartbeat_ms", REPORT_AGE}, {"RUNNING", "running", REPORT_NUMBER},
        {"SLOTS", "slots", REPORT_NUMBER},    {"QUEUED", "queued", REPORT_NUMBER},
        {"APPS", "apps", REPORT_NUMBER},      {"PAUSED", "paused", REPORT_YES_NO},
        {"VERSION", "version", REPORT_TEXT},
    };

    int64_t now_ms = report_number(status, "now_ms");
    print_redis(json_object_get(status, "redis"));
    print_counts("backups", json_object_get(status, "backups"));
    print_counts("jobs", json_object_get(status, "jobs"));
    print_oldest(json_object_get(status, "oldest_waiting"), now_ms);
    report_pauses(json_object_get(status, "paused"), now_ms, stdout);
    (void)puts("");
    if (report_table(json_object_get(status, "nodes"), columns,
                     sizeof(columns) / sizeof(columns[0]), now_ms, stdout, err) != STATUS_OK)
        return error_status(err);
    print_problems(json_object_get(status, "problems"));
    return STATUS_OK;
}

static enum status run_status(struct session *session, struct error *err)
{
    json_auto_t *status = NULL;
    if (get_status(session, &status, err) != STATUS_OK)
        return error_status(err);
    if (json_array_size(json_object_get(status, "problems")) > 0)
        session->exit_code = CTL_EXIT_FAILED;
    if (session->arguments->output == OUTPUT_JSON)
        return output_json(status, err);
    return print_status(status, err);
}

/* clang-format off */
const struct command status_commands[] = {
    {
        .group = "status", .usage = "",
        .any_account = true,
        .run = run_status,
        .summary = "all on one screen: Redis, nodes, backups, and what needs you",
        .help = "The exit code is 1 when something needs a person: Redis is not safe, a node with apps\n"
                "has no living worker, a bucket fails, or a job is in quarantine.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
