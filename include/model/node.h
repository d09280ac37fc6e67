/*
 * Node: a host that runs a worker. The API shows it as a managedCluster of one private cloud.
 *
 * Source    Astra Control API, managedCluster and cloud
 */
#ifndef MODEL_NODE_H
#define MODEL_NODE_H

#include "core/error.h"
#include "core/id.h"
#include "model/names.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

#define NODE_TYPE     "application/astra-managedCluster"
#define NODE_VERSION  "1.1"
#define CLOUD_TYPE    "application/astra-cloud"
#define CLOUD_VERSION "1.1"

enum { NODE_ALIVE_MS = 15000 }; /* a heartbeat older than this: the worker is gone */

/* Redis hash node:<name>: name version slots running started_ms heartbeat_ms */
struct node {
    char name[NODE_NAME_SIZE];
    char version[32]; /* of the worker */
    int64_t slots;
    int64_t running;
    int64_t started_ms;
    int64_t heartbeat_ms;
};

void node_id(const char *name, char id[ID_SIZE]);     /* UUIDv5 of "node/" name */
void cloud_id(const char *account, char id[ID_SIZE]); /* UUIDv5 of the account, "cloud" */
enum status node_set_field(struct node *node, const char *field, const char *value,
                           struct error *err) MUST_CHECK;

/* default_bucket "" = none. Caller owns *ret_json. */
enum status node_to_json(const struct node *node, const char *account, const char *default_bucket,
                         int64_t now_ms, json_t **ret_json, struct error *err) MUST_CHECK;
enum status cloud_to_json(const char *account, const char *default_bucket, json_t **ret_json,
                          struct error *err) MUST_CHECK;

#endif
