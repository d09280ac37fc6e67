#include "src/repository/timestamp.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

static const char *written(const char *zone, int64_t seconds, long nanoseconds)
{
    static char text[TIMESTAMP_MAX + 1];
    (void)setenv("TZ", zone, 1);
    tzset();
    struct timespec time = {.tv_sec = seconds, .tv_nsec = nanoseconds};
    char *end = timestamp_write(text, time);
    cr_assert(end <= text + TIMESTAMP_MAX);
    *end = '\0';
    return text;
}

Test(timestamp_write, has_the_zone_of_the_instant)
{
    static const struct {
        const char *zone;
        int64_t seconds;
        long nanoseconds;
        const char *text;
    } cases[] = {
        {"UTC", 0, 0, "1970-01-01T00:00:00Z"},
        {"UTC", 1795465426, 419788567, "2026-11-23T20:23:46.419788567Z"},
        {"UTC", 1795465426, 500000000, "2026-11-23T20:23:46.5Z"},
        {"UTC", -1, 1, "1969-12-31T23:59:59.000000001Z"},
        {"Asia/Kolkata", 0, 0, "1970-01-01T05:30:00+05:30"},
        {"Asia/Kathmandu", 1795465426, 0, "2026-11-24T02:08:46+05:45"},
        {"America/New_York", 1795465426, 0, "2026-11-23T15:23:46-05:00"},
        {"America/New_York", 1782000000, 0, "2026-06-20T20:00:00-04:00"},
        {"Europe/Berlin", 1782000000, 120000000, "2026-06-21T02:00:00.12+02:00"},
        {"Europe/London", 1795465426, 0, "2026-11-23T20:23:46Z"},
        {"Europe/Berlin", -2500000000, 0, "1890-10-11T19:33:20Z"}, /* +0:53:28 cannot be said */
        {"UTC", -62167219200, 0, "0000-01-01T00:00:00Z"},
        {"UTC", -99999999999, 0, "0000-01-01T00:00:00Z"},
        {"UTC", 253402300799, 0, "9999-12-31T23:59:59Z"},
        {"UTC", INT64_MAX, 0, "9999-12-31T23:59:59Z"},
        {"Asia/Kolkata", INT64_MAX, 0, "9999-12-31T23:59:59Z"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(eq(str, (char *)written(cases[i].zone, cases[i].seconds, cases[i].nanoseconds),
                     (char *)cases[i].text));
}

Test(timestamp_read, brings_back_the_instant)
{
    static const char *const zones[] = {"UTC", "Asia/Kolkata", "America/New_York", "Europe/Berlin"};
    srand(3);
    for (int i = 0; i < 2000; i++) {
        struct timespec again = {0};
        int64_t seconds = (int64_t)rand() * 97 - INT64_C(50000000000);
        long nanoseconds = rand() % 1000000000;
        const char *text = written(zones[i % 4], seconds, nanoseconds);
        cr_assert(timestamp_read(text, strlen(text), &again), "%s", text);
        cr_assert(eq(i64, (int64_t)again.tv_sec, seconds), "%s", text);
        cr_assert(eq(long, again.tv_nsec, nanoseconds), "%s", text);
    }
}

Test(timestamp_read, refuses_everything_else)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11-23",
                                      "2026-11-23T20:23:46",
                                      "2026-11-23 20:23:46Z",
                                      "2026-13-23T20:23:46Z",
                                      "2026-00-23T20:23:46Z",
                                      "2026-11-00T20:23:46Z",
                                      "2026-11-23T24:23:46Z",
                                      "2026-11-23T20:60:46Z",
                                      "2026-11-23T20:23:46.Z",
                                      "2026-11-23T20:23:46+1:00",
                                      "2026-11-23T20:23:46+01:60",
                                      "2026-11-23T20:23:46Zx",
                                      "-026-11-23T20:23:46Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct timespec time = {0};
        cr_expect(not(timestamp_read(bad[i], strlen(bad[i]), &time)), "%s", bad[i]);
    }
}
