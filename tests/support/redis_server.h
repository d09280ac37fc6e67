/*
 * A real Redis for a test: redis-server on a unix socket in a temporary directory of its own, no
 * port, AOF on, stopped by its process id. A test that cannot have it fails.
 */
#ifndef TESTS_SUPPORT_REDIS_SERVER_H
#define TESTS_SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    char directory[64];
    char socket[96];
    char address[112]; /* "unix:<socket>", as store_options wants it */
    pid_t pid;         /* 0 while stopped */
};

/* Starts it in a new directory and waits for PONG. More options: NULL or "--name value" pairs, as
 * for redis-server, NULL-terminated. */
void redis_server_start(struct redis_server *server, const char *const *options);

/* The same directory, socket and data, after redis_server_kill(). */
void redis_server_restart(struct redis_server *server);
void redis_server_kill(struct redis_server *server);   /* SIGKILL, and waits */
void redis_server_freeze(struct redis_server *server); /* SIGSTOP */
void redis_server_thaw(struct redis_server *server);   /* SIGCONT */

/* Stops it and removes the directory. All zeros: nothing. */
void redis_server_stop(struct redis_server *server);

#endif
