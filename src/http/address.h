/*
 * Address: where a listener listens, and the listening socket for it.
 *   "127.0.0.1:8080"  "[::1]:8080"  "unix:/run/appbackup/api.sock"
 * Addresses are numeric: a listener must not wait for a name server, nor listen on a surprise.
 */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "core/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    socklen_t len;

    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } socket;
};

/* Errors: INVALID. */
enum status address_parse(const char *text, struct address *address, struct error *err) MUST_CHECK;

/*
 * A bound socket that listens, non-blocking; the caller closes it. TCP: SO_REUSEPORT, IPv6 only
 * where the address is IPv6. Unix: mode 0660; a file left by a dead process is replaced. Errors:
 * CONFLICT when the address is in use, or the path is something else than a socket.
 */
enum status address_listen(const struct address *address, int *ret_fd, struct error *err)
    MUST_CHECK;

/* Does the socket listen at this address? Errors: INVALID: it is no stream socket that listens. */
enum status address_is_of(const struct address *address, int fd, bool *ret_is, struct error *err)
    MUST_CHECK;

/* Makes a socket that somebody else has opened fit for the loop. */
enum status address_take_over(int fd, struct error *err) MUST_CHECK;

#endif
