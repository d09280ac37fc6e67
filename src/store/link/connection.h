/*
 * Connection: a blocking one, connected, authenticated and with its database chosen. What comes on it
 * is watched by a guard, which belongs to it.
 *
 * Limits    A command has the deadline of the settings, and what comes of its reply before moves
 *           that on by the time it takes at REPLY_BYTES_PER_MS_MIN: a reply that trickles ends.
 */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include "core/cleanup.h"
#include "settings.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>

/* Errors: UNAVAILABLE, TIMEOUT with reason redis_unavailable; redis_unsafe. Caller owns
 * *ret_redis: redis_connection_free(). */
enum status redis_connection_open(const struct settings *settings, redisContext **ret_redis,
                                  struct error *err) MUST_CHECK;

enum { REPLY_BYTES_PER_MS_MIN = 64 };

struct command {
    int argc;
    const char **argv;
    const size_t *lengths; /* NULL: of texts */
};

/* One command and its reply. After a failure the connection is dead. Errors: as above. Caller owns
 * *ret_reply. */
enum status redis_connection_command(redisContext *redis, const struct settings *settings,
                                     const struct command *command, redisReply **ret_reply,
                                     struct error *err) MUST_CHECK;

/* From now on messages come that were not asked for. */
void redis_connection_subscribe(redisContext *redis);

/* Has something come that nobody has asked for, the end perhaps? Only between two commands. */
bool redis_connection_is_stale(const redisContext *redis);

/* Reads a message from what was fed to the reader. *ret_reply NULL: there is none. */
enum status redis_connection_parse(redisContext *redis, redisReply **ret_reply, struct error *err)
    MUST_CHECK;

void redis_connection_free(redisContext *redis); /* NULL is a no-op */
DEFINE_CLEANUP(redisContext *, redis_connection_free)

#endif
