#include "address.h"

#include "core/cleanup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BACKLOG = 1024, SOCKET_MODE = 0660 };

static bool parse_port(const char *text, in_port_t *ret_port)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    if (*end != '\0' || end - text > 5 || port > 65535)
        return false;
    *ret_port = htons((uint16_t)port);
    return true;
}

static enum status parse_local(const char *path, struct address *address, struct error *err)
{
    struct sockaddr_un *local = &address->socket.local;
    size_t len = strlen(path);
    if (path[0] != '/' || len >= sizeof(local->sun_path))
        return FAIL(err, STATUS_INVALID, "an absolute path of at most %zu bytes is expected",
                    sizeof(local->sun_path) - 1);
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, len + 1);
    address->len = sizeof(*local);
    return STATUS_OK;
}

static bool parse_internet(const char *text, struct address *address)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return false;
    size_t len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = '\0';

    struct sockaddr_in6 *v6 = &address->socket.v6;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        v6->sin6_family = AF_INET6;
        address->len = sizeof(*v6);
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 &&
               parse_port(colon + 1, &v6->sin6_port);
    }
    struct sockaddr_in *v4 = &address->socket.v4;
    v4->sin_family = AF_INET;
    address->len = sizeof(*v4);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 && parse_port(colon + 1, &v4->sin_port);
}

enum status address_parse(const char *text, struct address *address, struct error *err)
{
    static const char local_prefix[] = "unix:";
    memset(address, 0, sizeof(*address));
    if (strncmp(text, local_prefix, sizeof(local_prefix) - 1) == 0) {
        if (parse_local(text + sizeof(local_prefix) - 1, address, err) != STATUS_OK)
            return FAIL_IN(err, "address '%s'", text);
        return STATUS_OK;
    }
    if (!parse_internet(text, address))
        return FAIL(err, STATUS_INVALID,
                    "address '%s': ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH is expected", text);
    return STATUS_OK;
}

/* Removes the socket file of a process that is gone: nobody accepts on it any more. */
static enum status remove_stale(const struct sockaddr_un *local, struct error *err)
{
    struct stat info;
    if (lstat(local->sun_path, &info) != 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "stat '%s'", local->sun_path);
    if (!S_ISSOCK(info.st_mode))
        return FAIL(err, STATUS_CONFLICT, "'%s' exists and is not a socket", local->sun_path);

    CLEANUP(fd_closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return FAIL_ERRNO(err, "socket");
    /* EAGAIN: somebody listens, with a full queue. */
    if (connect(probe, (const struct sockaddr *)local, sizeof(*local)) == 0 || errno == EAGAIN)
        return FAIL(err, STATUS_CONFLICT, "another process listens on '%s'", local->sun_path);
    if (errno != ECONNREFUSED)
        return FAIL_ERRNO(err, "connect to '%s'", local->sun_path);
    if (unlink(local->sun_path) != 0 && errno != ENOENT)
        return FAIL_ERRNO(err, "remove '%s'", local->sun_path);
    return STATUS_OK;
}

static enum status bind_local(int fd, const struct address *address, struct error *err)
{
    const struct sockaddr_un *local = &address->socket.local;
    if (remove_stale(local, err) != STATUS_OK)
        return error_status(err);
    /* The file takes the mode of the socket, less the umask: it is never wider than wanted. */
    if (fchmod(fd, SOCKET_MODE) != 0)
        return FAIL_ERRNO(err, "chmod");
    if (bind(fd, &address->socket.any, address->len) != 0)
        return FAIL_ERRNO(err, "bind '%s'", local->sun_path);
    if (chmod(local->sun_path, SOCKET_MODE) != 0) {
        (void)FAIL_ERRNO(err, "chmod '%s'", local->sun_path);
        (void)unlink(local->sun_path); /* best effort: the reason is already in err */
        return error_status(err);
    }
    return STATUS_OK;
}

static enum status bind_internet(int fd, const struct address *address, struct error *err)
{
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
        return FAIL_ERRNO(err, "SO_REUSEPORT");
    if (address->socket.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return FAIL_ERRNO(err, "IPV6_V6ONLY");
    if (bind(fd, &address->socket.any, address->len) == 0)
        return STATUS_OK;
    if (errno == EADDRINUSE)
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_ADDRESS_IN_USE,
                           "bind: the address is in use");
    return FAIL_ERRNO(err, "bind");
}

enum status address_listen(const struct address *address, int *ret_fd, struct error *err)
{
    int family = address->socket.any.sa_family;
    CLEANUP(fd_closep) int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FAIL_ERRNO(err, "socket");
    enum status status =
        family == AF_UNIX ? bind_local(fd, address, err) : bind_internet(fd, address, err);
    if (status != STATUS_OK)
        return status;
    if (listen(fd, BACKLOG) != 0)
        return FAIL_ERRNO(err, "listen");
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static bool is_same(const struct address *a, const struct address *b)
{
    if (a->socket.any.sa_family != b->socket.any.sa_family)
        return false;
    switch (a->socket.any.sa_family) {
    case AF_UNIX:
        return strcmp(a->socket.local.sun_path, b->socket.local.sun_path) == 0;
    case AF_INET:
        return a->socket.v4.sin_port == b->socket.v4.sin_port &&
               a->socket.v4.sin_addr.s_addr == b->socket.v4.sin_addr.s_addr;
    case AF_INET6:
        return a->socket.v6.sin6_port == b->socket.v6.sin6_port &&
               memcmp(&a->socket.v6.sin6_addr, &b->socket.v6.sin6_addr,
                      sizeof(a->socket.v6.sin6_addr)) == 0;
    default:
        return false;
    }
}

enum status address_is_of(const struct address *address, int fd, bool *ret_is, struct error *err)
{
    if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1)
        return FAIL(err, STATUS_INVALID, "a stream socket that listens is expected");
    struct address own = {.len = sizeof(own.socket)};
    if (getsockname(fd, &own.socket.any, &own.len) != 0)
        return FAIL_ERRNO(err, "name of a socket");
    *ret_is = is_same(address, &own);
    return STATUS_OK;
}

enum status address_take_over(int fd, struct error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return FAIL_ERRNO(err, "a socket that was passed on");
    return STATUS_OK;
}
