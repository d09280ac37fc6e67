#include "daemon_serve.h"

#include "api/api.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "daemon_children.h"
#include "daemon_redis_monitor.h"
#include "http/server.h"
#include "listener_check.h"
#include "model/event.h"
#include "service/notify.h"
#include "store/async.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SIGNAL_COUNT = 3, STOP_SLACK_MS = 5000 };

struct daemon {
    const struct serve_options *options;
    struct config *reloaded; /* owned; NULL: the accounts are those of the start */
    struct event_base *base;
    struct store_async *store;
    struct api *api;
    struct http_server *server;
    struct children *children; /* NULL unless standalone */
    struct redis_monitor monitor;
    struct pulse pulse;
    struct event *signals[SIGNAL_COUNT];
    struct event *drain_timer;
    bool stopping;
    bool drained;
    bool worker_gone;
    bool redis_told;
    struct error *failure; /* where to say why the loop ended; status OK: as told */
};

/* Takes the next step of stopping, if its time has come. */
static void advance_stop(struct daemon *daemon)
{
    if (!daemon->stopping || !daemon->drained || !daemon->worker_gone || daemon->redis_told)
        return;
    daemon->redis_told = true;
    if (daemon->children == NULL || !children_stop_redis(daemon->children))
        (void)event_base_loopbreak(daemon->base);
}

static void on_drained(void *context)
{
    struct daemon *daemon = context;
    daemon->drained = true;
    (void)event_del(daemon->drain_timer);
    advance_stop(daemon);
}

static void on_drain_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct daemon *daemon = context;
    log_text(LOG_LEVEL_WARNING, "connections are left at the deadline, closing them",
             LOG_NUMBER("deadline_ms", SERVE_DRAIN_MS));
    daemon->drained = true;
    advance_stop(daemon);
}

static void on_worker_stopped(void *context)
{
    struct daemon *daemon = context;
    daemon->worker_gone = true;
    advance_stop(daemon);
}

static void on_redis_stopped(void *context)
{
    const struct daemon *daemon = context;
    (void)event_base_loopbreak(daemon->base);
}

/* How long a stop may take at the worst. */
static int64_t stop_patience_ms(const struct daemon *daemon)
{
    int64_t children_ms = daemon->children == NULL ? 0 : children_patience_ms(daemon->children);
    return SERVE_DRAIN_MS + children_ms + STOP_SLACK_MS;
}

static void stop(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    pulse_stop(&daemon->pulse, stop_patience_ms(daemon));
    daemon->worker_gone = daemon->children == NULL || !children_stop_worker(daemon->children);
    (void)event_add(daemon->drain_timer, &(struct timeval){.tv_sec = SERVE_DRAIN_MS / 1000});
    http_server_drain(daemon->server, on_drained, daemon);
    advance_stop(daemon);
}

static void on_redis_hopeless(void *context)
{
    struct daemon *daemon = context;
    if (daemon->stopping)
        return;
    (void)FAIL(daemon->failure, STATUS_UNAVAILABLE,
               "redis-server ends again and again; its last words stand above");
    stop(daemon);
}

static void read_again(struct daemon *daemon)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {.status = STATUS_OK};
    if (config_load(daemon->options->config->path, &config, &err) != STATUS_OK ||
        listener_check(config, &err) != STATUS_OK ||
        http_server_reload(daemon->server, &err) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, EVENT_CONFIG_REFUSED, LOG_TEXT("code", err.reason),
                  LOG_TEXT("reason", err.text), LOG_TEXT("kept", "the old one"));
        notify_status("not reloaded, the old configuration stays: see the log");
        return;
    }
    api_set_accounts(daemon->api, config->accounts, config->account_count);
    store_async_set_password(daemon->store, config->redis.password);
    config_free(daemon->reloaded);
    daemon->reloaded = STEAL(config);
    if (daemon->children != NULL)
        children_reload(daemon->children);
    log_event(LOG_LEVEL_NOTICE, EVENT_CONFIG_READ,
              LOG_TEXT("new", "accounts, tokens, certificates, keys, the password of Redis"),
              LOG_TEXT("config", daemon->options->config->path),
              LOG_NUMBER("accounts", (int64_t)daemon->reloaded->account_count));
}

/* The service manager is told that it is over, well or not: the log says which, and what is wrong.
 */
static void reload(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    notify_reloading();
    read_again(daemon);
    notify_ready();
}

static void on_signal(evutil_socket_t signal_number, short what, void *context)
{
    (void)what;
    struct daemon *daemon = context;
    if (signal_number == SIGHUP) {
        reload(daemon);
        return;
    }
    log_event(LOG_LEVEL_NOTICE, EVENT_FRONT_END_STOPPING, LOG_NUMBER("signal", signal_number));
    stop(daemon);
}

static void on_news(void *context)
{
    pulse_tell(context);
}

static enum status open_store(struct daemon *daemon, struct error *err)
{
    const struct config_redis *redis = &daemon->options->config->redis;
    const struct store_options options = {.address = redis->address,
                                          .username = redis->username,
                                          .password = redis->password,
                                          .database = (int)redis->database,
                                          .timeout_ms = redis->timeout_ms};
    if (store_async_open(daemon->base, &options, &daemon->store, err) != STATUS_OK)
        return error_status(err);
    const struct redis_monitor_listener listener = {.on_news = on_news, .context = &daemon->pulse};
    if (redis_monitor_init(&daemon->monitor, daemon->base, daemon->store, &listener, err) !=
        STATUS_OK)
        return error_status(err);
    return pulse_init(&daemon->pulse, daemon->base, &daemon->monitor, err);
}

static enum status open_server(struct daemon *daemon, struct error *err)
{
    const struct config *config = daemon->options->config;
    const struct api_options api = {.base = daemon->base,
                                    .accounts = config->accounts,
                                    .account_count = config->account_count,
                                    .store = daemon->store};
    if (api_new(&api, &daemon->api, err) != STATUS_OK)
        return error_status(err);

    struct http_options http = {.refuse = api_refuse,
                                .context = daemon->api,
                                .limits = {.body_bytes_max = config->http.body_bytes_max,
                                           .header_bytes_max = config->http.header_bytes_max,
                                           .bodies_bytes_max = config->http.bodies_bytes_max,
                                           .replies_bytes_max = config->http.replies_bytes_max,
                                           .connections_max = config->http.connections_max,
                                           .idle_timeout_ms = config->http.idle_timeout_ms,
                                           .request_timeout_ms = config->http.request_timeout_ms}};
    http.routes = api_routes(daemon->api, &http.route_count);
    if (http_server_new(daemon->base, &http, &daemon->server, err) != STATUS_OK)
        return error_status(err);
    const struct listen_plan plan = {.http = &config->http,
                                     .extra = daemon->options->listen,
                                     .sockets = daemon->options->sockets};
    return listen_on_all(daemon->server, &plan, err);
}

static enum status open_signals(struct daemon *daemon, struct error *err)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return FAIL_ERRNO(err, "ignore SIGPIPE");
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
        if (daemon->signals[i] == NULL || event_add(daemon->signals[i], NULL) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "signal %d", numbers[i]);
    }
    daemon->drain_timer = evtimer_new(daemon->base, on_drain_timer, daemon);
    if (daemon->drain_timer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "timer");
    return STATUS_OK;
}

static enum status open_children(struct daemon *daemon, struct error *err)
{
    if (daemon->options->standalone == NULL)
        return STATUS_OK;
    const struct children_events events = {.on_worker_stopped = on_worker_stopped,
                                           .on_redis_stopped = on_redis_stopped,
                                           .on_redis_hopeless = on_redis_hopeless,
                                           .context = daemon};
    int64_t drain_ms = daemon->options->config->worker.drain_timeout_s * 1000;
    return children_new(daemon->base, daemon->options->standalone, drain_ms, &events,
                        &daemon->children, err);
}

/* The change list saves calls of epoll_ctl(): who waits to write is often told that he may before
 * the turn is over. It forbids duplicates of descriptors that are in the loop; nobody makes any. */
static enum status open_loop(struct daemon *daemon, struct error *err)
{
    struct event_config *config = event_config_new();
    if (config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        daemon->base = event_base_new_with_config(config);
    if (config != NULL)
        event_config_free(config);
    return daemon->base != NULL ? STATUS_OK : FAIL(err, STATUS_NO_MEMORY, "event loop");
}

static enum status open_all(struct daemon *daemon, struct error *err)
{
    if (open_loop(daemon, err) != STATUS_OK)
        return error_status(err);
    /* Listeners before children: whoever cannot listen leaves no trace. */
    if (open_store(daemon, err) != STATUS_OK || open_server(daemon, err) != STATUS_OK ||
        open_signals(daemon, err) != STATUS_OK)
        return error_status(err);
    return open_children(daemon, err);
}

/* From here to the exit a second SIGTERM, or a late SIGHUP, has nothing to say: without the
 * handlers it would end a daemon that has stopped in good order as if it had been killed. */
static void block_signals(void)
{
    sigset_t late;
    (void)sigemptyset(&late);
    (void)sigaddset(&late, SIGTERM);
    (void)sigaddset(&late, SIGINT);
    (void)sigaddset(&late, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &late, NULL);
}

/* The store goes first: what waits for it is answered while there is a server to answer through. */
static void close_all(struct daemon *daemon)
{
    if (daemon->store != NULL)
        store_async_close(daemon->store);
    http_server_free(daemon->server);
    children_free(daemon->children);
    pulse_done(&daemon->pulse);
    redis_monitor_done(&daemon->monitor);
    api_free(daemon->api);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (daemon->signals[i] != NULL)
            event_free(daemon->signals[i]);
    if (daemon->drain_timer != NULL)
        event_free(daemon->drain_timer);
    if (daemon->base != NULL)
        event_base_free(daemon->base);
    config_free(daemon->reloaded);
}

/* Says where everything is, for whoever has just started it by hand. */
static void print_welcome(const struct daemon *daemon)
{
    const struct config *config = daemon->options->config;
    const struct standalone *standalone = daemon->options->standalone;
    if (standalone == NULL || config->account_count == 0)
        return;
    const struct config_listener *first = &config->http.listeners[0];
    (void)printf("appbackup: %s%s/accounts/%s\n"
                 "  token          in %s\n"
                 "  configuration  %s\n"
                 "  Redis          redis-cli -s %s\n",
                 first->certificate == NULL ? "http://" : "https://", first->address,
                 config->accounts[0].id, standalone->token, standalone->config,
                 standalone->redis_socket);
    (void)fflush(stdout);
}

enum status serve(const struct serve_options *options, struct error *err)
{
    struct error failure = {.status = STATUS_OK};
    struct daemon daemon = {.options = options, .failure = &failure};
    if (open_all(&daemon, err) != STATUS_OK) {
        close_all(&daemon);
        return error_status(err);
    }
    print_welcome(&daemon);
    log_event(LOG_LEVEL_NOTICE, EVENT_FRONT_END_STARTED, LOG_TEXT("version", APPBACKUP_VERSION),
              LOG_TEXT("config", options->config->path),
              LOG_TEXT("redis", options->config->redis.address));
    notify_ready();
    bool ended = event_base_dispatch(daemon.base) == 0;
    block_signals();
    close_all(&daemon);
    if (!ended)
        return FAIL(err, STATUS_INTERNAL, "event loop");
    if (failure.status != STATUS_OK) {
        *err = failure;
        return error_status(err);
    }
    log_event(LOG_LEVEL_NOTICE, EVENT_FRONT_END_STOPPED, LOG_TEXT("version", APPBACKUP_VERSION));
    return STATUS_OK;
}
