#include "daemon_children.h"

#include "core/log.h"
#include "daemon_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    WORKER_SLACK_MS = 20000, /* beyond its drain, to unwind and to tell */
    RECOVERY_PATIENCE_MS = 3600 * 1000,
    REDIS_GRACE_MS = 10000, /* it writes its file to the end */
    REDIS_QUICK_ENDS_MAX = 5,
    PROBE_US = 50000
};

struct children {
    const struct standalone *standalone;
    struct children_events events;
    struct process redis;
    struct process worker;
    struct process recovery; /* after the worker's end */
    int64_t drain_ms;
    struct event *on_child;
    struct event *probe; /* until Redis accepts */
};

static void on_child_signal(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct children *children = context;
    process_reap(&children->worker);
    process_reap(&children->recovery);
    process_reap(&children->redis);
}

static bool start_recovery(struct children *children)
{
    struct error err = {.status = STATUS_OK};
    children->recovery.stopping = true; /* it ends by itself, once */
    if (process_start(&children->recovery, &err) == STATUS_OK)
        return true;
    log_text(LOG_LEVEL_ERROR, "cannot start the recovery", LOG_TEXT("reason", err.text));
    return false;
}

static void on_worker_end(void *context, struct process *process)
{
    struct children *children = context;
    if (process->stopping && !start_recovery(children))
        children->events.on_worker_stopped(children->events.context);
}

static void on_recovery_end(void *context, struct process *process)
{
    (void)process;
    const struct children *children = context;
    children->events.on_worker_stopped(children->events.context);
}

static void on_redis_end(void *context, struct process *process)
{
    const struct children *children = context;
    if (process->stopping)
        children->events.on_redis_stopped(children->events.context);
    else if (process->quick_ends >= REDIS_QUICK_ENDS_MAX)
        children->events.on_redis_hopeless(children->events.context);
}

static bool redis_accepts(const struct standalone *standalone)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(standalone->redis_socket);
    if (len >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, standalone->redis_socket, len + 1);
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static void on_probe(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct children *children = context;
    struct error err = {.status = STATUS_OK};
    if (children->worker.stopping || !redis_accepts(children->standalone))
        return;
    (void)event_del(children->probe);
    if (process_start(&children->worker, &err) != STATUS_OK) {
        log_text(LOG_LEVEL_ERROR, "cannot start the worker", LOG_TEXT("reason", err.text));
        (void)event_add(children->probe, &(struct timeval){.tv_sec = 1});
    }
}

static void describe_redis(struct children *children)
{
    const struct standalone *standalone = children->standalone;
    const char *const argv[] = {standalone->redis_server,
                                "--port",
                                "0",
                                "--unixsocket",
                                standalone->redis_socket,
                                "--unixsocketperm",
                                "700",
                                "--dir",
                                standalone->redis_directory,
                                "--appendonly",
                                "yes",
                                "--appendfsync",
                                "everysec",
                                "--save",
                                "",
                                "--maxmemory-policy",
                                "noeviction",
                                "--daemonize",
                                "no",
                                "--loglevel",
                                "warning"};
    _Static_assert(sizeof(argv) / sizeof(argv[0]) < PROCESS_ARGUMENTS_MAX, "and the NULL behind");
    children->redis.name = "redis-server";
    children->redis.kept_fd = standalone->redis_lock_fd;
    children->redis.on_end = on_redis_end;
    children->redis.context = children;
    memcpy(children->redis.argv, argv, sizeof(argv));
}

static void describe_worker(struct children *children)
{
    const struct standalone *standalone = children->standalone;
    const char *const argv[] = {standalone->worker, "--config", standalone->config};
    children->worker.name = "appbackup-worker";
    children->worker.on_end = on_worker_end;
    children->worker.context = children;
    memcpy(children->worker.argv, argv, sizeof(argv));
}

static void describe_recovery(struct children *children)
{
    const struct standalone *standalone = children->standalone;
    const char *const argv[] = {standalone->worker, "--config", standalone->config, "--recover"};
    children->recovery.name = "appbackup-worker --recover";
    children->recovery.on_end = on_recovery_end;
    children->recovery.context = children;
    memcpy(children->recovery.argv, argv, sizeof(argv));
}

static enum status start(struct children *children, struct event_base *base, struct error *err)
{
    describe_redis(children);
    describe_worker(children);
    describe_recovery(children);
    if (process_init(&children->redis, base, err) != STATUS_OK ||
        process_init(&children->recovery, base, err) != STATUS_OK ||
        process_init(&children->worker, base, err) != STATUS_OK)
        return error_status(err);
    children->on_child = evsignal_new(base, SIGCHLD, on_child_signal, children);
    children->probe = event_new(base, -1, EV_PERSIST, on_probe, children);
    if (children->on_child == NULL || children->probe == NULL ||
        event_add(children->on_child, NULL) != 0 ||
        event_add(children->probe, &(struct timeval){.tv_usec = PROBE_US}) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "events of the children");
    return process_start(&children->redis, err);
}

enum status children_new(struct event_base *base, const struct standalone *standalone,
                         int64_t drain_ms, const struct children_events *events,
                         struct children **ret_children, struct error *err)
{
    CLEANUP(children_freep) struct children *children = NULL;
    children = calloc(1, sizeof(*children));
    if (children == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "children");
    children->standalone = standalone;
    children->drain_ms = drain_ms;
    children->events = *events;
    if (start(children, base, err) != STATUS_OK)
        return error_status(err);
    *ret_children = STEAL(children);
    return STATUS_OK;
}

void children_free(struct children *children)
{
    if (children == NULL)
        return;
    process_done(&children->worker);
    process_done(&children->recovery);
    process_done(&children->redis);
    if (children->on_child != NULL)
        event_free(children->on_child);
    if (children->probe != NULL)
        event_free(children->probe);
    free(children);
}

void children_reload(const struct children *children)
{
    process_signal(&children->worker, SIGHUP);
}

bool children_stop_worker(struct children *children)
{
    (void)event_del(children->probe);
    return process_stop(&children->worker, children->drain_ms + WORKER_SLACK_MS) ||
           start_recovery(children);
}

int64_t children_patience_ms(const struct children *children)
{
    return children->drain_ms + WORKER_SLACK_MS + RECOVERY_PATIENCE_MS + REDIS_GRACE_MS;
}

bool children_stop_redis(struct children *children)
{
    return process_stop(&children->redis, REDIS_GRACE_MS);
}
