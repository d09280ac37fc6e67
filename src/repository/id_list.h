/* Id list: the ids of all objects of a folder, sorted. */
#ifndef REPOSITORY_ID_LIST_H
#define REPOSITORY_ID_LIST_H

#include "bucket/object_store.h"
#include "repository/blob_id.h"

#include <stddef.h>

struct id_list {
    char (*ids)[BLOB_ID_TEXT_SIZE];
    size_t count, capacity;
};

/* Into an empty list (all zeros). What is not named like an object is skipped. */
enum status id_list_read(struct id_list *list, struct object_store *store, const char *folder,
                         struct error *err) MUST_CHECK;
void id_list_done(struct id_list *list);

bool id_list_has(const struct id_list *list, const char *id);

#endif
