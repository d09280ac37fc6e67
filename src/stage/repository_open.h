/* Opens what a work is about: its bucket, and the app's repository in it. */
#ifndef STAGE_REPOSITORY_OPEN_H
#define STAGE_REPOSITORY_OPEN_H

#include "bucket/object_store.h"
#include "core/error.h"
#include "repository/repository.h"
#include "stage/work.h"

#include <stdbool.h>

/* The bucket, at the app's repository. UNAVAILABLE, reason "bucket_unreachable": no such bucket now.
 */
enum status work_open_store(const struct work *work, struct object_store **ret_store,
                            struct error *err) MUST_CHECK;

/* The app's repository in the store, with the key that is known if it fits. create: it is made where
 * there is none, which is NOT_FOUND otherwise. */
enum status work_open_repository(const struct work *work, struct object_store *store, bool create,
                                 struct repository **ret_repository, struct error *err) MUST_CHECK;

#endif
