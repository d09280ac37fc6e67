/*
 * Notify: tells the service manager how we are, and takes what it has for us. Started without one
 * (no NOTIFY_SOCKET in the environment), nothing happens.
 *
 * Errors    none: a service manager that does not listen is no reason to stop
 * Threads   any, but for sockets_take() and notify_disown()
 * Source    sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)
 */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NOTIFY_STATUS_MAX = 256 }; /* bytes of a status; longer ones are cut */

bool notify_is_on(void);

/* We are up, or up again after notify_reloading(). */
void notify_ready(void);
void notify_reloading(void);

/* We end soon; patience_ms is that of notify_patience(). */
void notify_stopping(int64_t patience_ms);

/* The start or the stop may take so much longer, from now on. To be said again before that is over.
 */
void notify_patience(int64_t patience_ms);

/* One line for "systemctl status". What is no printable character becomes a space. */
void notify_status(const char *text);

/* How often notify_alive() is expected, or 0: not at all. */
int64_t notify_watchdog_ms(void);
/* How often to say it, so that one that is late does no harm; 0: not at all. */
int64_t notify_beat_ms(void);
void notify_alive(void);

/* For a process that has been forked and is no part of what the service manager watches: neither it
 * nor what it executes speaks for us. The process has one thread. */
void notify_disown(void);

/* The sockets that the service manager has opened for us and keeps open over our restarts. */
struct sockets {
    int first; /* descriptors first .. first + count - 1, closed on exec */
    size_t count;
};

/* Takes the sockets over. To be called early, once, in one thread: what the environment says of
 * them goes, so that no child believes they are its own. */
struct sockets sockets_take(void);

#endif
