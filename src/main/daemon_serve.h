/*
 * Serve: the loop of appbackupd, from the listeners to the last reply.
 *
 *   daemon_serve.c   the loop itself
 *   daemon_listen.c  its listeners
 *   daemon_pulse.c   what it tells the service manager of itself
 *
 * Signals   TERM, INT  stop: no new connections, requests under way are answered within
 *                      SERVE_DRAIN_MS; standalone: then the worker has ended, then Redis
 *           HUP        accounts, tokens, certificates and keys anew; if the new configuration is
 *                      wrong, the old one stays
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_SERVE_H
#define MAIN_DAEMON_SERVE_H

#include "config/config.h"
#include "core/error.h"
#include "daemon_redis_monitor.h"
#include "daemon_standalone.h"
#include "http/server.h"
#include "service/notify.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>

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

struct listen_plan {
    const struct config_http *http;
    const char *extra; /* one more address, or NULL */
    struct sockets sockets;
};

/* Makes the listeners of the configuration, each on the socket that the service manager has opened
 * for its address, if there is one. Errors: INVALID: a socket was opened whose address is no
 * listener's; what listening gives. */
enum status listen_on_all(struct http_server *server, const struct listen_plan *plan,
                          struct error *err) MUST_CHECK;

/* How the front end is, for the service manager: a status worth reading, and signs of life only
 * while the loop turns in time and a connected Redis answers (service/health.h). */
struct pulse {
    const struct redis_monitor *monitor; /* borrowed */
    struct event *timer;                 /* NULL: nobody waits for signs of life */
    int64_t period_ms;
    int64_t due_ms;    /* monotonic: of the next one */
    const char *fault; /* of the last one that was left out; NULL: none is */
    bool stopping;
};

enum status pulse_init(struct pulse *pulse, struct event_base *base,
                       const struct redis_monitor *monitor, struct error *err) MUST_CHECK;
void pulse_done(struct pulse *pulse); /* zeros are fine */

/* Tells the service manager the state of Redis, which has just been asked. */
void pulse_tell(const struct pulse *pulse);

/* The service stops: from now on, the status says so. */
void pulse_stop(struct pulse *pulse, int64_t patience_ms);

#endif
