#include "backups.h"

#include "store/blocking.h"

#include <string.h>

enum { BACKUPS_PAGE = 500 };

struct walk {
    struct store *store;
    const struct job *job;
    backups_fn *on_backup;
    void *context;
};

/* page is the page before, and becomes the one that was read; its backups are gone again. */
static enum status read_page(const struct walk *walk, struct store_backup_page *page,
                             struct error *err)
{
    size_t count = 0;
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, walk->job->account, walk->job->app, page->next, BACKUPS_PAGE);
    if (store_run(walk->store, &call, &reply, err) != STATUS_OK ||
        store_reply_backup_page(reply, page, err) != STATUS_OK ||
        store_reply_count(page->backups, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(backup_done) struct backup backup = {0};
        if (store_reply_backup(page->backups->element[i], &backup, err) != STATUS_OK ||
            walk->on_backup(walk->context, &backup, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status backups_each(struct store *store, const struct job *job, backups_fn *on_backup,
                         void *context, struct error *err)
{
    const struct walk walk = {
        .store = store, .job = job, .on_backup = on_backup, .context = context};
    struct store_backup_page page = {.next = ""};
    do {
        if (read_page(&walk, &page, err) != STATUS_OK)
            return error_status(err);
    } while (*page.next != '\0');
    return STATUS_OK;
}

bool backups_have(const json_t *entries, const char *id)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        if (strcmp(json_string_value(json_object_get(entry, "backup")), id) == 0)
            return true;
    }
    return false;
}
