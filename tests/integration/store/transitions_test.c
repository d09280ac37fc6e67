/*
 * Every pair of (state, event), against a list that was written apart from the library's table.
 * A pair is brought about through the functions: the state is forced into the record, then the
 * call that stands for the event is made.
 */
#include "scenario.h"

TestSuite(transition, .init = start, .fini = stop, .timeout = 60);

static const char *const states[] = {"pending", "discovering", "running", "completed",
                                     "failed",  "removed",     "unknown", "deleting"};

enum { STATES = sizeof(states) / sizeof(states[0]) };

enum event {
    CREATE,   /* a second time, with the same id */
    DISCOVER, /* the rest: as the comment in front of `legal` has them */
    RUN,
    COMPLETE,
    FAIL_,
    CANCEL,
    RETRY,
    RELEASE,
    DIE,
    DELETE_WAITING,
    DELETE_CLAIMED,
    DELETED,
    UNDELETABLE,
    AGAIN, /* an admin tries it again */
    EVENTS
};

/*
 * advance to discovering, advance to running; finish: completed, failed, canceled, retry, released;
 * died; DELETE with the job waiting, with the job claimed; the delete job finishes: completed,
 * failed. "gone": the record is not there afterwards.
 */
static const struct {
    const char *from;
    enum event event;
    const char *to;
} legal[] = {
    {"pending", DISCOVER, "discovering"},
    {"pending", FAIL_, "failed"},
    {"pending", CANCEL, "failed"},
    {"pending", RETRY, "pending"},
    {"pending", RELEASE, "pending"},
    {"pending", DIE, "pending"},
    {"pending", DELETE_WAITING, "gone"},
    {"pending", DELETE_CLAIMED, "deleting"},
    {"discovering", RUN, "running"},
    {"discovering", FAIL_, "failed"},
    {"discovering", CANCEL, "failed"},
    {"discovering", RETRY, "pending"},
    {"discovering", RELEASE, "pending"},
    {"discovering", DIE, "pending"},
    {"discovering", DELETE_WAITING, "deleting"},
    {"discovering", DELETE_CLAIMED, "deleting"},
    {"running", COMPLETE, "completed"},
    {"running", FAIL_, "failed"},
    {"running", CANCEL, "failed"},
    {"running", RETRY, "pending"},
    {"running", RELEASE, "pending"},
    {"running", DIE, "pending"},
    {"running", DELETE_WAITING, "deleting"},
    {"running", DELETE_CLAIMED, "deleting"},
    {"completed", DELETE_WAITING, "deleting"},
    {"completed", DELETE_CLAIMED, "deleting"},
    {"failed", DELETE_WAITING, "deleting"},
    {"failed", DELETE_CLAIMED, "deleting"},
    {"removed", DELETE_WAITING, "deleting"},
    {"removed", DELETE_CLAIMED, "deleting"},
    {"unknown", DELETE_WAITING, "deleting"},
    {"unknown", DELETE_CLAIMED, "deleting"},
    {"deleting", COMPLETE, "deleting"},
    {"deleting", FAIL_, "gone"},
    {"deleting", CANCEL, "gone"},
    {"deleting", RETRY, "deleting"},
    {"deleting", RELEASE, "deleting"},
    {"deleting", DIE, "deleting"},
    {"deleting", DELETED, "gone"},
    {"deleting", UNDELETABLE, "failed"},
    {"failed", AGAIN, "pending"},
};

static const char *expected(const char *from, enum event event)
{
    for (size_t i = 0; i < sizeof(legal) / sizeof(legal[0]); i++)
        if (strcmp(legal[i].from, from) == 0 && legal[i].event == event)
            return legal[i].to;
    return NULL;
}

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

static enum status bring_about(enum event event, const struct made *made, const struct job *job,
                               struct error *err)
{
    switch (event) {
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
    case EVENTS:
        break;
    }
    return STATUS_INTERNAL;
}

/* A backup in the given state, whose job is claimed unless the event needs it to wait. */
static struct made arrange(const char *from, enum event event, struct job *ret_job)
{
    struct made made = make(SHOP, "nightly");
    if (event != DELETE_WAITING)
        *ret_job = claim();
    if (event == DELETED || event == UNDELETABLE)
        (void)look("HSET appbackup:job:%s kind delete", made.job);
    (void)look("ZREM appbackup:state:pending %s", made.id);
    (void)look("ZADD appbackup:state:%s 1 %s", from, made.id);
    (void)look("HSET appbackup:backup:%s state %s", made.id, from);
    return made;
}

static void check_index(const char *id, const char *state)
{
    for (size_t i = 0; i < STATES; i++) {
        const char *score = look("ZSCORE appbackup:state:%s %s", states[i], id);
        bool is_there = score[0] != '\0';
        cr_expect(eq(int, is_there, strcmp(states[i], state) == 0), "in state:%s while %s",
                  states[i], state);
    }
}

static void check_pair(const char *from, enum event event)
{
    struct job job = {0};
    struct made made = arrange(from, event, &job);
    const char *to = expected(from, event);
    struct error err = {0};

    enum status status = bring_about(event, &made, &job, &err);

    if (to != NULL) {
        cr_expect(eq(int, (int)status, (int)STATUS_OK), "%s, event %d: %s", from, (int)event,
                  err.text);
    } else {
        bool deleting =
            strcmp(from, "deleting") == 0 && (event == DELETE_WAITING || event == DELETE_CLAIMED);
        cr_expect(eq(int, (int)status, (int)STATUS_CONFLICT), "%s, event %d", from, (int)event);
        cr_expect(
            eq(str, err.reason, (char *)(deleting ? "already_deleting" : "illegal_transition")),
            "%s, event %d", from, (int)event);
        to = from;
    }
    bool gone = strcmp(to, "gone") == 0;
    cr_expect(eq(str, (char *)backup_field(made.id, "state"), (char *)(gone ? "" : to)),
              "%s, event %d", from, (int)event);
    check_index(made.id, to);
}

/* One test for each state; an array of parameters could not hold texts (they move). */
#define EVERY_EVENT_IN(number, name)                               \
    Test(transition, meets_every_event_in_##name)                  \
    {                                                              \
        cr_assert(eq(str, (char *)states[number], (char *)#name)); \
        for (int event = 0; event < EVENTS; event++) {             \
            check_pair(states[number], (enum event)event);         \
            (void)look("FLUSHDB");                                 \
            register_world();                                      \
        }                                                          \
    }

EVERY_EVENT_IN(0, pending)
EVERY_EVENT_IN(1, discovering)
EVERY_EVENT_IN(2, running)
EVERY_EVENT_IN(3, completed)
EVERY_EVENT_IN(4, failed)
EVERY_EVENT_IN(5, removed)
EVERY_EVENT_IN(6, unknown)
EVERY_EVENT_IN(7, deleting)
