/*
 * Problem: what a caller gets instead of a resource (RFC 9457), numbered as the API numbers them.
 *
 * Shapes    {"type": "https://astra.netapp.io/problems/<number>", "title", "detail",
 *            "status": "<code>", "correlationID", …members of that number}
 *           Number 0, for what the catalogue does not know, has the type "about:blank".
 * Source    Astra Control API, section "Problem types"; the sentences are ours
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "core/error.h"
#include "http/server.h"

#include <jansson.h>

#include <stddef.h>

enum problem_number {
    PROBLEM_NONE = 0,
    PROBLEM_RESOURCE_NOT_FOUND = 1,
    PROBLEM_COLLECTION_NOT_FOUND = 2,
    PROBLEM_TOKEN_MISSING = 3,
    PROBLEM_TOKEN_INVALID = 4,
    PROBLEM_QUERY_INVALID = 5,     /* invalidParams */
    PROBLEM_QUERY_UNSUPPORTED = 6, /* invalidParams */
    PROBLEM_JSON_PAYLOAD = 7,
    PROBLEM_JSON_SCHEMA = 8, /* schemaValidationFailure */
    PROBLEM_KEY_REUSED = 10,
    PROBLEM_NOT_PERMITTED = 11,
    PROBLEM_HEADERS_INVALID = 12, /* invalidParams */
    PROBLEM_NOT_ACCEPTABLE = 32,
    PROBLEM_ACCOUNT_ID = 33,
    PROBLEM_INTERNAL = 34,
    PROBLEM_RESOURCE_ID = 35,
    PROBLEM_NOT_READY = 41,
    PROBLEM_SNAPSHOT_NOT_FOUND = 46,
    PROBLEM_SNAPSHOT_FOREIGN = 47,
    PROBLEM_METHOD = 69,
    PROBLEM_BACKUP_NOT_FOUND = 74,
    PROBLEM_BACKUP_FOREIGN = 76,
    PROBLEM_HEADER_MISSING = 79,
    PROBLEM_BODY_TOO_LARGE = 85,
    PROBLEM_BACKUP_NOT_CREATED = 94,
    PROBLEM_BACKUP_NOT_RETRIEVED = 95,
    PROBLEM_BACKUPS_NOT_LISTED = 96,
    PROBLEM_BACKUP_NOT_DELETED = 97,
    PROBLEM_RESOURCES_NOT_LISTED = 101,
    PROBLEM_RESOURCE_NOT_UPDATED = 102,
    PROBLEM_RESOURCE_NOT_RETRIEVED = 103,
    PROBLEM_BUCKET_NOT_FOUND = 108,
    PROBLEM_APP_NOT_READY = 112,
    PROBLEM_NO_BUCKET = 127,
    PROBLEM_CANCEL_NOT_ALLOWED = 128,
    PROBLEM_BACKUP_IN_USE = 142,
    PROBLEM_NAME_TAKEN = 143,
    PROBLEM_RESTORE_NOT_SUPPORTED = 152,
    PROBLEM_RESTORE_SELECTIVE = 155,
    PROBLEM_ALREADY_DELETING = 174
};

struct problem {
    enum problem_number number;
    json_t *extra; /* members of this number; owned; NULL for none */
};

void problem_set(struct problem *problem, enum problem_number number);

/* Adds {name, reason} to invalidParams, which the number must have. The texts may be any bytes.
 * Without memory the entry is left out: the problem stands without it. */
void problem_add_reason(struct problem *problem, enum problem_number number, const char *name,
                        const char *reason);

/* The member schemaValidationFailure. */
void problem_set_schema_failure(struct problem *problem, const char *text);
/* What a body that cannot be read is: its schema is wrong, unless the failure may pass. */
void problem_set_body_failure(struct problem *problem, const struct error *err);
void problem_done(struct problem *problem);

enum http_code problem_code(enum problem_number number);

/* The number for a reason of the store (store/store.h); NONE if it has none. */
enum problem_number problem_from_reason(const char *reason);

/* The document. otherwise: the code of number 0. NULL only without memory; caller frees. */
char *problem_write(const struct problem *problem, enum http_code otherwise,
                    const char *correlation_id);

#endif
