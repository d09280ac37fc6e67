#include "store/create.h"

#include <stdio.h>

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
