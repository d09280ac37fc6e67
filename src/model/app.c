#include "model/app.h"

#include "fields.h"
#include "model/detail.h"
#include "model/node.h"
#include "resource_json.h"

#include <stdlib.h>

static const char *const state_names[APP_STATE_COUNT] = {
    [APP_STATE_UNSET] = "",        [APP_READY] = "ready",
    [APP_RESTORING] = "restoring", [APP_UNAVAILABLE] = "unavailable",
    [APP_FAILED] = "failed",
};

static const char *const stage_names[HOOK_STAGE_COUNT] = {
    [HOOK_PRE_BACKUP] = "pre-backup",       [HOOK_PRE_SNAPSHOT] = "pre-snapshot",
    [HOOK_POST_SNAPSHOT] = "post-snapshot", [HOOK_POST_BACKUP] = "post-backup",
    [HOOK_PRE_RESTORE] = "pre-restore",     [HOOK_POST_RESTORE] = "post-restore",
};

#define DRIVER_NAME(CONSTANT, name) [APP_SNAPSHOT_##CONSTANT] = #name,

/* clang-format off */
static const char *const driver_names[APP_SNAPSHOT_DRIVER_COUNT] = {
    [APP_SNAPSHOT_AUTO] = "auto",
    APP_SNAPSHOT_DRIVERS(DRIVER_NAME)
};
/* clang-format on */

static const struct field fields[] = {
    FIELD(FIELD_ID, struct app, id),
    FIELD(FIELD_ID, struct app, account),
    FIELD(FIELD_LABEL, struct app, name),
    FIELD(FIELD_HOST, struct app, node),
    CHOICE_FIELD(struct app, state, state_names),
    FIELD(FIELD_TEXT, struct app, state_details),
    FIELD(FIELD_INTEGER, struct app, created_ms),
    FIELD(FIELD_INTEGER, struct app, modified_ms),
};

const char *app_state_name(enum app_state state)
{
    return (unsigned)state < APP_STATE_COUNT ? state_names[state] : "";
}

enum app_state app_state_from_name(const char *name)
{
    return (enum app_state)NAMES_FIND(state_names, name);
}

const char *hook_stage_name(enum hook_stage stage)
{
    return (unsigned)stage < HOOK_STAGE_COUNT ? stage_names[stage] : "";
}

const char *app_snapshot_driver_name(enum app_snapshot_driver driver)
{
    return (unsigned)driver < APP_SNAPSHOT_DRIVER_COUNT ? driver_names[driver] : "";
}

enum app_snapshot_driver app_snapshot_driver_from_name(const char *name)
{
    return (enum app_snapshot_driver)NAMES_FIND(driver_names, name);
}

void app_id(const char *account, const char *name, char id[ID_SIZE])
{
    stable_id(account, "app", name, id);
}

enum status app_set_field(struct app *app, const char *field, const char *value, struct error *err)
{
    return FIELDS_SET(fields, app, field, value, err);
}

static json_t *state_details(const struct app *app)
{
    json_t *details = json_loads(app->state_details, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(details)) {
        json_decref(details);
        details = json_array();
    }
    if (details != NULL && app->state == APP_UNAVAILABLE)
        detail_add(details, REASON_APP_UNAVAILABLE, "App unavailable",
                   "its node has no living worker, or no longer defines it", NULL);
    return details;
}

/* There are no namespaces on a host: an app stands for the one that it would fill. */
enum status app_to_json(const struct app *app, json_t **ret_json, struct error *err)
{
    char cluster[ID_SIZE];
    node_id(app->node, cluster);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:[], s:s, s:[s], s:[{s:s}], s:s, s:s, s:s, s:o, s:s, s:[], s:o}", "type",
        APP_TYPE, "version", APP_VERSION, "id", app->id, "links", "name", app->name, "namespaces",
        app->name, "namespaceScopedResources", "namespace", app->name, "clusterID", cluster,
        "clusterName", app->node, "state", app_state_name(app->state), "stateDetails",
        state_details(app), "protectionState", "none", "protectionStateDetails", "metadata",
        metadata_new(json_array(), app->created_ms, app->modified_ms, ""));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "app '%s' as JSON", app->id);
    *ret_json = json;
    return STATUS_OK;
}

static void texts_free(char **texts)
{
    for (char **text = texts; text != NULL && *text != NULL; text++)
        free(*text);
    free(texts);
}

static void hooks_done(struct app_hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        free(hooks->items[i].name);
        free(hooks->items[i].user);
        texts_free(hooks->items[i].command);
    }
    free(hooks->items);
}

void app_definition_free(struct app_definition *definition)
{
    if (definition == NULL)
        return;
    texts_free(definition->volumes);
    texts_free(definition->excludes);
    for (size_t stage = 0; stage < HOOK_STAGE_COUNT; stage++)
        hooks_done(&definition->hooks[stage]);
    free(definition);
}
