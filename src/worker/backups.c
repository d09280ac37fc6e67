#include "backups.h"

#include "store/jobs.h"

enum { BACKUPS_PAGE = 500 };

static enum status read_page(struct store *store, const struct job *job, int64_t offset,
                             backups_fn *on_backup, void *context, size_t *ret_count,
                             struct error *err)
{
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, job->account, job->app, offset, BACKUPS_PAGE);
    if (store_run(store, &call, &reply, err) != STATUS_OK ||
        store_reply_count(reply, ret_count, err) != STATUS_OK)
        return err->status;
    for (size_t i = 0; i < *ret_count; i++) {
        CLEANUP(backup_done) struct backup backup = {0};
        if (store_reply_backup(reply->element[i], &backup, err) != STATUS_OK ||
            on_backup(context, &backup, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

enum status backups_each(struct store *store, const struct job *job, backups_fn *on_backup,
                         void *context, struct error *err)
{
    size_t count = BACKUPS_PAGE;
    for (int64_t offset = 0; count == BACKUPS_PAGE; offset += BACKUPS_PAGE)
        if (read_page(store, job, offset, on_backup, context, &count, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
}
