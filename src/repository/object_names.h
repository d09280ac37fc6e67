/* Object names: most objects are called after the hash of what is in them, in a folder of their
 * kind. */
#ifndef REPOSITORY_OBJECT_NAMES_H
#define REPOSITORY_OBJECT_NAMES_H

#include "bucket/object_store.h"
#include "core/error.h"
#include "repository/blob_id.h"

#include <stdbool.h>
#include <stddef.h>

enum { OBJECT_PATH_SIZE = 96 }; /* "snapshots/<id>", "data/xx/<id>" */

/* "folder/<id>" */
void object_path(char path[OBJECT_PATH_SIZE], const char *folder, const struct blob_id *id);
/* "data/xx/<id>", xx being the first two digits of the id. */
void pack_path(char path[OBJECT_PATH_SIZE], const struct blob_id *id);
/* The id of a pack of which a listing of "data/" shows this name. False: there is none of it. */
bool pack_name_read(const char *name, struct blob_id *ret_id);

/* The ids in a folder; what is not named like one, or lies in a folder of its own, is skipped. */
typedef enum status object_id_seen_fn(void *context, const char *id, struct error *err);
enum status object_ids_list(struct object_store *store, const char *folder, object_id_seen_fn *seen,
                            void *context, struct error *err) MUST_CHECK;

/* The same for a folder in which a repository has something: that nothing is in it is believed of a
 * store only if what it lists otherwise is what is there. A repository that is new has its config
 * alone. */
enum status object_ids_list_some(struct object_store *store, const char *folder,
                                 object_id_seen_fn *seen, void *context, struct error *err)
    MUST_CHECK;

/* The ids of all objects of a folder, sorted. */
struct id_list {
    char (*ids)[BLOB_ID_TEXT_SIZE];
    size_t count, capacity;
};

/* Into an empty list (all zeros), as object_ids_list_some() finds them. */
enum status id_list_read(struct id_list *list, struct object_store *store, const char *folder,
                         struct error *err) MUST_CHECK;
void id_list_done(struct id_list *list);

bool id_list_has(const struct id_list *list, const char *id);

#endif
