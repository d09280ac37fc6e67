/* App, bucket, node, cloud and job: their hashes and their JSON. */
#include "core/cleanup.h"
#include "model/account.h"
#include "model/app.h"
#include "model/bucket.h"
#include "model/job.h"
#include "model/node.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#define ID1 "11111111-1111-4111-8111-111111111111"
#define ID2 "22222222-2222-4222-8222-222222222222"
#define METADATA                                                                  \
    "\"metadata\":{\"labels\":[],\"creationTimestamp\":\"2023-11-14T22:13:20Z\"," \
    "\"modificationTimestamp\":\"2023-11-14T22:13:21Z\",\"createdBy\":\"" ID_NIL "\"}"

#define SET(noun, record, field, value)                                                    \
    do {                                                                                   \
        struct error err_ = {0};                                                           \
        cr_assert(eq(int, noun##_set_field(record, field, value, &err_), STATUS_OK), "%s", \
                  err_.text);                                                              \
    } while (0)

#define REFUSED(noun, record, field, value, expected)                                          \
    do {                                                                                       \
        struct error err_ = {0};                                                               \
        cr_expect(                                                                             \
            eq(int, (int)noun##_set_field(record, field, value, &err_), (int)STATUS_CORRUPT)); \
        cr_expect(eq(str, err_.text, expected));                                               \
    } while (0)

static char *dump(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static struct app make_app(void)
{
    struct app app = {0};
    SET(app, &app, "id", ID1);
    SET(app, &app, "account", ID2);
    SET(app, &app, "name", "shop");
    SET(app, &app, "node", "web1");
    SET(app, &app, "state", "ready");
    SET(app, &app, "created_ms", "1700000000000");
    SET(app, &app, "modified_ms", "1700000001000");
    SET(app, &app, "unknown", "x");
    return app;
}

Test(app_to_json, has_what_the_schema_requires_and_the_reference_client_reads)
{
    struct app app = make_app();
    struct error err = {0};
    json_t *json = NULL;

    cr_assert(eq(int, app_to_json(&app, &json, &err), STATUS_OK), "%s", err.text);

    CLEANUP(freep) char *text = dump(json);
    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-app\",\"version\":\"2.2\",\"id\":\"" ID1
                 "\",\"links\":[],\"name\":\"shop\",\"namespaces\":[\"shop\"],"
                 "\"namespaceScopedResources\":[{\"namespace\":\"shop\"}],"
                 "\"clusterID\":\"25632884-3279-5aaa-b4ad-64f9b8377bed\","
                 "\"clusterName\":\"web1\",\"state\":\"ready\",\"stateDetails\":[],"
                 "\"protectionState\":\"none\",\"protectionStateDetails\":[]," METADATA "}"));
}

Test(app_to_json, says_why_an_app_is_unavailable)
{
    struct app app = make_app();
    SET(app, &app, "state", "unavailable");
    struct error err = {0};
    json_auto_t *json = NULL;

    cr_assert(eq(int, app_to_json(&app, &json, &err), STATUS_OK), "%s", err.text);

    const json_t *details = json_object_get(json, "stateDetails");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(json, "state")), "unavailable"));
    cr_expect(eq(sz, json_array_size(details), 1));
}

Test(app_set_field, refuses_damage)
{
    struct app app = {0};
    REFUSED(app, &app, "id", "1", "field 'id': not an id");
    REFUSED(app, &app, "state", "pending", "field 'state': an unknown word");
    REFUSED(app, &app, "node", "Web1", "field 'node': not a host name");
}

Test(app_definition_free, frees_half_built_definitions)
{
    app_definition_free(NULL);
    app_definition_free(calloc(1, sizeof(struct app_definition)));
    struct app_definition *definition = calloc(1, sizeof(*definition));
    definition->volumes = calloc(2, sizeof(char *));
    definition->volumes[0] = strdup("/srv");
    definition->hooks[HOOK_POST_BACKUP].items = calloc(2, sizeof(struct app_hook));
    definition->hooks[HOOK_POST_BACKUP].count = 2;
    definition->hooks[HOOK_POST_BACKUP].items[0].name = strdup("thaw");
    app_definition_free(definition); /* LeakSanitizer looks at the rest */
}

static struct bucket make_bucket(void)
{
    struct bucket bucket = {0};
    SET(bucket, &bucket, "id", ID1);
    SET(bucket, &bucket, "account", "");
    SET(bucket, &bucket, "name", "main");
    SET(bucket, &bucket, "provider", "directory");
    SET(bucket, &bucket, "server_url", "file://web1");
    SET(bucket, &bucket, "bucket_name", "main");
    SET(bucket, &bucket, "state", "available");
    SET(bucket, &bucket, "is_default", "1");
    SET(bucket, &bucket, "created_ms", "1700000000000");
    SET(bucket, &bucket, "modified_ms", "1700000001000");
    return bucket;
}

Test(bucket_to_json, shows_a_directory_as_the_nearest_provider_of_the_schema)
{
    struct bucket bucket = make_bucket();
    struct error err = {0};
    json_t *json = NULL;

    cr_assert(eq(int, bucket_to_json(&bucket, &json, &err), STATUS_OK), "%s", err.text);

    CLEANUP(freep) char *text = dump(json);
    cr_expect(bucket.is_default);
    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-bucket\",\"version\":\"1.2\",\"id\":\"" ID1
                 "\",\"name\":\"main\",\"credentialID\":\"" ID_NIL
                 "\",\"provider\":\"generic-s3\",\"bucketParameters\":{\"s3\":{\"serverURL\":"
                 "\"file://web1\",\"bucketName\":\"main\"}},\"state\":\"available\","
                 "\"stateDetails\":[],\"retentionTime\":-1," METADATA "}"));
    bucket_done(&bucket);
}

Test(bucket_to_json, shows_the_details_and_keeps_them)
{
    struct bucket bucket = make_bucket();
    SET(bucket, &bucket, "state_details", "[{\"type\":\"t\"}]");
    struct error err = {0};
    json_t *json = NULL;

    cr_assert(eq(int, bucket_to_json(&bucket, &json, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, json_array_size(json_object_get(json, "stateDetails")), 1));
    json_decref(json);
    cr_expect(eq(sz, json_array_size(bucket.state_details), 1));
    bucket_done(&bucket);
    bucket_done(&bucket);
}

Test(bucket_set_field, refuses_damage)
{
    struct bucket bucket = {0};
    REFUSED(bucket, &bucket, "is_default", "", "field 'is_default': neither 0 nor 1");
    REFUSED(bucket, &bucket, "is_default", "10", "field 'is_default': neither 0 nor 1");
    REFUSED(bucket, &bucket, "provider", "ftp", "field 'provider': an unknown word");
    REFUSED(bucket, &bucket, "state_details", "7",
            "field 'state_details': not an array of objects");
}

static struct node make_node(void)
{
    struct node node = {0};
    SET(node, &node, "name", "web1");
    SET(node, &node, "version", "0.1.0");
    SET(node, &node, "slots", "2");
    SET(node, &node, "running", "1");
    SET(node, &node, "started_ms", "1700000000000");
    SET(node, &node, "heartbeat_ms", "1700000001000");
    return node;
}

Test(node_to_json, shows_a_living_worker_as_a_running_cluster)
{
    struct node node = make_node();
    struct error err = {0};
    json_t *json = NULL;

    cr_assert(eq(int, node_to_json(&node, ID2, ID1, 1700000001000 + NODE_ALIVE_MS, &json, &err),
                 STATUS_OK),
              "%s", err.text);

    char cloud[ID_SIZE];
    cloud_id(ID2, cloud);
    cr_expect(eq(str, (char *)json_string_value(json_object_get(json, "cloudID")), cloud));
    json_object_del(json, "cloudID");
    CLEANUP(freep) char *text = dump(json);
    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-managedCluster\",\"version\":\"1.1\","
                 "\"id\":\"25632884-3279-5aaa-b4ad-64f9b8377bed\",\"name\":\"web1\","
                 "\"state\":\"running\",\"stateUnready\":[],\"managedState\":\"managed\","
                 "\"managedStateUnready\":[],\"managedTimestamp\":\"2023-11-14T22:13:20Z\","
                 "\"inUse\":\"true\",\"clusterType\":\"kubernetes\","
                 "\"defaultBucketID\":\"" ID1 "\"," METADATA "}"));
}

Test(node_to_json, says_since_when_a_worker_is_away)
{
    struct node node = make_node();
    struct error err = {0};
    json_auto_t *json = NULL;

    cr_assert(eq(int, node_to_json(&node, ID2, "", 1700000001001 + NODE_ALIVE_MS, &json, &err),
                 STATUS_OK),
              "%s", err.text);

    const json_t *reasons = json_object_get(json, "stateUnready");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(json, "state")), "removed"));
    cr_expect(eq(str, (char *)json_string_value(json_array_get(reasons, 0)),
                 "no living worker; the last heartbeat was at 2023-11-14T22:13:21Z"));
    cr_expect(eq(ptr, json_object_get(json, "defaultBucketID"), NULL));
}

Test(node_set_field, refuses_damage)
{
    struct node node = {0};
    REFUSED(node, &node, "name", "a b", "field 'name': not a host name");
    REFUSED(node, &node, "slots", "two", "field 'slots': not a number");
}

Test(cloud_to_json, is_one_private_cloud_per_account)
{
    struct error err = {0};
    json_t *json = NULL;

    cr_assert(
        eq(int, cloud_to_json("5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f", ID1, &json, &err), STATUS_OK),
        "%s", err.text);

    CLEANUP(freep) char *text = dump(json);
    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-cloud\",\"version\":\"1.1\","
                 "\"id\":\"be363f4c-297b-59df-a6b1-3fdfe8a71ef3\",\"name\":\"private\","
                 "\"cloudType\":\"private\",\"state\":\"running\",\"stateUnready\":[],"
                 "\"defaultBucketID\":\"" ID1 "\",\"metadata\":{\"labels\":[],"
                 "\"creationTimestamp\":\"1970-01-01T00:00:00Z\","
                 "\"modificationTimestamp\":\"1970-01-01T00:00:00Z\",\"createdBy\":\"" ID_NIL
                 "\"}}"));
}

Test(job_set_field, reads_every_field_of_the_hash)
{
    struct job job = {0};
    SET(job, &job, "id", ID1);
    SET(job, &job, "kind", "delete");
    SET(job, &job, "subject", ID2);
    SET(job, &job, "account", ID1);
    SET(job, &job, "app", ID2);
    SET(job, &job, "bucket", ID1);
    SET(job, &job, "node", "web1");
    SET(job, &job, "state", "claimed");
    SET(job, &job, "stage", "upload");
    SET(job, &job, "worker", "web1:123:456");
    SET(job, &job, "attempt", "2");
    SET(job, &job, "kills", "1");
    SET(job, &job, "epoch", "3");
    SET(job, &job, "lease_until_ms", "1700000001000");
    SET(job, &job, "created_ms", "1700000000000");
    SET(job, &job, "reason", "bucket unreachable");
    SET(job, &job, "priority", "5"); /* of no use to a worker */

    cr_expect(eq(str, job.id, ID1));
    cr_expect(eq(int, (int)job.kind, (int)JOB_DELETE));
    cr_expect(eq(str, job.subject, ID2));
    cr_expect(eq(str, job.account, ID1));
    cr_expect(eq(str, job.app, ID2));
    cr_expect(eq(str, job.bucket, ID1));
    cr_expect(eq(str, job.node, "web1"));
    cr_expect(eq(str, job.state, "claimed"));
    cr_expect(eq(str, job.stage, "upload"));
    cr_expect(eq(str, job.worker, "web1:123:456"));
    cr_expect(eq(i64, job.attempt, 2));
    cr_expect(eq(i64, job.kills, 1));
    cr_expect(eq(i64, job.epoch, 3));
    cr_expect(eq(i64, job.lease_until_ms, 1700000001000));
    cr_expect(eq(i64, job.created_ms, 1700000000000));
    cr_expect(eq(str, job.reason, "bucket unreachable"));
}

Test(job_set_field, refuses_damage)
{
    struct job job = {0};
    REFUSED(job, &job, "kind", "mirror", "field 'kind': an unknown word");
    REFUSED(job, &job, "state", "0123456789abcdef",
            "field 'state': 16 bytes, at most 15 are expected");
    REFUSED(job, &job, "epoch", "", "field 'epoch': not a number");
}

Test(account_done, releases_the_tokens)
{
    struct account account = {.tokens = calloc(2, sizeof(struct token)), .token_count = 2};

    account_done(&account);

    cr_expect(eq(ptr, account.tokens, NULL));
    cr_expect(eq(sz, account.token_count, 0));
}
