/*
 * Settings: the options of a connection, checked and copied, and what is said first on it.
 */
#ifndef STORE_SETTINGS_H
#define STORE_SETTINGS_H

#include "core/error.h"
#include "store/options.h"

#include <stdint.h>
#include <sys/time.h>

struct settings {
    char *path; /* of the unix socket; NULL: host and port */
    char *host;
    int port;
    char *username;                /* NULL: the default user */
    const struct secret *password; /* borrowed */
    char database[16];             /* "" = 0, which needs no SELECT */
    int64_t timeout_ms;
};

/* Errors: INVALID, the address is neither "unix:/path" nor "host:port" ("[::1]:6379"), or a number
 * is out of range. */
enum status settings_init(struct settings *settings, const struct store_options *options,
                          struct error *err) MUST_CHECK;
void settings_done(struct settings *settings);
struct timeval settings_timeout(const struct settings *settings);

/* The commands before the first call: AUTH and SELECT, as far as needed. Borrowed texts. */
enum { GREETINGS_MAX = 2 };

struct greeting {
    const char *argv[3];
    int argc;
};

int settings_greetings(const struct settings *settings, struct greeting greetings[GREETINGS_MAX]);

#endif
