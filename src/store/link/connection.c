#include "connection.h"

#include "../protocol/refusal.h"
#include "core/clock.h"
#include "guard.h"
#include "store/call.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct guard *guard_of(const redisContext *redis)
{
    return redis->reader->privdata;
}

/* The failure of a context whose last command got no reply. */
static enum status failure(const redisContext *redis, struct error *err)
{
    /* A blocking read that ends at its deadline looks like a socket without data. */
    bool timed_out = redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    const char *refused = redis->reader == NULL ? NULL : guard_of(redis)->why;
    const char *why = refused != NULL ? refused : redis->errstr;
    return FAIL_REASON(err, timed_out ? STATUS_TIMEOUT : STATUS_UNAVAILABLE,
                       REASON_REDIS_UNAVAILABLE, "redis: %s", timed_out ? "no reply in time" : why);
}

static enum status send_failure(struct error *err)
{
    if (errno == EAGAIN || errno == ETIMEDOUT)
        return FAIL_REASON(err, STATUS_TIMEOUT, REASON_REDIS_UNAVAILABLE,
                           "redis: takes no command in time");
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_REDIS_UNAVAILABLE, "redis: %s",
                       errno == EPIPE ? "closed by Redis" : strerrordesc_np(errno));
}

/* By ourselves, since hiredis' way to write ends a program with SIGPIPE when Redis has left. */
static enum status send_bytes(const redisContext *redis, const char *bytes, size_t len,
                              struct error *err)
{
    while (len > 0) {
        ssize_t sent = send(redis->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return send_failure(err);
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return STATUS_OK;
}

static enum status send_command(const redisContext *redis, const struct command *command,
                                struct error *err)
{
    char *text = NULL;
    int len = redisFormatCommandArgv(&text, command->argc, command->argv, command->lengths);
    if (len <= 0)
        return FAIL(err, STATUS_NO_MEMORY, "redis command");
    enum status status = send_bytes(redis, text, (size_t)len, err);
    redisFreeCommand(text);
    if (status == STATUS_OK)
        guard_expect(guard_of(redis));
    return status;
}

enum status redis_connection_parse(redisContext *redis, redisReply **ret_reply, struct error *err)
{
    void *reply = NULL;
    guard_begin(guard_of(redis));
    if (redisGetReplyFromReader(redis, &reply) != REDIS_OK)
        return failure(redis, err);
    if (reply == NULL && !guard_lets_go_on(guard_of(redis), redis->reader))
        return failure(redis, err);
    *ret_reply = reply;
    return STATUS_OK;
}

static bool is_late(const redisContext *redis, int64_t deadline_ms)
{
    size_t received = guard_received(guard_of(redis), redis->reader);
    return clock_mono_ms() > deadline_ms + (int64_t)received / REPLY_BYTES_PER_MS_MIN;
}

enum status redis_connection_command(redisContext *redis, const struct settings *settings,
                                     const struct command *command, redisReply **ret_reply,
                                     struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + settings->timeout_ms;
    redisReply *reply = NULL;
    if (send_command(redis, command, err) != STATUS_OK)
        return error_status(err);
    while (reply == NULL) {
        if (is_late(redis, deadline_ms))
            return FAIL_REASON(err, STATUS_TIMEOUT, REASON_REDIS_UNAVAILABLE,
                               "redis: the reply does not end in time");
        if (redisBufferRead(redis) != REDIS_OK)
            return failure(redis, err);
        if (redis_connection_parse(redis, &reply, err) != STATUS_OK)
            return error_status(err);
    }
    *ret_reply = reply;
    return STATUS_OK;
}

void redis_connection_subscribe(redisContext *redis)
{
    guard_expect_any(guard_of(redis));
}

bool redis_connection_is_stale(const redisContext *redis)
{
    struct pollfd peer = {.fd = redis->fd, .events = POLLIN | POLLRDHUP};
    return redis->reader->pos < redis->reader->len || poll(&peer, 1, 0) > 0;
}

void redis_connection_free(redisContext *redis)
{
    if (redis == NULL)
        return;
    struct guard *guard = redis->reader == NULL ? NULL : guard_of(redis);
    redisFree(redis);
    free(guard);
}

static enum status watch(redisContext *redis, struct error *err)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis connection");
    guard_watch(guard, redis->reader);
    return STATUS_OK;
}

static enum status greet(redisContext *redis, const struct settings *settings, struct error *err)
{
    struct greeting greetings[GREETINGS_MAX];
    int count = settings_greetings(settings, greetings);
    for (int i = 0; i < count; i++) {
        CLEANUP(reply_freep) redisReply *reply = NULL;
        const struct command command = {greetings[i].argc, greetings[i].argv, NULL};
        if (redis_connection_command(redis, settings, &command, &reply, err) != STATUS_OK)
            return error_status(err);
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
    if (watch(redis, err) != STATUS_OK)
        return error_status(err);
    (void)fcntl(redis->fd, F_SETFD, FD_CLOEXEC); /* hiredis leaves it open for child processes */
    if (redisSetTimeout(redis, timeout) != REDIS_OK)
        return failure(redis, err);
    if (settings->path == NULL && redisEnableKeepAlive(redis) != REDIS_OK)
        return failure(redis, err);
    if (greet(redis, settings, err) != STATUS_OK)
        return error_status(err);
    *ret_redis = STEAL(redis);
    return STATUS_OK;
}
