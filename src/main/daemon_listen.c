#include "core/log.h"
#include "daemon_serve.h"

#include <stdio.h>
#include <string.h>

/* 0: nobody has opened one there. */
static enum status find_socket(const struct sockets *sockets, const char *address, int *ret_fd,
                               struct error *err)
{
    for (size_t i = 0; i < sockets->count; i++) {
        int fd = sockets->first + (int)i;
        bool is_there = false;
        if (http_socket_is_at(fd, address, &is_there, err) != STATUS_OK)
            return FAIL_IN(err, "socket %d of the service manager", fd);
        if (!is_there)
            continue;
        *ret_fd = fd;
        return STATUS_OK;
    }
    *ret_fd = 0;
    return STATUS_OK;
}

static enum status listen_on(struct http_server *server, const struct listen_plan *plan,
                             const struct config_listener *wanted, struct error *err)
{
    int fd = 0;
    if (find_socket(&plan->sockets, wanted->address, &fd, err) != STATUS_OK)
        return error_status(err);
    const struct http_listener listener = {.address = wanted->address,
                                           .certificate = wanted->certificate,
                                           .key = wanted->key,
                                           .socket = fd};
    if (http_server_listen(server, &listener, err) != STATUS_OK)
        return error_status(err);
    log_text(LOG_LEVEL_NOTICE, "listening", LOG_TEXT("address", wanted->address),
             LOG_TEXT("scheme", wanted->certificate == NULL ? "http" : "https"),
             LOG_TEXT("socket", fd > 0 ? "service manager's" : "own"));
    return STATUS_OK;
}

static bool is_listener(const struct config_http *http, const char *address)
{
    for (size_t i = 0; i < http->listener_count; i++)
        if (strcmp(address, http->listeners[i].address) == 0)
            return true;
    return false;
}

/* Callers would connect to a socket on which nobody accepts, and wait. */
static enum status check_all_used(const struct listen_plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->sockets.count; i++) {
        int fd = plan->sockets.first + (int)i;
        bool used = false;
        for (size_t k = 0; !used && k < plan->http->listener_count; k++)
            if (http_socket_is_at(fd, plan->http->listeners[k].address, &used, err) != STATUS_OK)
                return error_status(err);
        if (!used) {
            return FAIL(err, STATUS_INVALID,
                        "socket %d of the service manager has the address of none of "
                        "http.listeners: see ListenStream= in appbackupd.socket",
                        fd);
        }
    }
    return STATUS_OK;
}

enum status listen_on_all(struct http_server *server, const struct listen_plan *plan,
                          struct error *err)
{
    if (check_all_used(plan, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < plan->http->listener_count; i++)
        if (listen_on(server, plan, &plan->http->listeners[i], err) != STATUS_OK)
            return error_status(err);
    char address[256];
    if (plan->extra == NULL || is_listener(plan->http, plan->extra))
        return STATUS_OK;
    if (snprintf(address, sizeof(address), "%s", plan->extra) >= (int)sizeof(address))
        return FAIL(err, STATUS_INVALID, "--listen: the address is too long");
    return listen_on(server, plan, &(struct config_listener){.address = address}, err);
}
