#include "model/bucket.h"

#include "fields.h"
#include "resource_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[BUCKET_STATE_COUNT] = {
    [BUCKET_STATE_UNSET] = "",  [BUCKET_PENDING] = "pending", [BUCKET_AVAILABLE] = "available",
    [BUCKET_FAILED] = "failed", [BUCKET_REMOVED] = "removed", [BUCKET_UNKNOWN] = "unknown",
};

static const char *const provider_names[BUCKET_PROVIDER_COUNT] = {
    [BUCKET_PROVIDER_UNSET] = "",
    [BUCKET_DIRECTORY] = "directory",
    [BUCKET_GENERIC_S3] = "generic-s3",
    [BUCKET_AWS] = "aws",
    [BUCKET_STORAGEGRID_S3] = "storagegrid-s3",
    [BUCKET_ONTAP_S3] = "ontap-s3",
};

static const struct field fields[] = {
    FIELD(FIELD_ID, struct bucket, id),
    FIELD(FIELD_ID, struct bucket, account),
    FIELD(FIELD_LABEL, struct bucket, name),
    CHOICE_FIELD(struct bucket, provider, provider_names),
    FIELD(FIELD_TEXT, struct bucket, server_url),
    FIELD(FIELD_TEXT, struct bucket, bucket_name),
    CHOICE_FIELD(struct bucket, state, state_names),
    ARRAY_FIELD(FIELD_OBJECTS, struct bucket, state_details),
    FIELD(FIELD_FLAG, struct bucket, is_default),
    FIELD(FIELD_INTEGER, struct bucket, jobs_max),
    FIELD(FIELD_INTEGER, struct bucket, created_ms),
    FIELD(FIELD_INTEGER, struct bucket, modified_ms),
};

const char *bucket_state_name(enum bucket_state state)
{
    return (unsigned)state < BUCKET_STATE_COUNT ? state_names[state] : "";
}

enum bucket_state bucket_state_from_name(const char *name)
{
    return (enum bucket_state)NAMES_FIND(state_names, name);
}

const char *bucket_provider_name(enum bucket_provider provider)
{
    return (unsigned)provider < BUCKET_PROVIDER_COUNT ? provider_names[provider] : "";
}

bool bucket_provider_is_s3(enum bucket_provider provider)
{
    return provider >= BUCKET_GENERIC_S3 && provider < BUCKET_PROVIDER_COUNT;
}

enum bucket_provider bucket_provider_from_name(const char *name)
{
    return (enum bucket_provider)NAMES_FIND(provider_names, name);
}

enum status bucket_location(const struct bucket_definition *definition, const char *app, char *text,
                            size_t size, struct error *err)
{
    const struct bucket *bucket = &definition->bucket;
    const char *prefix = definition->s3.prefix;
    int len = bucket_provider_is_s3(bucket->provider)
                  ? snprintf(text, size, "s3:%s/%s/%s%s%s", bucket->server_url, bucket->bucket_name,
                             prefix, prefix[0] == '\0' ? "" : "/", app)
                  : snprintf(text, size, "%s/%s", definition->path, app);
    if (len < 0 || (size_t)len >= size)
        return FAIL(err, STATUS_TOO_LARGE, "path of bucket '%s'", bucket->name);
    return STATUS_OK;
}

void bucket_id(const char *account, const char *name, char id[ID_SIZE])
{
    stable_id(account, "bucket", name, id);
}

enum status bucket_set_field(struct bucket *bucket, const char *field, const char *value,
                             struct error *err)
{
    return FIELDS_SET(fields, bucket, field, value, err);
}

/* credentialID is required, and our credentials have no id: they never leave the node. */
enum status bucket_to_json(const struct bucket *bucket, json_t **ret_json, struct error *err)
{
    json_t *details =
        bucket->state_details == NULL ? json_array() : json_incref(bucket->state_details);
    enum bucket_provider shown =
        bucket_provider_is_s3(bucket->provider) ? bucket->provider : BUCKET_GENERIC_S3;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:{s:s, s:s}}, s:s, s:o, s:i, s:o}", "type", BUCKET_TYPE,
        "version", BUCKET_VERSION, "id", bucket->id, "name", bucket->name, "credentialID", ID_NIL,
        "provider", bucket_provider_name(shown), "bucketParameters", "s3", "serverURL",
        bucket->server_url, "bucketName", bucket->bucket_name, "state",
        bucket_state_name(bucket->state), "stateDetails", details, "retentionTime", -1, "metadata",
        metadata_new(json_array(), bucket->created_ms, bucket->modified_ms, ""));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "bucket '%s' as JSON", bucket->id);
    *ret_json = json;
    return STATUS_OK;
}

void bucket_done(struct bucket *bucket)
{
    json_decref(bucket->state_details);
    memset(bucket, 0, sizeof(*bucket));
}

void bucket_definition_done(struct bucket_definition *definition)
{
    bucket_done(&definition->bucket);
    free(definition->path);
    free(definition->s3.prefix);
    free(definition->s3.region);
    free(definition->s3.ca_file);
    free(definition->s3.credentials_file);
    free(definition->s3.cache_directory);
    free(definition->seen_directory);
    *definition = (struct bucket_definition){.path = NULL};
}
