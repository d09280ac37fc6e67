#include "model/node.h"

#include "core/clock.h"
#include "fields.h"
#include "model/detail.h"
#include "resource_json.h"

#include <stdio.h>

static const struct field fields[] = {
    FIELD(FIELD_HOST, struct node, name),          FIELD(FIELD_TEXT, struct node, version),
    FIELD(FIELD_INTEGER, struct node, slots),      FIELD(FIELD_INTEGER, struct node, running),
    FIELD(FIELD_INTEGER, struct node, started_ms), FIELD(FIELD_INTEGER, struct node, heartbeat_ms),
};

void node_id(const char *name, char id[ID_SIZE])
{
    stable_id("", "node", name, id);
}

void cloud_id(const char *account, char id[ID_SIZE])
{
    id_from_name(account, "cloud", id);
}

enum status node_set_field(struct node *node, const char *field, const char *value,
                           struct error *err)
{
    return FIELDS_SET(fields, node, field, value, err);
}

static json_t *state_unready(const struct node *node, bool alive)
{
    json_t *reasons = json_array();
    if (reasons == NULL || alive)
        return reasons;
    char last[CLOCK_TEXT_SIZE];
    char text[DETAIL_REASON_MAX + 1];
    clock_format(node->heartbeat_ms, last);
    (void)snprintf(text, sizeof(text), "no living worker; the last heartbeat was at %s", last);
    detail_add_reason(reasons, text);
    return reasons;
}

/* managedState stays "managed" while the worker is away: its backups are still ours. */
enum status node_to_json(const struct node *node, const char *account, const char *default_bucket,
                         int64_t now_ms, json_t **ret_json, struct error *err)
{
    char id[ID_SIZE];
    char cloud[ID_SIZE];
    char started[CLOCK_TEXT_SIZE];
    node_id(node->name, id);
    cloud_id(account, cloud);
    clock_format(node->started_ms, started);
    bool alive = now_ms - node->heartbeat_ms <= NODE_ALIVE_MS;

    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:[], s:s, s:s, s:s, s:s, s:o*, s:o}",
                  "type", NODE_TYPE, "version", NODE_VERSION, "id", id, "name", node->name, "state",
                  alive ? "running" : "removed", "stateUnready", state_unready(node, alive),
                  "managedState", "managed", "managedStateUnready", "managedTimestamp", started,
                  "inUse", "true", "clusterType", "kubernetes", "cloudID", cloud, "defaultBucketID",
                  optional_text(default_bucket), "metadata",
                  metadata_new(json_array(), node->started_ms, node->heartbeat_ms, ""));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "node '%s' as JSON", node->name);
    *ret_json = json;
    return STATUS_OK;
}

enum status cloud_to_json(const char *account, const char *default_bucket, json_t **ret_json,
                          struct error *err)
{
    char id[ID_SIZE];
    cloud_id(account, id);
    /* Exists as long as the account does; no time of its own is known. */
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[], s:o*, s:o}", "type", CLOUD_TYPE, "version",
                  CLOUD_VERSION, "id", id, "name", "private", "cloudType", "private", "state",
                  "running", "stateUnready", "defaultBucketID", optional_text(default_bucket),
                  "metadata", metadata_new(json_array(), 0, 0, ""));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "cloud of account '%s' as JSON", account);
    *ret_json = json;
    return STATUS_OK;
}
