/*
 * The life of a call. It is in at most one of three lists:
 *   waiting   for the link to be ready
 *   sent      Redis has it; replies come in this order. It stays here after its deadline, without
 *             a callback, until its late reply or the end of the connection
 *   failing   its failure is told by the next round of the loop, never from inside
 *             store_async_send()
 * Those that can still be late are also in `open`, in the order of their deadlines.
 *
 * Calls that may be merged wait in `creates`, and are there again as one of these calls.
 */
#include "store/async.h"

#include "../protocol/refusal.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "library.h"
#include "link.h"
#include "merge.h"
#include "settings.h"

#include <stdlib.h>
#include <sys/queue.h>

enum pending_place { PLACE_WAITING, PLACE_SENT, PLACE_FAILING };

struct pending {
    TAILQ_ENTRY(pending) in_place;
    TAILQ_ENTRY(pending) in_open;
    struct store_async *async;
    enum pending_place place;
    char *command; /* kept to be sent again after the library was loaded; hiredis' memory */
    size_t command_len;
    store_reply_fn *callback;
    void *context;
    int64_t deadline_ms;
    int64_t sent_ms;
    const char *why; /* of a failure that is not the link's */
    bool resent;
    bool answered; /* its callback has come */
};

TAILQ_HEAD(pending_list, pending);

struct store_async {
    struct settings settings;
    struct link *link;
    struct event *deadline; /* for the first of open, and for a silent connection */
    struct event *failure;  /* for failing */
    bool is_misplaced;      /* connected with a Redis that is not the primary */
    struct pending_list waiting;
    struct pending_list sent;
    struct pending_list failing;
    struct pending_list open;
    struct merge *creates;
    size_t count; /* of all lists */
    bool closing;
};

static struct pending_list *list_of(struct pending *call)
{
    struct store_async *async = call->async;
    if (call->place == PLACE_WAITING)
        return &async->waiting;
    return call->place == PLACE_SENT ? &async->sent : &async->failing;
}

static void enter(struct pending *call, enum pending_place place)
{
    call->place = place;
    TAILQ_INSERT_TAIL(list_of(call), call, in_place);
}

/* NULL: the list is empty. */
static struct pending *take_first(struct pending_list *list)
{
    struct pending *call = TAILQ_FIRST(list);
    if (call != NULL)
        TAILQ_REMOVE(list, call, in_place);
    return call;
}

/* What is in the list now; what enters it from here on stays there. */
static void take_all(struct pending_list *list, struct pending_list *ret_taken)
{
    TAILQ_INIT(ret_taken);
    struct pending *call = NULL;
    while ((call = take_first(list)) != NULL)
        TAILQ_INSERT_TAIL(ret_taken, call, in_place);
}

static void leave(struct pending *call)
{
    TAILQ_REMOVE(list_of(call), call, in_place);
}

static void answer(struct pending *call, const redisReply *reply, const struct error *err)
{
    call->answered = true;
    TAILQ_REMOVE(&call->async->open, call, in_open);
    call->callback(call->context, reply, err);
}

static void answer_unavailable(struct pending *call)
{
    struct error err = {0};
    const char *why = call->why != NULL ? call->why : link_why(call->async->link);
    (void)FAIL_REASON(&err, STATUS_UNAVAILABLE, REASON_REDIS_UNAVAILABLE, "redis: %s", why);
    answer(call, NULL, &err);
}

/* The call is in no place any more. */
static void release(struct pending *call)
{
    call->async->count--;
    redisFreeCommand(call->command);
    free(call);
}

static void fail_later(struct pending *call)
{
    enter(call, PLACE_FAILING);
    event_active(call->async->failure, EV_TIMEOUT, 0);
}

/* Not from inside a callback of hiredis. */
static void reset_later(struct store_async *async)
{
    async->is_misplaced = true;
    event_active(async->failure, EV_TIMEOUT, 0);
}

static void on_reply(redisAsyncContext *redis, void *raw, void *context)
{
    (void)redis;
    struct pending *call = context;
    const redisReply *reply = raw;
    leave(call);
    if (call->answered) { /* late: its failure has been told */
        release(call);
    } else if (reply == NULL) { /* the connection has ended */
        answer_unavailable(call);
        release(call);
    } else if (library_is_missing(reply) && !call->resent) { /* nothing was executed */
        call->resent = true;
        enter(call, PLACE_WAITING);
        link_reload(call->async->link);
    } else {
        if (refusal_is_of_replica(reply))
            reset_later(call->async);
        answer(call, reply, NULL);
        release(call);
    }
}

static void dispatch(struct pending *call)
{
    if (!link_send(call->async->link, call->command, call->command_len, on_reply, call)) {
        fail_later(call);
        return;
    }
    call->sent_ms = clock_mono_ms();
    enter(call, PLACE_SENT);
}

static void on_ready(void *context)
{
    struct store_async *async = context;
    struct pending_list ready;
    take_all(&async->waiting, &ready);
    struct pending *call = NULL;
    while ((call = take_first(&ready)) != NULL)
        dispatch(call);
}

static void on_down(void *context)
{
    struct store_async *async = context;
    struct pending *call = NULL;
    while ((call = take_first(&async->waiting)) != NULL)
        fail_later(call);
}

static void tell_failures(struct store_async *async)
{
    struct pending_list failed; /* not those that fail again from inside a callback */
    take_all(&async->failing, &failed);
    struct pending *call = NULL;
    while ((call = take_first(&failed)) != NULL) {
        answer_unavailable(call);
        release(call);
    }
}

static void on_failure(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct store_async *async = context;
    tell_failures(async);
    if (!async->is_misplaced)
        return;
    async->is_misplaced = false;
    link_reset(async->link, "this Redis is not the primary any more");
}

/* A connection whose oldest call has had no reply for this long is given up. */
static int64_t silence_end_ms(const struct store_async *async, const struct pending *oldest)
{
    return oldest->sent_ms + 2 * async->settings.timeout_ms;
}

static void schedule(struct store_async *async)
{
    const struct pending *next = TAILQ_FIRST(&async->open);
    const struct pending *oldest = TAILQ_FIRST(&async->sent);
    int64_t at_ms = INT64_MAX;
    if (next != NULL)
        at_ms = next->deadline_ms;
    if (oldest != NULL && silence_end_ms(async, oldest) < at_ms)
        at_ms = silence_end_ms(async, oldest);
    if (at_ms == INT64_MAX)
        return;
    int left_ms = clock_left_ms(at_ms);
    struct timeval delay = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000L};
    (void)event_add(async->deadline, &delay);
}

static void expire(struct pending *call)
{
    struct error err = {0};
    (void)FAIL_REASON(&err, STATUS_TIMEOUT, REASON_REDIS_UNAVAILABLE,
                      "redis: no reply within %lld ms",
                      (long long)call->async->settings.timeout_ms);
    bool waiting = call->place == PLACE_WAITING;
    if (waiting)
        leave(call);
    answer(call, NULL, &err);
    if (waiting)
        release(call);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct store_async *async = context;
    int64_t now_ms = clock_mono_ms();
    struct pending *call = TAILQ_FIRST(&async->open);
    while (call != NULL && call->deadline_ms <= now_ms && call->place != PLACE_FAILING) {
        expire(call);
        call = TAILQ_FIRST(&async->open);
    }
    const struct pending *oldest = TAILQ_FIRST(&async->sent);
    if (oldest != NULL && silence_end_ms(async, oldest) <= now_ms)
        link_reset(async->link, "connection is silent");
    schedule(async);
}

static void send_command(struct store_async *async, char *command, size_t len, int64_t deadline_ms,
                         store_reply_fn *callback, void *context);

static enum status init(struct store_async *async, struct event_base *base,
                        const struct store_options *options, struct error *err)
{
    TAILQ_INIT(&async->waiting);
    TAILQ_INIT(&async->sent);
    TAILQ_INIT(&async->failing);
    TAILQ_INIT(&async->open);
    if (settings_init(&async->settings, options, err) != STATUS_OK)
        return error_status(err);
    async->deadline = event_new(base, -1, 0, on_deadline, async);
    async->failure = event_new(base, -1, 0, on_failure, async);
    async->creates = merge_new(async, send_command);
    if (async->deadline == NULL || async->failure == NULL || async->creates == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "store");
    const struct link_events events = {on_ready, on_down, async};
    return link_new(base, &async->settings, &events, &async->link, err);
}

enum status store_async_open(struct event_base *base, const struct store_options *options,
                             struct store_async **ret_async, struct error *err)
{
    struct store_async *async = calloc(1, sizeof(*async));
    if (async == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "store");
    if (init(async, base, options, err) != STATUS_OK) {
        store_async_close(async);
        return error_status(err);
    }
    link_start(async->link);
    *ret_async = async;
    return STATUS_OK;
}

void store_async_set_password(struct store_async *async, const struct secret *password)
{
    async->settings.password = password;
}

bool store_async_is_silent(const struct store_async *async)
{
    const struct pending *oldest = TAILQ_FIRST(&async->sent);
    bool late = oldest != NULL && oldest->answered; /* without a reply: its time is over */
    return late || link_is_silent(async->link);
}

void store_async_close(struct store_async *async)
{
    if (async == NULL)
        return;
    async->closing = true;
    if (async->link != NULL) {
        link_close(async->link); /* what was sent fails from in here */
        on_down(async);
        tell_failures(async);
        link_free(async->link);
    }
    if (async->deadline != NULL)
        event_free(async->deadline);
    if (async->failure != NULL)
        event_free(async->failure);
    merge_free(async->creates);
    settings_done(&async->settings);
    free(async);
}

/* All calls have the same time-out, but merged ones have spent some of it waiting. */
static void enter_open(struct store_async *async, struct pending *call)
{
    struct pending *earlier = TAILQ_LAST(&async->open, pending_list);
    while (earlier != NULL && earlier->deadline_ms > call->deadline_ms)
        earlier = TAILQ_PREV(earlier, pending_list, in_open);
    if (earlier == NULL)
        TAILQ_INSERT_HEAD(&async->open, call, in_open);
    else
        TAILQ_INSERT_AFTER(&async->open, earlier, call, in_open);
}

/* command NULL: no memory. */
static void send_command(struct store_async *async, char *command, size_t len, int64_t deadline_ms,
                         store_reply_fn *callback, void *context)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    if (pending == NULL)
        abort(); /* as hiredis does: the promise of a callback could not be kept */
    pending->async = async;
    pending->command = command;
    pending->command_len = len;
    pending->callback = callback;
    pending->context = context;
    pending->deadline_ms = deadline_ms;
    async->count++;
    enter_open(async, pending);

    if (command == NULL)
        pending->why = "out of memory";
    else if (async->count > STORE_ASYNC_PENDING_MAX)
        pending->why = "too many calls under way";

    if (pending->why != NULL || !(link_is_ready(async->link) || link_is_connecting(async->link)))
        fail_later(pending);
    else if (link_is_ready(async->link))
        dispatch(pending);
    else
        enter(pending, PLACE_WAITING);
    if (event_pending(async->deadline, EV_TIMEOUT, NULL) == 0)
        schedule(async);
}

void store_async_send(struct store_async *async, const struct store_call *call,
                      store_reply_fn *callback, void *context)
{
    assert(!async->closing);
    int64_t deadline_ms = clock_mono_ms() + async->settings.timeout_ms;
    if (call->may_merge && merge_add(async->creates, call, deadline_ms, callback, context))
        return;
    const char *argv[STORE_ARGUMENTS_MAX];
    for (size_t i = 0; i < call->argc; i++)
        argv[i] = call->argv[i];
    char *command = NULL;
    int len = redisFormatCommandArgv(&command, (int)call->argc, argv, NULL);
    send_command(async, len > 0 ? command : NULL, len > 0 ? (size_t)len : 0, deadline_ms, callback,
                 context);
}
