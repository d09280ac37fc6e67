/*
 * Standalone: one directory that holds a whole service. Made at the first start, used as it is
 * at every other.
 *
 * Shapes    DIR/appbackup.yaml   configuration: generated once, then the owner's to edit
 *           DIR/token            the owner's bearer token; its SHA-256 is in the configuration
 *           DIR/master.key       from which the repositories' passphrases come: keep a copy
 *           DIR/apps.d/          the definitions of apps
 *           DIR/bucket/          the default bucket
 *           DIR/redis/           the append-only file, the socket, a lock
 *           DIR/lock             held while a daemon uses the directory
 * Errors    LOCKED: another daemon, or a Redis that one left behind, still uses the directory
 */
#ifndef MAIN_DAEMON_STANDALONE_H
#define MAIN_DAEMON_STANDALONE_H

#include "config/config.h"
#include "core/error.h"

#include <limits.h>

struct standalone {
    char directory[PATH_MAX]; /* absolute, no symbolic links */
    char config[PATH_MAX];
    char token[PATH_MAX];
    char redis_directory[PATH_MAX];
    char redis_socket[PATH_MAX];
    char redis_address[PATH_MAX]; /* "unix:" and the socket */
    char redis_server[PATH_MAX];  /* the programs */
    char worker[PATH_MAX];
    int lock_fd;
    int redis_lock_fd; /* inherited by redis-server: held until the last of them has ended */
};

struct standalone_options {
    const char *directory;
    const char *listen;         /* NULL: the default */
    const char *apps_directory; /* NULL: the default */
};

enum status standalone_open(const struct standalone_options *options,
                            struct standalone *ret_standalone, struct error *err) MUST_CHECK;
void standalone_close(struct standalone *standalone);

/* Is the configuration, which somebody may have edited, still that of this directory? */
enum status standalone_check(const struct standalone *standalone,
                             const struct standalone_options *options, const struct config *config,
                             struct error *err) MUST_CHECK;

#endif
