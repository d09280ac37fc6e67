#include "object_names.h"

#include "config.h"
#include "core/array.h"
#include "core/attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void object_path(char path[OBJECT_PATH_SIZE], const char *folder, const struct blob_id *id)
{
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    (void)snprintf(path, OBJECT_PATH_SIZE, "%s/%s", folder, text);
}

void pack_path(char path[OBJECT_PATH_SIZE], const struct blob_id *id)
{
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    (void)snprintf(path, OBJECT_PATH_SIZE, "data/%.2s/%s", text, text);
}

bool pack_name_read(const char *name, struct blob_id *ret_id)
{
    const char *id = strchr(name, '/');
    return id == name + 2 && strncmp(name, id + 1, 2) == 0 && blob_id_from_text(id + 1, ret_id);
}

struct id_listing {
    object_id_seen_fn *seen;
    void *context;
};

static enum status on_object(void *context, const char *name, UNUSED uint64_t size,
                             struct error *err)
{
    const struct id_listing *listing = context;
    struct blob_id ignored;
    if (!blob_id_from_text(name, &ignored))
        return STATUS_OK;
    return listing->seen(listing->context, name, err);
}

enum status object_ids_list(struct object_store *store, const char *folder, object_id_seen_fn *seen,
                            void *context, struct error *err)
{
    char prefix[OBJECT_PATH_SIZE];
    struct id_listing listing = {.seen = seen, .context = context};
    (void)snprintf(prefix, sizeof(prefix), "%s/", folder);
    return object_store_list(store, prefix, on_object, &listing, err);
}

struct counting {
    object_id_seen_fn *seen;
    void *context;
    size_t count;
};

static enum status on_counted(void *context, const char *id, struct error *err)
{
    struct counting *counting = context;
    counting->count++;
    return counting->seen(counting->context, id, err);
}

/* Ends the listing where it has what it looks for: names come in order, and few stand before. */
static enum status on_config(void *context, const char *base_name, UNUSED uint64_t size,
                             struct error *err)
{
    bool *found = context;
    *found = strcmp(base_name, CONFIG_NAME) == 0;
    return *found ? FAIL(err, STATUS_CANCELED, "found") : STATUS_OK;
}

/* Whoever looks into a folder has seen the config. */
static enum status check_listing(struct object_store *store, struct error *err)
{
    bool found = false;
    enum status status = object_store_list(store, "", on_config, &found, err);
    if (found)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "the bucket does not list the repository's config, which is there: what it "
                       "lists is not to be believed");
}

enum status object_ids_list_some(struct object_store *store, const char *folder,
                                 object_id_seen_fn *seen, void *context, struct error *err)
{
    struct counting counting = {.seen = seen, .context = context};
    if (object_ids_list(store, folder, on_counted, &counting, err) != STATUS_OK)
        return error_status(err);
    if (counting.count > 0)
        return STATUS_OK;
    if (check_listing(store, err) != STATUS_OK)
        return FAIL_IN(err, "%s/", folder);
    return object_ids_list(store, folder, on_counted, &counting, err);
}

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

/* A file system may list a name twice when the directory changes meanwhile. */
static void drop_repeated(struct id_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || strcmp(list->ids[kept - 1], list->ids[i]) != 0)
            memmove(list->ids[kept++], list->ids[i], sizeof(*list->ids));
    list->count = kept;
}

enum status id_list_read(struct id_list *list, struct object_store *store, const char *folder,
                         struct error *err)
{
    if (object_ids_list_some(store, folder, on_id, list, err) != STATUS_OK)
        return error_status(err);
    if (list->count > 1)
        qsort(list->ids, list->count, sizeof(*list->ids), compare_ids);
    drop_repeated(list);
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
