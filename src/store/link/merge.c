#include "merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { FUNCTION_ARGUMENTS = 3, HEADER_MAX = 128 }; /* FCALL name 0 */

enum { GROUPS_MAX = 2 };

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

/* Members that are under way as one call. */
struct group {
    struct merge *merge;
    struct member_list members; /* in the order of the replies */
    size_t count;               /* 0: not in use */
};

struct merge {
    struct store_async *async;
    merge_send_fn *send;
    struct member_list waiting;
    size_t waiting_count;
    struct group groups[GROUPS_MAX];
    size_t group_count; /* in use */
};

struct merge *merge_new(struct store_async *async, merge_send_fn *send)
{
    struct merge *merge = calloc(1, sizeof(*merge));
    if (merge == NULL)
        return NULL;
    merge->async = async;
    merge->send = send;
    STAILQ_INIT(&merge->waiting);
    for (size_t i = 0; i < GROUPS_MAX; i++) {
        merge->groups[i].merge = merge;
        STAILQ_INIT(&merge->groups[i].members);
    }
    return merge;
}

void merge_free(struct merge *merge)
{
    if (merge == NULL)
        return;
    assert(merge->waiting_count == 0 && merge->group_count == 0);
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

static void fail_all(struct member_list *list, const struct error *err)
{
    struct member *member = NULL;
    while ((member = take_first(list)) != NULL)
        answer(member, NULL, err);
}

static struct group *free_group(struct merge *merge)
{
    size_t i = 0;
    while (merge->groups[i].count > 0)
        i++;
    assert(i < GROUPS_MAX);
    return &merge->groups[i];
}

/* Moves the next members to go to the group; returns the size of their arguments. */
static size_t board(struct merge *merge, struct group *group)
{
    size_t bytes = 0;
    struct member *member = NULL;
    while ((member = STAILQ_FIRST(&merge->waiting)) != NULL && group->count < MERGE_CALLS_MAX &&
           (bytes == 0 || bytes + member->len <= MERGE_BYTES_MAX)) {
        STAILQ_REMOVE_HEAD(&merge->waiting, next);
        STAILQ_INSERT_TAIL(&group->members, member, next);
        merge->waiting_count--;
        group->count++;
        bytes += member->len;
    }
    merge->group_count++;
    return bytes;
}

/* NULL: no memory. */
static char *write_command(const struct group *group, size_t bytes, size_t *ret_len)
{
    char *command = malloc(HEADER_MAX + bytes);
    if (command == NULL)
        return NULL;
    const struct member *first = STAILQ_FIRST(&group->members);
    int header = snprintf(command, HEADER_MAX, "*%zu\r\n$5\r\nFCALL\r\n$%zu\r\n%s\r\n$1\r\n0\r\n",
                          FUNCTION_ARGUMENTS + group->count * first->count, strlen(first->function),
                          first->function);
    assert(header > 0 && header < HEADER_MAX);
    char *end = command + header;
    const struct member *member = NULL;
    STAILQ_FOREACH(member, &group->members, next)
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
    struct group *group = free_group(merge);
    size_t len = 0;
    char *command = write_command(group, board(merge, group), &len);
    if (command == NULL)
        abort(); /* as hiredis does: the promise of a callback could not be kept */
    merge->send(merge->async, command, len, STAILQ_FIRST(&group->members)->deadline_ms, on_reply,
                group);
}

static void depart_if_due(struct merge *merge)
{
    size_t enough = merge->group_count == 0 ? 1 : MERGE_FOLLOW_MIN;
    if (merge->group_count < GROUPS_MAX && merge->waiting_count >= enough)
        depart(merge);
}

/* A single member gets the reply itself, and so do all when the call was refused as a whole. */
static const redisReply *reply_of(const redisReply *reply, size_t number, size_t count)
{
    bool is_shared = count > 1 && reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
    return is_shared ? reply->element[number] : reply;
}

static void answer_all(struct member_list *list, size_t count, const redisReply *reply)
{
    for (size_t i = 0; i < count; i++)
        answer(take_first(list), reply_of(reply, i, count), NULL);
}

static void move_all(struct member_list *from, struct member_list *to)
{
    struct member *member = NULL;
    while ((member = take_first(from)) != NULL)
        STAILQ_INSERT_TAIL(to, member, next);
}

/* Its members go to the list; the group may be used again. */
static void disband(struct group *group, struct member_list *members)
{
    STAILQ_INIT(members);
    move_all(&group->members, members);
    group->count = 0;
    group->merge->group_count--;
}

static void on_reply(void *context, const redisReply *reply, const struct error *err)
{
    struct group *group = context;
    struct merge *merge = group->merge;
    size_t count = group->count;
    struct member_list members;
    disband(group, &members);
    if (err != NULL) {
        move_all(&merge->waiting, &members);
        merge->waiting_count = 0;
        fail_all(&members, err);
        return;
    }
    depart_if_due(merge); /* before the answers are written: Redis works meanwhile */
    answer_all(&members, count, reply);
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
    merge->waiting_count++;
    depart_if_due(merge);
    return true;
}
