/*
 * Sockets: those that the service manager has opened for us and keeps open over our restarts.
 * Source    sd_listen_fds(3)
 */
#ifndef SERVICE_SOCKETS_H
#define SERVICE_SOCKETS_H

#include <stddef.h>

struct sockets {
    int first; /* descriptors first .. first + count - 1, closed on exec */
    size_t count;
};

/* Early, once, in one thread: what the environment says of them goes, so that no child
 * believes they are its own. */
struct sockets sockets_take(void);

#endif
