#include "id_list.h"

#include "core/array.h"
#include "object_names.h"

#include <stdlib.h>
#include <string.h>

static enum status on_id(void *context, const char *id, struct error *err)
{
    struct id_list *list = context;
    if (array_reserve(&list->ids, &list->capacity, list->count + 1, sizeof(*list->ids), err) !=
        STATUS_OK)
        return FAIL_IN(err, "a list of objects");
    memcpy(list->ids[list->count++], id, BLOB_ID_TEXT_SIZE);
    return STATUS_OK;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

enum status id_list_read(struct id_list *list, struct object_store *store, const char *folder,
                         struct error *err)
{
    if (object_ids_list(store, folder, on_id, list, err) != STATUS_OK)
        return error_status(err);
    if (list->count > 1)
        qsort(list->ids, list->count, sizeof(*list->ids), compare_ids);
    return STATUS_OK;
}

void id_list_done(struct id_list *list)
{
    free(list->ids);
    *list = (struct id_list){0};
}

bool id_list_has(const struct id_list *list, const char *id)
{
    return list->count > 0 &&
           bsearch(id, list->ids, list->count, sizeof(*list->ids), compare_ids) != NULL;
}
