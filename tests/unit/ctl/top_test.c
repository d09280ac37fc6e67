#include "src/ctl/top.h"

#include "core/cleanup.h"
#include "src/ctl/report.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

enum { MIB = 1024 * 1024 };

static json_t *look(int64_t now_ms, const char *job, int64_t done)
{
    return json_pack(
        "{s:I, s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}], s:i, s:[]}", "now_ms",
        (json_int_t)now_ms, "jobs", "job", job, "node", "web1", "state", "running", "kind",
        "backup", "app", "shop", "name", "nightly", "stage", "upload", "bytes_done",
        (json_int_t)done, "bytes_total", (json_int_t)(100 * (int64_t)MIB), "percent_done",
        (json_int_t)25, "waits", "", "left_out", 0, "paused");
}

static const json_t *first(const json_t *queue)
{
    return json_array_get(json_object_get(queue, "jobs"), 0);
}

static void measure(json_t *queue, const json_t *before)
{
    struct error err = {0};
    cr_assert(eq(int, (int)top_measure(queue, before, &err), (int)STATUS_OK), "%s", err.text);
}

Test(top_measure, knows_no_rate_at_the_first_look)
{
    json_auto_t *queue = look(1000, "a", 10 * MIB);

    measure(queue, NULL);

    cr_assert(eq(i64, report_number(first(queue), "rate"), -1));
    cr_assert(eq(i64, report_number(first(queue), "left_ms"), -1));
}

Test(top_measure, takes_the_rate_from_two_looks)
{
    json_auto_t *before = look(1000, "a", 10 * MIB);
    json_auto_t *queue = look(3000, "a", 20 * MIB);
    measure(before, NULL);

    measure(queue, before);

    cr_assert(eq(i64, report_number(first(queue), "rate"), 5 * MIB));
    cr_assert(eq(i64, report_number(first(queue), "left_ms"), 16000));
}

Test(top_measure, smooths_what_it_knew_already)
{
    json_auto_t *one = look(1000, "a", 0);
    json_auto_t *two = look(2000, "a", 10 * MIB);
    json_auto_t *three = look(3000, "a", 10 * MIB);
    measure(one, NULL);
    measure(two, one);

    measure(three, two);

    cr_assert(eq(i64, report_number(first(three), "rate"), 7 * MIB));
}

Test(top_measure, begins_anew_with_another_job)
{
    json_auto_t *before = look(1000, "a", 10 * MIB);
    json_auto_t *queue = look(2000, "b", 20 * MIB);
    measure(before, NULL);

    measure(queue, before);

    cr_assert(eq(i64, report_number(first(queue), "rate"), -1));
}

Test(top_print, shows_totals_and_a_table)
{
    CLEANUP(free_any) char *text = NULL;
    size_t size = 0;
    struct error err = {0};
    json_auto_t *before = look(1000, "a", 20 * MIB);
    json_auto_t *queue = look(2000, "a", 25 * MIB);
    measure(before, NULL);
    measure(queue, before);
    FILE *out = open_memstream(&text, &size);

    cr_assert(eq(int, (int)top_print(queue, out, &err), (int)STATUS_OK));
    (void)fclose(out);

    cr_assert(eq(str, text,
                 "1970-01-01T00:00:02Z  1 running, 0 waiting, 5.0 MiB/s\n"
                 "\n"
                 "NODE  KIND    APP   NAME     STAGE   DONE     SIZE       RATE  LEFT  BLOCKED BY\n"
                 "web1  backup  shop  nightly  upload  25 %  100 MiB  5.0 MiB/s  15 s  \n"));
}
