/*
 * Serve: the loop of appbackupd, from the listeners to the last reply.
 *
 * Signals   TERM, INT  stop: no new connections, requests under way are answered within
 *                      SERVE_DRAIN_MS; standalone: then the worker has ended, then Redis
 *           HUP        accounts, tokens, certificates and keys anew; if the new configuration is
 *                      wrong, the old one stays
 */
#ifndef MAIN_DAEMON_SERVE_H
#define MAIN_DAEMON_SERVE_H

#include "config/config.h"
#include "core/error.h"
#include "daemon_standalone.h"
#include "service/notify.h"

enum { SERVE_DRAIN_MS = 10000 };

struct serve_options {
    const struct config *config;
    const struct standalone *standalone; /* NULL: Redis and workers are somebody else's */
    const char *listen;                  /* one more address, or NULL */
    struct sockets sockets;              /* that the service manager has opened */
};

/* Serves until it is told to stop. Errors: INVALID, NOT_FOUND, FORBIDDEN: what it shall listen with
 * is not as the configuration says. */
enum status serve(const struct serve_options *options, struct error *err) MUST_CHECK;

#endif
