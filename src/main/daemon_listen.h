/*
 * Listen: the listeners of the configuration, each on the socket that the service manager has
 * opened for its address, if there is one.
 *
 * Errors    INVALID: a socket was opened whose address is no listener's; what listening gives
 */
#ifndef MAIN_DAEMON_LISTEN_H
#define MAIN_DAEMON_LISTEN_H

#include "config/config.h"
#include "core/error.h"
#include "http/server.h"
#include "service/notify.h"

struct listen_plan {
    const struct config_http *http;
    const char *extra; /* one more address, or NULL */
    struct sockets sockets;
};

enum status listen_on_all(struct http_server *server, const struct listen_plan *plan,
                          struct error *err) MUST_CHECK;

#endif
