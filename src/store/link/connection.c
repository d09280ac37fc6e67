#include "connection.h"

#include "../protocol/refusal.h"
#include "store/call.h"

#include <fcntl.h>

enum status redis_connection_failure(const redisContext *redis, struct error *err)
{
    /* A blocking read that ends at its deadline looks like a socket without data. */
    bool timed_out = redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    return FAIL_REASON(err, timed_out ? STATUS_TIMEOUT : STATUS_UNAVAILABLE,
                       REASON_REDIS_UNAVAILABLE, "redis: %s",
                       timed_out ? "no reply in time" : redis->errstr);
}

static enum status greet(redisContext *redis, const struct settings *settings, struct error *err)
{
    struct greeting greetings[GREETINGS_MAX];
    int count = settings_greetings(settings, greetings);
    for (int i = 0; i < count; i++) {
        CLEANUP(reply_freep) redisReply *reply = NULL;
        reply = redisCommandArgv(redis, greetings[i].argc, greetings[i].argv, NULL);
        if (reply == NULL)
            return redis_connection_failure(redis, err);
        if (refusal_check(reply, err) != STATUS_OK)
            return FAIL_IN(err, "redis %s", greetings[i].argv[0]);
    }
    return STATUS_OK;
}

enum status redis_connection_open(const struct settings *settings, redisContext **ret_redis,
                                  struct error *err)
{
    struct timeval timeout = settings_timeout(settings);
    CLEANUP(redis_connection_freep) redisContext *redis = NULL;
    if (settings->path != NULL)
        redis = redisConnectUnixWithTimeout(settings->path, timeout);
    else
        redis = redisConnectWithTimeout(settings->host, settings->port, timeout);
    if (redis == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis connection");
    if (redis->err != 0)
        return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_REDIS_UNAVAILABLE, "redis: %s",
                           redis->errstr);
    (void)fcntl(redis->fd, F_SETFD, FD_CLOEXEC); /* hiredis leaves it open for child processes */
    if (redisSetTimeout(redis, timeout) != REDIS_OK)
        return redis_connection_failure(redis, err);
    if (settings->path == NULL && redisEnableKeepAlive(redis) != REDIS_OK)
        return redis_connection_failure(redis, err);
    if (greet(redis, settings, err) != STATUS_OK)
        return error_status(err);
    *ret_redis = STEAL(redis);
    return STATUS_OK;
}
