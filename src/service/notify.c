#include "service/notify.h"

#include "core/clock.h"

#include <systemd/sd-daemon.h>

#include <stdio.h>
#include <stdlib.h>

enum { BEATS_PER_WATCHDOG = 4 };

bool notify_is_on(void)
{
    return getenv("NOTIFY_SOCKET") != NULL; /* NOLINT(concurrency-mt-unsafe): nobody changes it */
}

static void say(const char *text)
{
    if (sd_notify(0, text) < 0) {
        /* Nobody listens: there is no better place to say so. */
    }
}

void notify_ready(void)
{
    say("READY=1");
}

void notify_reloading(void)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)clock_mono_us());
    say(text);
}

void notify_stopping(int64_t patience_ms)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
                   (long long)patience_ms * 1000);
    say(text);
}

void notify_patience(int64_t patience_ms)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%lld", (long long)patience_ms * 1000);
    say(text);
}

void notify_status(const char *text)
{
    char line[sizeof("STATUS=") + NOTIFY_STATUS_MAX];
    int len = snprintf(line, sizeof(line), "STATUS=%.*s", NOTIFY_STATUS_MAX, text);
    for (int i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' '; /* a line break would begin another assignment */
    say(line);
}

int64_t notify_watchdog_ms(void)
{
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)(usec / 1000) : 0;
}

int64_t notify_beat_ms(void)
{
    return notify_watchdog_ms() / BEATS_PER_WATCHDOG;
}

void notify_alive(void)
{
    say("WATCHDOG=1");
}

void notify_disown(void)
{
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]); /* NOLINT(concurrency-mt-unsafe): one thread */
}

struct sockets sockets_take(void)
{
    int count = sd_listen_fds(1);
    return (struct sockets){.first = SD_LISTEN_FDS_START, .count = count > 0 ? (size_t)count : 0};
}
