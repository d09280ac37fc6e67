/*
 * Options: where Redis is, and as whom and how patiently it is spoken to.
 *
 * Ownership A connection copies them when it is opened, but for the password, which it borrows.
 */
#ifndef STORE_OPTIONS_H
#define STORE_OPTIONS_H

#include "core/secret.h"

#include <stdint.h>

struct store_options {
    const char *address;           /* "unix:/path" or "host:port" */
    const char *username;          /* NULL: the default user */
    const struct secret *password; /* borrowed; NULL: none */
    int database;
    int64_t timeout_ms; /* to connect, and per command */
};

#endif
