#include "backups.h"

#include "store/jobs.h"

enum { BACKUPS_PAGE = 500 };

struct walk {
    struct store *store;
    const struct job *job;
    backups_fn *on_backup;
    void *context;
};

static enum status read_page(const struct walk *walk, int64_t offset, size_t *ret_count,
                             struct error *err)
{
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, walk->job->account, walk->job->app, offset, BACKUPS_PAGE);
    if (store_run(walk->store, &call, &reply, err) != STATUS_OK ||
        store_reply_count(reply, ret_count, err) != STATUS_OK)
        return err->status;
    for (size_t i = 0; i < *ret_count; i++) {
        CLEANUP(backup_done) struct backup backup = {0};
        if (store_reply_backup(reply->element[i], &backup, err) != STATUS_OK ||
            walk->on_backup(walk->context, &backup, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

enum status backups_each(struct store *store, const struct job *job, backups_fn *on_backup,
                         void *context, struct error *err)
{
    const struct walk walk = {
        .store = store, .job = job, .on_backup = on_backup, .context = context};
    size_t count = BACKUPS_PAGE;
    for (int64_t offset = 0; count == BACKUPS_PAGE; offset += BACKUPS_PAGE)
        if (read_page(&walk, offset, &count, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
}
