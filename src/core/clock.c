#include "core/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks used here */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    /* Years outside 0-9999 have no RFC 3339 form: they can only come from damaged data. */
    const time_t last = 253402300799;
    time_t seconds = wall_ms < 0 ? 0 : (time_t)(wall_ms / 1000);
    struct tm utc;
    (void)gmtime_r(seconds > last ? &last : &seconds, &utc);
    (void)strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void clock_describe(int64_t ms, char text[CLOCK_DURATION_SIZE])
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};

    int64_t seconds = ms < 0 ? 0 : ms / 1000;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds >= 2 * units[i].seconds) {
            (void)snprintf(text, CLOCK_DURATION_SIZE, "%lld %s",
                           (long long)(seconds / units[i].seconds), units[i].unit);
            return;
        }
    }
    (void)snprintf(text, CLOCK_DURATION_SIZE, "%lld s", (long long)seconds);
}

int clock_left_ms(int64_t deadline_mono_ms)
{
    int64_t left = deadline_mono_ms - clock_mono_ms();
    if (left < 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}
