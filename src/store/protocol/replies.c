#include "store/replies.h"

#include "core/cleanup.h"
#include "refusal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status store_reply_nothing(const redisReply *reply, struct error *err)
{
    return refusal_check(reply, err);
}

static enum status wrong_shape(const redisReply *reply, const char *expected, struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "redis: a reply of type %d where %s was expected", reply->type,
                expected);
}

/* A NUL inside would cut the text without anybody noticing. */
static bool is_text(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
           strlen(reply->str) == (size_t)reply->len;
}

enum status store_reply_text(const redisReply *reply, const char **ret_text, struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (!is_text(reply))
        return wrong_shape(reply, "a text", err);
    *ret_text = reply->str;
    return STATUS_OK;
}

/* A record comes as a flat array of field, value, field, value... as from HGETALL. */
typedef enum status set_field_fn(void *record, const char *field, const char *value,
                                 struct error *err);

static enum status read_record(const redisReply *reply, set_field_fn *set_field, void *record,
                               struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 || reply->elements % 2 != 0)
        return wrong_shape(reply, "a record", err);
    for (size_t i = 0; i < reply->elements; i += 2) {
        const redisReply *field = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        if (!is_text(field) || !is_text(value))
            return wrong_shape(value, "a record of texts", err);
        if (set_field(record, field->str, value->str, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

/* Without its id a record is no record: a hash of the same name that somebody else made. */
static enum status require_id(const char *id, const char *noun, struct error *err)
{
    return id[0] != '\0' ? STATUS_OK : FAIL(err, STATUS_CORRUPT, "redis: %s without an id", noun);
}

static enum status set_backup(void *record, const char *field, const char *value, struct error *err)
{
    return backup_set_field(record, field, value, err);
}

/* What the record owns goes along with it. */
static void give_backup(struct backup *from, struct backup *to)
{
    *to = *from;
    *from = (struct backup){0};
}

/* A record does not say so when it has not changed since it was made. */
static void settle_modified(struct backup *backup)
{
    if (backup->modified_ms == 0)
        backup->modified_ms = backup->created_ms;
}

enum status store_reply_backup(const redisReply *reply, struct backup *ret_backup,
                               struct error *err)
{
    CLEANUP(backup_done) struct backup backup = {0};
    if (backup_init(&backup, err) != STATUS_OK)
        return err->status;
    if (read_record(reply, set_backup, &backup, err) != STATUS_OK)
        return err->status;
    if (require_id(backup.id, "a backup", err) != STATUS_OK)
        return err->status;
    settle_modified(&backup);
    give_backup(&backup, ret_backup);
    return STATUS_OK;
}

enum status store_reply_backup_created(const redisReply *reply, struct backup *backup,
                                       struct error *err)
{
    if (read_record(reply, set_backup, backup, err) != STATUS_OK)
        return err->status;
    if (*backup->name == '\0' || *backup->bucket == '\0' || backup->created_ms == 0)
        return FAIL(err, STATUS_CORRUPT, "redis: a new backup without a name, bucket or time");
    settle_modified(backup);
    return STATUS_OK;
}

static bool belongs_to(const struct backup *backup, const char *account, const char *app)
{
    return (account == NULL || strcmp(backup->account, account) == 0) &&
           (app == NULL || strcmp(backup->app, app) == 0);
}

enum status store_reply_backup_record(const redisReply *reply, const char *account, const char *app,
                                      struct backup *ret_backup, struct error *err)
{
    CLEANUP(backup_done) struct backup backup = {0};
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    bool is_there = reply->type != REDIS_REPLY_ARRAY || reply->elements > 0;
    if (is_there && store_reply_backup(reply, &backup, err) != STATUS_OK)
        return err->status;
    if (!is_there || !belongs_to(&backup, account, app))
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_UNKNOWN_BACKUP,
                           "there is no such backup here");
    give_backup(&backup, ret_backup);
    return STATUS_OK;
}

/* By the one that an earlier request has made. */
static enum status replace_backup(const redisReply *reply, struct backup *backup, struct error *err)
{
    struct backup earlier = {0};
    if (store_reply_backup(reply, &earlier, err) != STATUS_OK)
        return err->status;
    backup_done(backup);
    give_backup(&earlier, backup);
    return STATUS_OK;
}

enum status store_reply_backup_once(const redisReply *reply, struct backup *backup,
                                    bool *ret_repeated, struct error *err)
{
    const char *repeated = NULL;
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return wrong_shape(reply, "a flag and a record", err);
    if (store_reply_text(reply->element[0], &repeated, err) != STATUS_OK)
        return err->status;
    *ret_repeated = strcmp(repeated, "1") == 0;
    return *ret_repeated ? replace_backup(reply->element[1], backup, err)
                         : store_reply_backup_created(reply->element[1], backup, err);
}

enum status store_reply_backup_page(const redisReply *reply, struct store_backup_page *ret_page,
                                    struct error *err)
{
    const char *next = NULL;
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return wrong_shape(reply, "a cursor and a list", err);
    if (store_reply_text(reply->element[0], &next, err) != STATUS_OK)
        return err->status;
    if (strlen(next) >= sizeof(ret_page->next))
        return FAIL(err, STATUS_CORRUPT, "redis: the cursor of a page has %zu bytes", strlen(next));
    (void)snprintf(ret_page->next, sizeof(ret_page->next), "%s", next);
    ret_page->backups = reply->element[1];
    return STATUS_OK;
}

static enum status set_task(void *record, const char *field, const char *value, struct error *err)
{
    return task_set_field(record, field, value, err);
}

static void give_task(struct task *from, struct task *to)
{
    *to = *from;
    *from = (struct task){0};
}

enum status store_reply_task(const redisReply *reply, struct task *ret_task, struct error *err)
{
    CLEANUP(task_done) struct task task = {.state = BACKUP_STATE_UNSET};
    if (task_init(&task, err) != STATUS_OK)
        return err->status;
    if (read_record(reply, set_task, &task, err) != STATUS_OK)
        return err->status;
    if (require_id(task.id, "a task", err) != STATUS_OK)
        return err->status;
    give_task(&task, ret_task);
    return STATUS_OK;
}

static enum status set_app(void *record, const char *field, const char *value, struct error *err)
{
    return app_set_field(record, field, value, err);
}

enum status store_reply_app(const redisReply *reply, struct app *ret_app, struct error *err)
{
    struct app app = {0};
    if (read_record(reply, set_app, &app, err) != STATUS_OK)
        return err->status;
    if (require_id(app.id, "an app", err) != STATUS_OK)
        return err->status;
    *ret_app = app;
    return STATUS_OK;
}

static enum status set_bucket(void *record, const char *field, const char *value, struct error *err)
{
    return bucket_set_field(record, field, value, err);
}

static void give_bucket(struct bucket *from, struct bucket *to)
{
    *to = *from;
    *from = (struct bucket){0};
}

enum status store_reply_bucket(const redisReply *reply, struct bucket *ret_bucket,
                               struct error *err)
{
    CLEANUP(bucket_done) struct bucket bucket = {0};
    if (read_record(reply, set_bucket, &bucket, err) != STATUS_OK)
        return err->status;
    if (require_id(bucket.id, "a bucket", err) != STATUS_OK)
        return err->status;
    give_bucket(&bucket, ret_bucket);
    return STATUS_OK;
}

enum status store_reply_count(const redisReply *reply, size_t *ret_count, struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (reply->type != REDIS_REPLY_ARRAY)
        return wrong_shape(reply, "a list", err);
    *ret_count = reply->elements;
    return STATUS_OK;
}

static enum status set_node(void *record, const char *field, const char *value, struct error *err)
{
    return node_set_field(record, field, value, err);
}

enum status store_reply_node(const redisReply *reply, struct node *ret_node, struct error *err)
{
    struct node node = {0};
    if (read_record(reply, set_node, &node, err) != STATUS_OK)
        return err->status;
    if (require_id(node.name, "a node", err) != STATUS_OK)
        return err->status;
    *ret_node = node;
    return STATUS_OK;
}

static enum status set_job(void *record, const char *field, const char *value, struct error *err)
{
    return job_set_field(record, field, value, err);
}

enum status store_reply_job(const redisReply *reply, struct job *ret_job, bool *ret_found,
                            struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return err->status;
    if (reply->type == REDIS_REPLY_NIL) {
        *ret_found = false;
        return STATUS_OK;
    }
    struct job job = {0};
    if (read_record(reply, set_job, &job, err) != STATUS_OK)
        return err->status;
    if (require_id(job.id, "a job", err) != STATUS_OK)
        return err->status;
    *ret_job = job;
    *ret_found = true;
    return STATUS_OK;
}

enum status store_reply_lease(const redisReply *reply, enum store_lease *ret_lease,
                              struct error *err)
{
    const char *text = "";
    if (store_reply_text(reply, &text, err) != STATUS_OK)
        return err->status;
    static const char *const names[] = {
        [STORE_LEASE_OK] = "ok", [STORE_LEASE_CANCEL] = "cancel", [STORE_LEASE_LATE] = "late"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        *ret_lease = (enum store_lease)i;
        return STATUS_OK;
    }
    return FAIL(err, STATUS_CORRUPT, "redis: '%s' is not the answer to a renewal", text);
}

static enum status read_number(const char *field, const char *text, int64_t *ret_number,
                               struct error *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return FAIL(err, STATUS_CORRUPT, "redis: %s is '%s', which is no number", field, text);
    *ret_number = number;
    return STATUS_OK;
}

static enum status set_figure(const struct store_figure *figure, void *member, const char *value,
                              struct error *err)
{
    switch (figure->kind) {
    case STORE_FIGURE_FLAG:
        *(bool *)member = strcmp(value, "1") == 0;
        return STATUS_OK;
    case STORE_FIGURE_NUMBER:
        return read_number(figure->name, value, member, err);
    case STORE_FIGURE_TEXT:
        break;
    }
    if (strlen(value) >= figure->size)
        return FAIL(err, STATUS_CORRUPT, "redis: '%s' is no %s", value, figure->name);
    memcpy(member, value, strlen(value) + 1);
    return STATUS_OK;
}

static enum status set_health(void *record, const char *field, const char *value, struct error *err)
{
    for (size_t i = 0; i < STORE_FIGURES; i++) {
        const struct store_figure *figure = &store_figures[i];
        if (strcmp(figure->name, field) == 0)
            return set_figure(figure, (char *)record + figure->offset, value, err);
    }
    return STATUS_OK;
}

enum status store_reply_health(const redisReply *reply, struct store_health *ret_health,
                               struct error *err)
{
    struct store_health health = {0};
    if (read_record(reply, set_health, &health, err) != STATUS_OK)
        return err->status;
    *ret_health = health;
    return STATUS_OK;
}
