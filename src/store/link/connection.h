/* Connection: a blocking one, connected, authenticated and with its database chosen. */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include "core/cleanup.h"
#include "settings.h"

#include <hiredis/hiredis.h>

/* Errors: UNAVAILABLE, TIMEOUT with reason redis_unavailable; redis_unsafe. Caller owns
 * *ret_redis: redisFree(). */
enum status redis_connection_open(const struct settings *settings, redisContext **ret_redis,
                                  struct error *err) MUST_CHECK;

/* The failure of a context whose last command got no reply. */
enum status redis_connection_failure(const redisContext *redis, struct error *err);

static inline void redis_connection_free(redisContext *redis)
{
    redisFree(redis);
}
DEFINE_CLEANUP(redisContext *, redis_connection_free)

#endif
