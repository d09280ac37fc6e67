#include "src/ctl/report.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

Test(report_table, shows_each_form_and_nothing_for_what_is_not_there)
{
    static const struct report_column columns[] = {
        {"TEXT", "text", REPORT_TEXT},       {"N", "number", REPORT_NUMBER},
        {"SIZE", "bytes", REPORT_BYTES},     {"RATE", "rate", REPORT_RATE},
        {"DONE", "percent", REPORT_PERCENT}, {"AGE", "since", REPORT_AGE},
        {"LEFT", "left", REPORT_DURATION},   {"TIME", "since", REPORT_TIME},
        {"OK", "ok", REPORT_YES_NO},
    };
    CLEANUP(free_any) char *text = NULL;
    size_t size = 0;
    struct error err = {0};
    json_auto_t *rows =
        json_pack("[{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:b}, {s:i, s:i, s:i}]", "text", "one",
                  "number", 7, "bytes", 2048, "rate", 1024, "percent", 50, "since", 1000, "left",
                  9000, "ok", 1, "bytes", -1, "rate", -1, "left", -1);
    FILE *out = open_memstream(&text, &size);

    cr_assert(
        eq(int,
           (int)report_table(rows, columns, sizeof(columns) / sizeof(columns[0]), 31000, out, &err),
           (int)STATUS_OK));
    (void)fclose(out);

    cr_assert(eq(str, text,
                 "TEXT  N     SIZE       RATE  DONE   AGE  LEFT  TIME                  OK\n"
                 "one   7  2.0 KiB  1.0 KiB/s  50 %  30 s   9 s  1970-01-01T00:00:01Z  yes\n"
                 "               -          -                 -                        no\n"));
}

Test(report_pauses, says_who_and_why)
{
    CLEANUP(free_any) char *text = NULL;
    size_t size = 0;
    json_auto_t *pauses =
        json_pack("[{s:s, s:s, s:s, s:i, s:s}, {s:s, s:s, s:s, s:i, s:s}]", "kind", "node", "name",
                  "web1", "who", "admin", "since_ms", 1000, "reason", "disks", "kind", "app",
                  "name", "shop", "who", "root", "since_ms", 1000, "reason", "");
    FILE *out = open_memstream(&text, &size);

    report_pauses(pauses, 6000, out);
    (void)fclose(out);

    cr_assert(eq(str, text,
                 "paused    node web1, by admin, 5 s ago: disks\n"
                 "paused    app shop, by root, 5 s ago\n"));
}
