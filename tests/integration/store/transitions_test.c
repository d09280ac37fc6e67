/*
 * Every pair of (state, event) of a backup and of a task, against src/model/states.yaml. A pair is
 * brought about through the functions: the state is forced into the record, then the call that
 * stands for the event is made.
 */
#include "model/transitions.h"

#include "scenario.h"

#include <criterion/parameterized.h>

TestSuite(transition, .init = start, .fini = stop, .timeout = 60);

enum cause {
    CREATE, /* a second time, with the same id */
    DISCOVER,
    RUN,
    COMPLETE,
    FAIL_,
    CANCEL,
    RETRY,
    RELEASE,
    DIE,
    DELETE_WAITING, /* while its job waits */
    DELETE_CLAIMED,
    DELETED, /* its delete job has done so */
    UNDELETABLE,
    AGAIN, /* an admin tries it again */
    CAUSES
};

/* What the causes are as events. A backup that no worker has ever had is withdrawn instead. */
static const char *const events[CAUSES] = {
    [CREATE] = "create",
    [DISCOVER] = "discover",
    [RUN] = "run",
    [COMPLETE] = "complete",
    [FAIL_] = "fail",
    [CANCEL] = "cancel",
    [RETRY] = "requeue",
    [RELEASE] = "requeue",
    [DIE] = "requeue",
    [DELETE_WAITING] = "delete",
    [DELETE_CLAIMED] = "delete",
    [DELETED] = "purge",
    [UNDELETABLE] = "keep",
    [AGAIN] = "retry",
};

/* The state afterwards; NULL: the event is refused. */
static const char *expected(const struct transition *transitions, size_t count, const char *from,
                            const char *event)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(transitions[i].from, from) == 0 && strcmp(transitions[i].event, event) == 0)
            return transitions[i].to;
    return NULL;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXPECTED(transitions, from, event) \
    expected((transitions), COUNT(transitions), (from), (event))

static enum status die(const struct job *job, struct error *err)
{
    const struct store_death death = {
        .evidence = "killed by signal 9", .kills_max = KILLS_MAX, .delay_ms = 0};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    enum status status = store_job_died(store, job, &death, &verdict, err);
    if (status == STATUS_OK && verdict == STORE_VERDICT_NONE) /* a dead job is never refused */
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_ILLEGAL_TRANSITION, "left alone");
    return status;
}

static enum status try_again(const char *id, struct error *err)
{
    const struct store_lever lever = {.actor = ACTOR};
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_retry(&call, id, &lever);
    return run_call(&call, &reply, err);
}

static enum status bring_about(enum cause cause, const struct made *made, const struct job *job,
                               struct error *err)
{
    switch (cause) {
    case CREATE:
        return create(made->id, NOBODY, SHOP, "another-name", err);
    case DISCOVER:
        return advance(job, BACKUP_DISCOVERING, err);
    case RUN:
        return advance(job, BACKUP_RUNNING, err);
    case COMPLETE:
    case DELETED:
        return finish(job, STORE_OUTCOME_COMPLETED, "", err);
    case FAIL_:
    case UNDELETABLE:
        return finish(job, STORE_OUTCOME_FAILED, "no such path", err);
    case CANCEL:
        return finish(job, STORE_OUTCOME_CANCELED, "asked to stop", err);
    case RETRY:
        return finish(job, STORE_OUTCOME_RETRY, "bucket unreachable", err);
    case RELEASE:
        return finish(job, STORE_OUTCOME_RELEASED, "stopping", err);
    case DIE:
        return die(job, err);
    case DELETE_WAITING:
    case DELETE_CLAIMED:
        return delete (made->id, err);
    case AGAIN:
        return try_again(made->id, err);
    case CAUSES:
        break;
    }
    return STATUS_INTERNAL;
}

/* A backup in the given state, whose job is claimed unless the cause needs it to wait. */
static struct made arrange_backup(const char *from, enum cause cause, struct job *ret_job)
{
    struct made made = make(SHOP, "nightly");
    if (cause != DELETE_WAITING)
        *ret_job = claim();
    if (cause == DELETED || cause == UNDELETABLE)
        (void)look("HSET appbackup:job:%s kind delete", made.job);
    (void)look("ZREM appbackup:state:pending %s", made.id);
    (void)look("ZADD appbackup:state:%s 1 %s", from, made.id);
    (void)look("HSET appbackup:backup:%s state %s", made.id, from);
    return made;
}

static void check_index(const char *id, const char *state)
{
    for (size_t i = 0; i < COUNT(backup_states); i++) {
        const char *score = look("ZSCORE appbackup:state:%s %s", backup_states[i], id);
        bool is_there = score[0] != '\0';
        cr_expect(eq(int, is_there, strcmp(backup_states[i], state) == 0), "in state:%s while %s",
                  backup_states[i], state);
    }
}

static void check_answer(const char *to, enum status status, const struct error *err,
                         const char *refusal, const char *pair)
{
    if (to != NULL) {
        cr_expect(eq(int, (int)status, (int)STATUS_OK), "%s: %s", pair, err->text);
    } else {
        cr_expect(eq(int, (int)status, (int)STATUS_CONFLICT), "%s", pair);
        cr_expect(eq(str, (char *)err->reason, (char *)refusal), "%s", pair);
    }
}

static void check_backup(const char *from, enum cause cause)
{
    char pair[64];
    struct job job = {0};
    struct made made = arrange_backup(from, cause, &job);
    bool deletes = cause == DELETE_WAITING || cause == DELETE_CLAIMED;
    bool is_untouched = cause == DELETE_WAITING && strcmp(from, "pending") == 0;
    const char *event = is_untouched ? "withdraw" : events[cause];
    const char *to = EXPECTED(backup_transitions, from, event);
    const char *refusal =
        deletes && strcmp(from, "deleting") == 0 ? "already_deleting" : "illegal_transition";
    struct error err = {0};
    (void)snprintf(pair, sizeof(pair), "%s, %s (%d)", from, event, (int)cause);

    enum status status = bring_about(cause, &made, &job, &err);

    check_answer(to, status, &err, refusal, pair);
    to = to == NULL ? from : to;
    bool gone = strcmp(to, "gone") == 0;
    cr_expect(eq(str, (char *)backup_field(made.id, "state"), (char *)(gone ? "" : to)), "%s",
              pair);
    check_index(made.id, to);
}

static void check_task(const char *from, enum cause cause)
{
    char pair[64];
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim();
    const char *to = EXPECTED(task_transitions, from, events[cause]);
    struct error err = {0};
    (void)look("HSET appbackup:task:%s state %s", made.id, from);
    if (strcmp(from, "failed") == 0)
        (void)look("SREM appbackup:active-tasks:%s %s", SHOP, made.id);
    (void)snprintf(pair, sizeof(pair), "%s, %s (%d)", from, events[cause], (int)cause);

    enum status status = bring_about(cause, &made, &job, &err);

    check_answer(to, status, &err, "illegal_transition", pair);
    cr_expect(eq(str, (char *)task_field(made.id, "state"), (char *)(to == NULL ? from : to)), "%s",
              pair);
}

static void begin_again(void)
{
    (void)look("FLUSHDB");
    register_world();
}

/* The number of a state: a parameter could not hold texts, since they move. */
#define EACH_STATE(states)                     \
    static int numbers[COUNT(states)];         \
    for (size_t i = 0; i < COUNT(states); i++) \
        numbers[i] = (int)i;                   \
    return cr_make_param_array(int, numbers, COUNT(states))

ParameterizedTestParameters(transition, of_a_backup_is_as_declared)
{
    EACH_STATE(backup_states);
}

ParameterizedTest(int *state, transition, of_a_backup_is_as_declared)
{
    for (int cause = 0; cause < CAUSES; cause++) {
        check_backup(backup_states[*state], (enum cause)cause);
        begin_again();
    }
}

ParameterizedTestParameters(transition, of_a_task_is_as_declared)
{
    EACH_STATE(task_states);
}

/* Its id cannot be given to another, and it is not deleted. */
ParameterizedTest(int *state, transition, of_a_task_is_as_declared)
{
    for (int cause = DISCOVER; cause < CAUSES; cause++) {
        if (cause >= DELETE_WAITING && cause <= UNDELETABLE)
            continue;
        check_task(task_states[*state], (enum cause)cause);
        begin_again();
    }
}
