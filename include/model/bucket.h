/*
 * Bucket: where backups go. The record is what Redis and the API know (never a credential); the
 * definition is what a node's configuration knows.
 *
 * Ids       UUIDv5 of (account or nil for the whole installation, "bucket/" name)
 * Source    Astra Control API, bucket 1.0-1.2. A directory is shown as provider "generic-s3" with
 *           serverURL "file://<host>" and bucketName the bucket's name, since the schema is closed
 *           and has no such provider. The others are shown as what they are.
 */
#ifndef MODEL_BUCKET_H
#define MODEL_BUCKET_H

#include "core/error.h"
#include "core/id.h"
#include "model/names.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_TYPE    "application/astra-bucket"
#define BUCKET_VERSION "1.2"

enum bucket_state {
    BUCKET_STATE_UNSET = 0,
    BUCKET_PENDING,
    BUCKET_AVAILABLE,
    BUCKET_FAILED,
    BUCKET_REMOVED,
    BUCKET_UNKNOWN,
    BUCKET_STATE_COUNT
};

enum bucket_provider {
    BUCKET_PROVIDER_UNSET = 0,
    BUCKET_DIRECTORY,
    BUCKET_GENERIC_S3, /* from here on: S3, one way to speak for all of them */
    BUCKET_AWS,
    BUCKET_STORAGEGRID_S3,
    BUCKET_ONTAP_S3,
    BUCKET_PROVIDER_COUNT
};

/* How hard data is compressed on its way there: what each costs stands in config/appbackup.yaml. */
enum bucket_compression {
    BUCKET_COMPRESSION_UNSET = 0, /* means auto */
    BUCKET_COMPRESSION_AUTO,
    BUCKET_COMPRESSION_FAST,
    BUCKET_COMPRESSION_BETTER,
    BUCKET_COMPRESSION_OFF,
    BUCKET_COMPRESSION_COUNT
};

/* Which of the blobs on their way there are read back first. */
enum bucket_extra_verify {
    BUCKET_EXTRA_VERIFY_UNSET = 0, /* means sample */
    BUCKET_EXTRA_VERIFY_SAMPLE,
    BUCKET_EXTRA_VERIFY_ALL
};

/* Redis hash bucket:<id>: id account name provider server_url bucket_name state state_details
 * is_default jobs_max created_ms modified_ms. account "" = every account may use it. */
struct bucket {
    char id[ID_SIZE];
    char account[ID_SIZE];
    char name[NAME_SIZE];
    enum bucket_provider provider;
    char server_url[1024];
    char bucket_name[NAME_SIZE];
    enum bucket_state state;
    json_t *state_details; /* owned; may be NULL */
    bool is_default;
    int64_t jobs_max; /* that may work on it at the same time, from all nodes; 0: any number */
    int64_t created_ms;
    int64_t modified_ms;
};

/* Beside server_url and bucket_name of the record. */
struct bucket_s3 {
    char *prefix; /* "" for none */
    char *region;
    bool path_style;
    char *ca_file;          /* NULL: what the system trusts */
    char *credentials_file; /* absolute, or "$CREDENTIALS_DIRECTORY/…" */
    char *cache_directory;  /* of this host, for copies of objects; NULL: none are kept */
};

struct bucket_definition {
    struct bucket bucket;
    char *path;           /* BUCKET_DIRECTORY: absolute; else NULL */
    char *seen_directory; /* BUCKET_DIRECTORY: of this host, for copies of the markers of buckets,
                           * access/bucket.h; NULL: none are kept, and no bucket is marked */
    struct bucket_s3 s3;  /* all but BUCKET_DIRECTORY */
    int64_t upload_limit, download_limit; /* bytes per second; 0: none */
    enum bucket_compression compression;
    enum bucket_extra_verify extra_verify;
};

const char *bucket_state_name(enum bucket_state state);
enum bucket_state bucket_state_from_name(const char *name);
const char *bucket_provider_name(enum bucket_provider provider); /* "directory", "aws" … */
bool bucket_provider_is_s3(enum bucket_provider provider);
enum bucket_provider bucket_provider_from_name(const char *name);

/* Where an app's repository is, as restic names it: "/path/<app>", "s3:https://host/bucket/<app>".
 * TOO_LARGE if it does not fit. */
enum status bucket_location(const struct bucket_definition *definition, const char *app, char *text,
                            size_t size, struct error *err) MUST_CHECK;

void bucket_id(const char *account, const char *name, char id[ID_SIZE]); /* account "" = nil */
enum status bucket_set_field(struct bucket *bucket, const char *field, const char *value,
                             struct error *err) MUST_CHECK;
enum status bucket_to_json(const struct bucket *bucket, json_t **ret_json, struct error *err)
    MUST_CHECK;
void bucket_done(struct bucket *bucket);
void bucket_definition_done(struct bucket_definition *definition);

#endif
