/*
 * App: what is backed up. The record is what Redis and the API know; the definition is what its
 * node knows from apps.d/<app>.yaml: paths and hooks never leave the node, so the API can name an
 * app but never a path.
 *
 * Ids       UUIDv5 of (account, "app/" name), the same after a reinstall
 * Source    Astra Control API, app 2.0-2.2
 */
#ifndef MODEL_APP_H
#define MODEL_APP_H

#include "core/error.h"
#include "core/id.h"
#include "model/names.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APP_TYPE    "application/astra-app"
#define APP_VERSION "2.2"

enum app_state {
    APP_STATE_UNSET = 0,
    APP_READY,
    APP_RESTORING,
    APP_UNAVAILABLE, /* its node has no living worker, or no longer defines it */
    APP_FAILED,
    APP_STATE_COUNT
};

/* Redis hash app:<id>: id account name node state state_details created_ms modified_ms */
struct app {
    char id[ID_SIZE];
    char account[ID_SIZE];
    char name[NAME_SIZE];
    char node[NODE_NAME_SIZE];
    bool refuses_second; /* a backup while another has not ended; else it waits for its turn */
    enum app_state state;
    char state_details[4096]; /* JSON text of an array, "" for none: what a restore has to say */
    int64_t created_ms;
    int64_t modified_ms;
};

enum hook_stage {
    HOOK_PRE_BACKUP,
    HOOK_PRE_SNAPSHOT,
    HOOK_POST_SNAPSHOT,
    HOOK_POST_BACKUP,
    HOOK_PRE_RESTORE,
    HOOK_POST_RESTORE,
    HOOK_STAGE_COUNT
};

struct app_hook {
    char *name;         /* for messages; unique in its stage is not required */
    char **command;     /* NULL-terminated argv; command[0] is an absolute path */
    char *user;         /* NULL: the user of the worker */
    int64_t timeout_ms; /* default HOOK_TIMEOUT_MS */
    bool abort_on_failure;
};

enum { HOOK_TIMEOUT_MS = 25 * 60 * 1000 };

struct app_hooks {
    struct app_hook *items;
    size_t count;
};

/* The drivers that snapshots can be taken with, as X(CONSTANT, name): each is defined in
 * src/snapshot. `auto` takes the first that can. */
#define APP_SNAPSHOT_DRIVERS(X) \
    X(BTRFS, btrfs)             \
    X(REFLINK, reflink)         \
    X(NONE, none)

#define APP_SNAPSHOT_CONSTANT(CONSTANT, name) APP_SNAPSHOT_##CONSTANT,

/* clang-format off */
enum app_snapshot_driver {
    APP_SNAPSHOT_AUTO = 0,
    APP_SNAPSHOT_DRIVERS(APP_SNAPSHOT_CONSTANT)
    APP_SNAPSHOT_DRIVER_COUNT
};

/* clang-format on */

/* Ownership: every pointer belongs to the definition. */
struct app_definition {
    struct app app;
    char **volumes;      /* NULL-terminated, at least one; absolute, cleaned, none below another */
    char **excludes;     /* NULL-terminated globs, see files/exclude.h; may be NULL */
    bool exclude_caches; /* directories with a valid CACHEDIR.TAG: only the tag is kept */
    enum app_snapshot_driver snapshot;
    struct app_hooks hooks[HOOK_STAGE_COUNT];
};

const char *app_state_name(enum app_state state);
enum app_state app_state_from_name(const char *name);
const char *hook_stage_name(enum hook_stage stage); /* "pre-backup", "pre-snapshot", … */
const char *app_snapshot_driver_name(enum app_snapshot_driver driver); /* "auto", "btrfs", … */
/* APP_SNAPSHOT_AUTO: there is no driver of that name. */
enum app_snapshot_driver app_snapshot_driver_from_name(const char *name);

void app_id(const char *account, const char *name, char id[ID_SIZE]);

/* Sets one field of the Redis hash app:<id>, as backup_set_field() does for a backup. */
enum status app_set_field(struct app *app, const char *field, const char *value, struct error *err)
    MUST_CHECK;

/* clusterID and clusterName are the node's: node_id(). Caller owns *ret_json. */
enum status app_to_json(const struct app *app, json_t **ret_json, struct error *err) MUST_CHECK;

/* What a caller asks for with PUT: the app is to be restored in place. */
struct app_restore_request {
    char backup[ID_SIZE];
    char snapshot[ID_SIZE]; /* one of the two is "" */
    bool selective;         /* with a restoreFilter: not all of it */
};

/* Reads a decoded body. INVALID: the text says which field and why. */
enum status app_restore_request_read(const json_t *body, struct app_restore_request *ret_request,
                                     struct error *err) MUST_CHECK;

void app_definition_free(struct app_definition *definition); /* NULL is a no-op */

#endif
