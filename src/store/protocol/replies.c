#include "store/replies.h"

#include "core/cleanup.h"
#include "refusal.h"
#include "shapes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status store_reply_nothing(const redisReply *reply, struct error *err)
{
    return refusal_check(reply, err);
}

enum status store_reply_text(const redisReply *reply, const char **ret_text, struct error *err)
{
    return reply_text(reply, ret_text, err);
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
        return error_status(err);
    if (reply_record(reply, set_backup, &backup, err) != STATUS_OK)
        return error_status(err);
    if (reply_require(backup.id, "a backup", err) != STATUS_OK)
        return error_status(err);
    settle_modified(&backup);
    give_backup(&backup, ret_backup);
    return STATUS_OK;
}

enum status store_reply_backup_created(const redisReply *reply, struct backup *backup,
                                       struct error *err)
{
    if (reply_record(reply, set_backup, backup, err) != STATUS_OK)
        return error_status(err);
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
        return error_status(err);
    bool is_there = reply->type != REDIS_REPLY_ARRAY || reply->elements > 0;
    if (is_there && store_reply_backup(reply, &backup, err) != STATUS_OK)
        return error_status(err);
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
        return error_status(err);
    backup_done(backup);
    give_backup(&earlier, backup);
    return STATUS_OK;
}

enum status store_reply_backup_once(const redisReply *reply, struct backup *backup,
                                    bool *ret_repeated, struct error *err)
{
    const char *repeated = NULL;
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return reply_wrong_shape(reply, "a flag and a record", err);
    if (store_reply_text(reply->element[0], &repeated, err) != STATUS_OK)
        return error_status(err);
    *ret_repeated = strcmp(repeated, "1") == 0;
    return *ret_repeated ? replace_backup(reply->element[1], backup, err)
                         : store_reply_backup_created(reply->element[1], backup, err);
}

enum status store_reply_backup_page(const redisReply *reply, struct store_backup_page *ret_page,
                                    struct error *err)
{
    const char *next = NULL;
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return reply_wrong_shape(reply, "a cursor and a list", err);
    if (store_reply_text(reply->element[0], &next, err) != STATUS_OK)
        return error_status(err);
    if (strlen(next) >= sizeof(ret_page->next))
        return FAIL(err, STATUS_CORRUPT, "redis: the cursor of a page has %zu bytes", strlen(next));
    (void)snprintf(ret_page->next, sizeof(ret_page->next), "%s", next);
    ret_page->backups = reply->element[1];
    return STATUS_OK;
}

enum status store_reply_count(const redisReply *reply, size_t *ret_count, struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (reply->type != REDIS_REPLY_ARRAY)
        return reply_wrong_shape(reply, "a list", err);
    *ret_count = reply->elements;
    return STATUS_OK;
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

enum status store_reply_number(const redisReply *reply, int64_t *ret_number, struct error *err)
{
    const char *text = NULL;
    if (store_reply_text(reply, &text, err) != STATUS_OK)
        return error_status(err);
    return read_number("a reply", text, ret_number, err);
}

/* The rest of the text, line by line. */
static enum status add_lines(json_t *lines, const char *text, struct error *err)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (json_array_append_new(lines, json_stringn(text, len)) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "redis: what was refused");
        text += len + (text[len] == '\n');
    }
    return STATUS_OK;
}

enum status store_reply_cataloged(const redisReply *reply, struct store_cataloged *ret_cataloged,
                                  struct error *err)
{
    const char *text = NULL;
    char number[24];
    struct store_cataloged cataloged = {.created = 0};
    if (store_reply_text(reply, &text, err) != STATUS_OK)
        return error_status(err);
    size_t len = strcspn(text, "\n");
    (void)snprintf(number, sizeof(number), "%.*s", (int)(len < sizeof(number) ? len : 0), text);
    if (read_number("a reply", number, &cataloged.created, err) != STATUS_OK)
        return error_status(err);
    json_auto_t *refused = json_array();
    if (refused == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis: what was refused");
    if (add_lines(refused, text + len + (text[len] == '\n'), err) != STATUS_OK)
        return error_status(err);
    cataloged.refused = json_incref(refused);
    *ret_cataloged = cataloged;
    return STATUS_OK;
}

void store_cataloged_done(struct store_cataloged *cataloged)
{
    json_decref(cataloged->refused);
    cataloged->refused = NULL;
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
    if (reply_record(reply, set_health, &health, err) != STATUS_OK)
        return error_status(err);
    *ret_health = health;
    return STATUS_OK;
}
