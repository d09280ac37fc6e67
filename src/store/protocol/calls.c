#include "store/calls.h"

#include "arguments.h"
#include "store/keys.h"

#include <assert.h>
#include <stdio.h>

void store_call_backup_record(struct store_call *call, const char *id)
{
    call_begin_raw(call, "HGETALL");
    bool fits = key_backup(call->key, sizeof(call->key), id);
    assert(fits);
    call_add_text(call, call->key);
}

enum status store_apps_list(const struct app *const *apps, size_t count, json_t **ret_list,
                            struct error *err)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *app = json_pack("{s:s, s:s, s:s, s:s}", "id", apps[i]->id, "account",
                                apps[i]->account, "name", apps[i]->name, "concurrent_backups",
                                apps[i]->refuses_second ? "refuse" : "queue");
        if (json_array_append_new(list, app) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "a list of apps");
    }
    if (list == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of apps");
    *ret_list = json_incref(list);
    return STATUS_OK;
}

enum status store_backup_wanted(const struct store_backup_create *create, struct backup *ret_backup,
                                struct error *err)
{
    if (backup_from_request(create->request, ret_backup, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(ret_backup->id, sizeof(ret_backup->id), "%s", create->id);
    (void)snprintf(ret_backup->account, sizeof(ret_backup->account), "%s", create->account);
    (void)snprintf(ret_backup->app, sizeof(ret_backup->app), "%s", create->app);
    (void)snprintf(ret_backup->created_by, sizeof(ret_backup->created_by), "%s",
                   create->created_by);
    return STATUS_OK;
}

struct store_task_create store_catalog_wanted(const struct app *app, const struct bucket *bucket,
                                              const char *created_by,
                                              struct store_task_ids *ret_ids)
{
    id_random(ret_ids->id);
    id_random(ret_ids->job);
    return (struct store_task_create){
        .id = ret_ids->id,
        .job = ret_ids->job,
        .kind = JOB_CATALOG,
        .account = app->account,
        .app = app->id,
        .bucket = bucket->id,
        .created_by = created_by,
    };
}
