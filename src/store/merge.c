#include "merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { FUNCTION_ARGUMENTS = 3, HEADER_MAX = 128 }; /* FCALL name 0 */

struct member {
    STAILQ_ENTRY(member) next;
    char *command; /* its arguments as RESP, behind the header of an array; hiredis' memory */
    const char *arguments;
    size_t len;
    size_t count;
    const char *function; /* a literal of the call's builder */
    int64_t deadline_ms;
    store_reply_fn *callback;
    void *context;
};

STAILQ_HEAD(member_list, member);

struct merge {
    struct store_async *async;
    merge_send_fn *send;
    struct member_list waiting;
    struct member_list sent; /* in the order of the replies */
    size_t sent_count;
};

struct merge *merge_new(struct store_async *async, merge_send_fn *send)
{
    struct merge *merge = calloc(1, sizeof(*merge));
    if (merge == NULL)
        return NULL;
    merge->async = async;
    merge->send = send;
    STAILQ_INIT(&merge->waiting);
    STAILQ_INIT(&merge->sent);
    return merge;
}

void merge_free(struct merge *merge)
{
    if (merge == NULL)
        return;
    assert(STAILQ_EMPTY(&merge->waiting) && STAILQ_EMPTY(&merge->sent));
    free(merge);
}

static void answer(struct member *member, const redisReply *reply, const struct error *err)
{
    member->callback(member->context, reply, err);
    redisFreeCommand(member->command);
    free(member);
}

/* NULL: the list is empty. */
static struct member *take_first(struct member_list *list)
{
    struct member *member = STAILQ_FIRST(list);
    if (member != NULL)
        STAILQ_REMOVE_HEAD(list, next);
    return member;
}

static void move_all(struct member_list *from, struct member_list *to)
{
    struct member *member = NULL;
    while ((member = take_first(from)) != NULL)
        STAILQ_INSERT_TAIL(to, member, next);
}

static void fail_all(struct member_list *list, const struct error *err)
{
    struct member *member = NULL;
    while ((member = take_first(list)) != NULL)
        answer(member, NULL, err);
}

/* Moves the next members to go to merge->sent; returns the size of their arguments. */
static size_t board(struct merge *merge)
{
    size_t bytes = 0;
    merge->sent_count = 0;
    struct member *member = NULL;
    while ((member = STAILQ_FIRST(&merge->waiting)) != NULL &&
           merge->sent_count < MERGE_CALLS_MAX &&
           (bytes == 0 || bytes + member->len <= MERGE_BYTES_MAX)) {
        STAILQ_REMOVE_HEAD(&merge->waiting, next);
        STAILQ_INSERT_TAIL(&merge->sent, member, next);
        merge->sent_count++;
        bytes += member->len;
    }
    return bytes;
}

/* NULL: no memory. */
static char *write_command(const struct merge *merge, size_t bytes, size_t *ret_len)
{
    char *command = malloc(HEADER_MAX + bytes);
    if (command == NULL)
        return NULL;
    const struct member *first = STAILQ_FIRST(&merge->sent);
    int header = snprintf(command, HEADER_MAX, "*%zu\r\n$5\r\nFCALL\r\n$%zu\r\n%s\r\n$1\r\n0\r\n",
                          FUNCTION_ARGUMENTS + merge->sent_count * first->count,
                          strlen(first->function), first->function);
    assert(header > 0 && header < HEADER_MAX);
    char *end = command + header;
    const struct member *member = NULL;
    STAILQ_FOREACH(member, &merge->sent, next)
    {
        memcpy(end, member->arguments, member->len);
        end += member->len;
    }
    *ret_len = (size_t)(end - command);
    return command;
}

static void on_reply(void *context, const redisReply *reply, const struct error *err);

static void depart(struct merge *merge)
{
    size_t len = 0;
    char *command = write_command(merge, board(merge), &len);
    if (command == NULL)
        abort(); /* as hiredis does: the promise of a callback could not be kept */
    merge->send(merge->async, command, len, STAILQ_FIRST(&merge->sent)->deadline_ms, on_reply,
                merge);
}

/* Of the members that were sent; a single one gets the reply itself, and so do all when the call
 * was refused as a whole. */
static const redisReply *reply_of(const redisReply *reply, size_t number, size_t count)
{
    bool is_shared = count > 1 && reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
    return is_shared ? reply->element[number] : reply;
}

static void answer_sent(struct member_list *sent, size_t count, const redisReply *reply)
{
    for (size_t i = 0; i < count; i++)
        answer(take_first(sent), reply_of(reply, i, count), NULL);
}

static void on_reply(void *context, const redisReply *reply, const struct error *err)
{
    struct merge *merge = context;
    size_t count = merge->sent_count;
    struct member_list sent;
    STAILQ_INIT(&sent);
    move_all(&merge->sent, &sent);
    if (err != NULL) {
        move_all(&merge->waiting, &sent);
        fail_all(&sent, err);
        return;
    }
    if (!STAILQ_EMPTY(&merge->waiting))
        depart(merge); /* before the answers are written: Redis works meanwhile */
    answer_sent(&sent, count, reply);
}

static bool format(struct member *member, const struct store_call *call)
{
    const char *argv[STORE_ARGUMENTS_MAX];
    member->function = call->argv[1];
    member->count = call->argc - FUNCTION_ARGUMENTS;
    for (size_t i = 0; i < member->count; i++)
        argv[i] = call->argv[FUNCTION_ARGUMENTS + i];
    int len = redisFormatCommandArgv(&member->command, (int)member->count, argv, NULL);
    if (len <= 0)
        return false;
    const char *header_end = strchr(member->command, '\n');
    assert(header_end != NULL);
    member->arguments = header_end + 1;
    member->len = (size_t)(member->command + len - member->arguments);
    return true;
}

bool merge_add(struct merge *merge, const struct store_call *call, int64_t deadline_ms,
               store_reply_fn *callback, void *context)
{
    struct member *member = calloc(1, sizeof(*member));
    if (member == NULL || !format(member, call)) {
        free(member);
        return false;
    }
    member->deadline_ms = deadline_ms;
    member->callback = callback;
    member->context = context;
    STAILQ_INSERT_TAIL(&merge->waiting, member, next);
    if (STAILQ_EMPTY(&merge->sent))
        depart(merge);
    return true;
}
