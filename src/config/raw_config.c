#include "config/config.h"
#include "model/account.h"
#include "model/bucket.h"
#include "raw.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A section or list that may be absent or empty. */
#define OPTIONAL (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL)

/* The macros of libcyaml, for the three shapes of text that we have. */
#define TEXT(key, type, member)                                                            \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1, \
                           TEXT_BYTES_MAX)
#define REQUIRED_TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, TEXT_BYTES_MAX)
#define NUMBER(key, type, member)                                                          \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1, \
                           NUMBER_DIGITS_MAX)

static const cyaml_strval_t booleans[] = {{"false", RAW_FALSE}, {"true", RAW_TRUE}};
static const cyaml_strval_t roles[] = {
    {"viewer", ROLE_VIEWER},
    {"member", ROLE_MEMBER},
    {"admin", ROLE_ADMIN},
    {"owner", ROLE_OWNER},
};
static const cyaml_strval_t providers[] = {
    {"directory", BUCKET_DIRECTORY},
    {"generic-s3", BUCKET_GENERIC_S3},
    {"aws", BUCKET_AWS},
    {"storagegrid-s3", BUCKET_STORAGEGRID_S3},
    {"ontap-s3", BUCKET_ONTAP_S3},
};

static const cyaml_strval_t compressions[] = {
    {"auto", BUCKET_COMPRESSION_AUTO},
    {"fast", BUCKET_COMPRESSION_FAST},
    {"better", BUCKET_COMPRESSION_BETTER},
    {"off", BUCKET_COMPRESSION_OFF},
};

static const cyaml_strval_t extra_verifies[] = {
    {"sample", BUCKET_EXTRA_VERIFY_SAMPLE},
    {"all", BUCKET_EXTRA_VERIFY_ALL},
};

static const cyaml_schema_field_t listener_fields[] = {
    REQUIRED_TEXT("address", struct raw_listener, address),
    TEXT("certificate", struct raw_listener, certificate),
    TEXT("key", struct raw_listener, key),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_listener, listener_fields),
};

static const cyaml_schema_field_t http_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("listeners", OPTIONAL, struct raw_http, listeners, listener_count,
                               &listener_schema, 1, LISTENERS_MAX),
    NUMBER("body_bytes_max", struct raw_http, body_bytes_max),
    NUMBER("header_bytes_max", struct raw_http, header_bytes_max),
    NUMBER("connections_max", struct raw_http, connections_max),
    NUMBER("idle_timeout_ms", struct raw_http, idle_timeout_ms),
    NUMBER("request_timeout_ms", struct raw_http, request_timeout_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t redis_fields[] = {
    TEXT("address", struct raw_redis, address),
    TEXT("username", struct raw_redis, username),
    TEXT("password_file", struct raw_redis, password_file),
    NUMBER("database", struct raw_redis, database),
    NUMBER("timeout_ms", struct raw_redis, timeout_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t path_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_BYTES_MAX),
};
static const cyaml_schema_value_t number_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NUMBER_DIGITS_MAX),
};
static const cyaml_schema_field_t worker_fields[] = {
    NUMBER("slots", struct raw_worker, slots),
    NUMBER("lease_ms", struct raw_worker, lease_ms),
    NUMBER("kills_max", struct raw_worker, kills_max),
    NUMBER("retries_max", struct raw_worker, retries_max),
    CYAML_FIELD_SEQUENCE_COUNT("retry_delays_s", OPTIONAL, struct raw_worker, retry_delays_s.items,
                               retry_delays_s.count, &number_schema, 1, RETRY_DELAYS_MAX),
    NUMBER("job_timeout_s", struct raw_worker, job_timeout_s),
    NUMBER("job_grace_s", struct raw_worker, job_grace_s),
    NUMBER("drain_timeout_s", struct raw_worker, drain_timeout_s),
    CYAML_FIELD_SEQUENCE_COUNT("restore_directories", OPTIONAL, struct raw_worker,
                               restore_directories.items, restore_directories.count, &path_schema,
                               0, RESTORE_DIRECTORIES_MAX),
    NUMBER("prune_after_deletes", struct raw_worker, prune_after_deletes),
    NUMBER("prune_interval_s", struct raw_worker, prune_interval_s),
    NUMBER("prune_timeout_s", struct raw_worker, prune_timeout_s),
    NUMBER("verify_interval_s", struct raw_worker, verify_interval_s),
    NUMBER("verify_sample", struct raw_worker, verify_sample),
    NUMBER("job_cpu_weight", struct raw_worker, job_cpu_weight),
    NUMBER("job_io_weight", struct raw_worker, job_io_weight),
    NUMBER("job_memory_high_bytes", struct raw_worker, job_memory_high_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t token_fields[] = {
    REQUIRED_TEXT("name", struct raw_token, name),
    REQUIRED_TEXT("sha256", struct raw_token, sha256),
    CYAML_FIELD_ENUM("role", CYAML_FLAG_STRICT, struct raw_token, role, roles, COUNT_OF(roles)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t token_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_token, token_fields),
};

/* One in a file of its own: the file's name says whose it is and how it is called. */
static const cyaml_schema_field_t token_file_fields[] = {
    REQUIRED_TEXT("sha256", struct raw_token, sha256),
    CYAML_FIELD_ENUM("role", CYAML_FLAG_STRICT, struct raw_token, role, roles, COUNT_OF(roles)),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t raw_token_file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_token, token_file_fields),
};

static const cyaml_schema_field_t account_fields[] = {
    REQUIRED_TEXT("id", struct raw_account, id),
    REQUIRED_TEXT("name", struct raw_account, name),
    CYAML_FIELD_SEQUENCE_COUNT("tokens", OPTIONAL, struct raw_account, tokens, token_count,
                               &token_schema, 0, TOKENS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t account_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_account, account_fields),
};

static const cyaml_schema_field_t bucket_fields[] = {
    REQUIRED_TEXT("name", struct raw_bucket, name),
    TEXT("account", struct raw_bucket, account),
    CYAML_FIELD_ENUM("provider", CYAML_FLAG_STRICT, struct raw_bucket, provider, providers,
                     COUNT_OF(providers)),
    TEXT("path", struct raw_bucket, path),
    TEXT("server_url", struct raw_bucket, server_url),
    TEXT("bucket_name", struct raw_bucket, bucket_name),
    TEXT("prefix", struct raw_bucket, prefix),
    TEXT("region", struct raw_bucket, region),
    CYAML_FIELD_ENUM("path_style", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_bucket,
                     path_style, booleans, COUNT_OF(booleans)),
    TEXT("ca_file", struct raw_bucket, ca_file),
    TEXT("credentials_file", struct raw_bucket, credentials_file),
    NUMBER("upload_limit", struct raw_bucket, upload_limit),
    NUMBER("download_limit", struct raw_bucket, download_limit),
    CYAML_FIELD_ENUM("compression", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_bucket,
                     compression, compressions, COUNT_OF(compressions)),
    CYAML_FIELD_ENUM("extra_verify", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_bucket,
                     extra_verify, extra_verifies, COUNT_OF(extra_verifies)),
    NUMBER("jobs_max", struct raw_bucket, jobs_max),
    CYAML_FIELD_ENUM("default", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_bucket,
                     is_default, booleans, COUNT_OF(booleans)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t bucket_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_bucket, bucket_fields),
};

static const cyaml_schema_field_t config_fields[] = {
    TEXT("node", struct raw_config, node),
    TEXT("state_directory", struct raw_config, state_directory),
    TEXT("apps_directory", struct raw_config, apps_directory),
    TEXT("tokens_directory", struct raw_config, tokens_directory),
    TEXT("master_key_file", struct raw_config, master_key_file),
    CYAML_FIELD_MAPPING_PTR("redis", OPTIONAL, struct raw_config, redis, redis_fields),
    CYAML_FIELD_MAPPING_PTR("http", OPTIONAL, struct raw_config, http, http_fields),
    CYAML_FIELD_MAPPING_PTR("worker", OPTIONAL, struct raw_config, worker, worker_fields),
    CYAML_FIELD_SEQUENCE_COUNT("accounts", CYAML_FLAG_POINTER, struct raw_config, accounts,
                               account_count, &account_schema, 1, ACCOUNTS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("buckets", OPTIONAL, struct raw_config, buckets, bucket_count,
                               &bucket_schema, 0, BUCKETS_MAX),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t raw_config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, config_fields),
};
