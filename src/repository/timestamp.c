#include "timestamp.h"

#include <stdint.h>
#include <string.h>

static const int64_t first_second = INT64_C(-62167219200); /* 0000-01-01T00:00:00Z */
static const int64_t last_second = INT64_C(253402300799);  /* 9999-12-31T23:59:59Z */

static char *put_number(char *to, long value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + digits;
}

static char *put_fraction(char *to, long nanoseconds)
{
    if (nanoseconds <= 0 || nanoseconds > 999999999)
        return to;
    *to = '.';
    char *end = put_number(to + 1, nanoseconds, 9);
    while (end[-1] == '0')
        end--;
    return end;
}

static char *put_zone(char *to, long offset_s)
{
    if (offset_s == 0) {
        *to++ = 'Z';
        return to;
    }
    *to++ = offset_s < 0 ? '-' : '+';
    long minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    to = put_number(to, minutes / 60, 2);
    *to++ = ':';
    return put_number(to, minutes % 60, 2);
}

/* Local time, but UTC where the format cannot express it: offsets with seconds (before about 1945)
 * and the local ends of the first and the last year. */
static void break_down(time_t seconds, struct tm *ret_parts)
{
    if (localtime_r(&seconds, ret_parts) == NULL || ret_parts->tm_gmtoff % 60 != 0 ||
        ret_parts->tm_year < -1900 || ret_parts->tm_year > 8099)
        (void)gmtime_r(&seconds, ret_parts);
}

char *timestamp_write(char *to, struct timespec time)
{
    time_t seconds = time.tv_sec;
    if (seconds < first_second)
        seconds = first_second;
    if (seconds > last_second)
        seconds = last_second;
    struct tm parts;
    break_down(seconds, &parts);
    to = put_number(to, parts.tm_year + 1900L, 4);
    *to++ = '-';
    to = put_number(to, parts.tm_mon + 1L, 2);
    *to++ = '-';
    to = put_number(to, parts.tm_mday, 2);
    *to++ = 'T';
    to = put_number(to, parts.tm_hour, 2);
    *to++ = ':';
    to = put_number(to, parts.tm_min, 2);
    *to++ = ':';
    to = put_number(to, parts.tm_sec, 2);
    return put_zone(put_fraction(to, time.tv_nsec), parts.tm_gmtoff);
}

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* Exactly so many digits. */
static bool take_number(struct cursor *cursor, int digits, int max, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
            return false;
        value = value * 10 + (*cursor->at++ - '0');
    }
    *ret_value = value;
    return value <= max;
}

static bool take_fraction(struct cursor *cursor, long *ret_nanoseconds)
{
    long value = 0;
    int digits = 0;
    if (!take(cursor, '.'))
        return true;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        if (digits < 9)
            value = value * 10 + (*cursor->at - '0');
        digits++;
    }
    for (int i = digits; i < 9; i++)
        value *= 10;
    *ret_nanoseconds = value;
    return digits > 0;
}

static bool take_zone(struct cursor *cursor, int *ret_offset_s)
{
    int hours = 0;
    int minutes = 0;
    if (take(cursor, 'Z'))
        return true;
    int sign = take(cursor, '-') ? -1 : 1;
    if (sign == 1 && !take(cursor, '+'))
        return false;
    if (!take_number(cursor, 2, 24, &hours) || !take(cursor, ':') ||
        !take_number(cursor, 2, 59, &minutes))
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool take_date(struct cursor *cursor, struct tm *parts)
{
    if (!take_number(cursor, 4, 9999, &parts->tm_year) || !take(cursor, '-') ||
        !take_number(cursor, 2, 12, &parts->tm_mon) || !take(cursor, '-') ||
        !take_number(cursor, 2, 31, &parts->tm_mday))
        return false;
    parts->tm_year -= 1900;
    parts->tm_mon -= 1;
    return parts->tm_mon >= 0 && parts->tm_mday > 0;
}

static bool take_clock(struct cursor *cursor, struct tm *parts)
{
    return take_number(cursor, 2, 23, &parts->tm_hour) && take(cursor, ':') &&
           take_number(cursor, 2, 59, &parts->tm_min) && take(cursor, ':') &&
           take_number(cursor, 2, 59, &parts->tm_sec);
}

bool timestamp_read(const char *text, size_t len, struct timespec *ret_time)
{
    struct cursor cursor = {.at = text, .end = text + len};
    struct tm parts;
    memset(&parts, 0, sizeof(parts));
    long nanoseconds = 0;
    int offset_s = 0;
    if (!take_date(&cursor, &parts) || !take(&cursor, 'T') || !take_clock(&cursor, &parts) ||
        !take_fraction(&cursor, &nanoseconds) || !take_zone(&cursor, &offset_s) ||
        cursor.at != cursor.end)
        return false;
    ret_time->tv_sec = timegm(&parts) - offset_s;
    ret_time->tv_nsec = nanoseconds;
    return true;
}
