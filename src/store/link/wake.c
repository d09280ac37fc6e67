/*
 * A subscribed connection that is polled by its owner. hiredis would block in a blocking context
 * and has no reading without blocking in one, so the bytes are received here and only parsed there.
 */
#include "store/wake.h"

#include "../protocol/refusal.h"
#include "connection.h"
#include "model/node.h"
#include "settings.h"
#include "store/call.h"
#include "store/keys.h"

#include <string.h>
#include <sys/socket.h>

struct store_wake {
    struct settings settings;
    redisContext *redis;
};

static enum status subscribe(struct store_wake *wake, const char *node, struct error *err)
{
    char channel[KEY_WAKE_SIZE + NODE_NAME_SIZE];
    if (!key_wake(channel, sizeof(channel), node))
        return FAIL(err, STATUS_INVALID, "'%s' is no name of a node", node);

    const char *argv[] = {"SUBSCRIBE", channel};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    const struct command command = {2, argv, NULL};
    if (redis_connection_command(wake->redis, &wake->settings, &command, &reply, err) != STATUS_OK)
        return error_status(err);
    redis_connection_subscribe(wake->redis);
    return refusal_check(reply, err);
}

enum status store_wake_open(const struct store_options *options, const char *node,
                            struct store_wake **ret_wake, struct error *err)
{
    CLEANUP(store_wake_closep) struct store_wake *wake = NULL;
    wake = calloc(1, sizeof(*wake));
    if (wake == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "wake-up channel");
    if (settings_init(&wake->settings, options, err) != STATUS_OK)
        return error_status(err);
    if (redis_connection_open(&wake->settings, &wake->redis, err) != STATUS_OK)
        return FAIL_IN(err, "wake-up channel");
    if (subscribe(wake, node, err) != STATUS_OK)
        return FAIL_IN(err, "wake-up channel");
    *ret_wake = STEAL(wake);
    return STATUS_OK;
}

int store_wake_fd(const struct store_wake *wake)
{
    return wake->redis->fd;
}

/* *ret_len 0: nothing is there now. */
static enum status receive(struct store_wake *wake, char *bytes, size_t size, size_t *ret_len,
                           struct error *err)
{
    ssize_t len = recv(wake->redis->fd, bytes, size, MSG_DONTWAIT);
    if (len < 0 && errno != EAGAIN && errno != EINTR)
        return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_REDIS_UNAVAILABLE, "wake-up channel: %s",
                           strerrorname_np(errno));
    if (len == 0)
        return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_REDIS_UNAVAILABLE,
                           "wake-up channel: closed by Redis");
    *ret_len = len > 0 ? (size_t)len : 0;
    return STATUS_OK;
}

static enum status parse(struct store_wake *wake, bool *woken, struct error *err)
{
    redisReply *message = NULL;
    do {
        if (redis_connection_parse(wake->redis, &message, err) != STATUS_OK)
            return FAIL_IN(err, "wake-up channel");
        *woken = *woken || message != NULL;
        freeReplyObject(message);
    } while (message != NULL);
    return STATUS_OK;
}

enum status store_wake_drain(struct store_wake *wake, bool *ret_woken, struct error *err)
{
    enum { READS_MAX = 64 }; /* a flood must not keep the caller here */

    bool woken = false;
    for (int i = 0; i < READS_MAX; i++) {
        char bytes[4096];
        size_t len = 0;
        if (receive(wake, bytes, sizeof(bytes), &len, err) != STATUS_OK)
            return error_status(err);
        if (len == 0)
            break;
        if (redisReaderFeed(wake->redis->reader, bytes, len) != REDIS_OK)
            return FAIL(err, STATUS_NO_MEMORY, "wake-up channel");
        if (parse(wake, &woken, err) != STATUS_OK)
            return error_status(err);
    }
    *ret_woken = woken;
    return STATUS_OK;
}

void store_wake_close(struct store_wake *wake)
{
    if (wake == NULL)
        return;
    redis_connection_free(wake->redis);
    settings_done(&wake->settings);
    free(wake);
}
