#include "object_names.h"

#include "core/attributes.h"

#include <stdio.h>

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

struct id_listing {
    object_id_seen_fn *seen;
    void *context;
};

static enum status on_object(void *context, const char *base_name, UNUSED uint64_t size,
                             struct error *err)
{
    const struct id_listing *listing = context;
    struct blob_id ignored;
    if (!blob_id_from_text(base_name, &ignored))
        return STATUS_OK;
    return listing->seen(listing->context, base_name, err);
}

enum status object_ids_list(struct object_store *store, const char *folder, object_id_seen_fn *seen,
                            void *context, struct error *err)
{
    char prefix[OBJECT_PATH_SIZE];
    struct id_listing listing = {.seen = seen, .context = context};
    (void)snprintf(prefix, sizeof(prefix), "%s/", folder);
    return object_store_list(store, prefix, on_object, &listing, err);
}
