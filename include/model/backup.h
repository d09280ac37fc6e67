/*
 * Backup: the appBackup of the API, as it is kept in Redis (store) and shown to callers (api).
 *
 * States    pending -> discovering -> running -> completed | failed; deleting -> gone; removed.
 *           src/model/states.yaml declares them, and what leads from one to another. The
 *           transitions are Redis' business (src/store/functions): one writer.
 * Units     *_ms wall clock; bytes_*; percent 0-100, below 100 until completed
 * Ownership json_t members are owned by the struct: backup_done()
 * Source    Astra Control API, appBackup 1.0-1.2
 */
#ifndef MODEL_BACKUP_H
#define MODEL_BACKUP_H

#include "core/error.h"
#include "core/id.h"
#include "model/names.h"
#include "model/states.h" /* IWYU pragma: export */

#include <jansson.h>

#include <stdint.h>

#define BACKUP_TYPE "application/astra-appBackup"

enum { RESTIC_ID_SIZE = 65 }; /* 64 hex digits and the NUL */

struct backup {
    char id[ID_SIZE];
    char account[ID_SIZE];
    char app[ID_SIZE];
    char bucket[ID_SIZE];
    char snapshot[ID_SIZE];   /* "" until known */
    char schedule[ID_SIZE];   /* "" unless a schedule started it */
    char created_by[ID_SIZE]; /* who asked: the id of a token, or nil for a component */
    char app_name[NAME_SIZE];
    char name[NAME_SIZE];
    char node[NODE_NAME_SIZE];
    char version[VERSION_SIZE]; /* of the request, echoed */
    enum backup_state state;
    enum hook_state hook_state;
    json_t *labels;             /* array of {name, value}; never NULL after backup_init() */
    json_t *state_unready;      /* array of strings */
    json_t *state_details;      /* array of detail entries */
    json_t *hook_state_details; /* array of detail entries */
    int64_t created_ms;
    int64_t modified_ms;
    int64_t taken_ms;    /* when the data was frozen; 0 until then */
    int64_t bytes_total; /* -1 until discovered */
    int64_t bytes_done;  /* -1 until discovered */
    int64_t percent_done;
    int64_t revision;                         /* counts every change of the record */
    char repository_snapshot[RESTIC_ID_SIZE]; /* "" until committed */
};

/* What a caller asks for: the body of POST appBackups. */
struct backup_request {
    char version[VERSION_SIZE];
    char name[NAME_SIZE];   /* "": to be assigned */
    char bucket[ID_SIZE];   /* "": the default bucket */
    char snapshot[ID_SIZE]; /* "": take a new one */
    json_t *labels;         /* owned; never NULL after a successful read */
};

const char *backup_state_name(enum backup_state state);     /* "" for unset */
enum backup_state backup_state_from_name(const char *name); /* unset for anything else */
const char *hook_state_name(enum hook_state state);         /* "" for unset */
enum hook_state hook_state_from_name(const char *name);

enum status backup_init(struct backup *backup, struct error *err) MUST_CHECK;
void backup_done(struct backup *backup); /* a struct of all zeros is fine */

/*
 * Sets one field of the Redis hash backup:<id> in the struct. Names and values are those of
 * docs/redis.md:
 *
 *   id account app app_name bucket snapshot schedule created_by name node version state hook_state
 *   labels state_unready state_details hook_state_details (JSON text) created_ms modified_ms
 *   taken_ms bytes_total bytes_done percent_done revision repository_snapshot
 *
 * A field that is not known is ignored: an older program reads a newer record. Errors: CORRUPT.
 */
enum status backup_set_field(struct backup *backup, const char *field, const char *value,
                             struct error *err) MUST_CHECK;

/* A pending backup as it is asked for; who, where and by which name it is, is left to be filled in.
 * Caller owns what *ret_backup holds: backup_done(). */
enum status backup_from_request(const struct backup_request *request, struct backup *ret_backup,
                                struct error *err) MUST_CHECK;

/* The closed resource of the API; optional fields are left out while unknown. Caller owns. */
enum status backup_to_json(const struct backup *backup, json_t **ret_json, struct error *err)
    MUST_CHECK;

/* Reads a decoded body. INVALID: the text says which field and why. metadata is lenient:
 * only its labels count. Caller owns *ret_request: backup_request_done(). */
enum status backup_request_read(const json_t *body, struct backup_request *ret_request,
                                struct error *err) MUST_CHECK;
void backup_request_done(struct backup_request *request);

/* Adds what a caller has given as labels to the array, but for those that are the server's to set.
 * INVALID: the text says which and why. */
enum status backup_labels_read(const json_t *given, json_t *labels, struct error *err) MUST_CHECK;

enum { CANCEL_REASON_MAX = 255 }; /* characters */

/* What two requests have in common that ask for the same, as text. NULL only without memory. Caller
 * frees. */
char *backup_request_canonical(const struct backup_request *request);

/* The body of POST appBackups/<id>/cancel: {"reason": "..."}, or {}. */
struct backup_cancel_request {
    char reason[4 * CANCEL_REASON_MAX + 1]; /* "": none */
};

/* Reads a decoded body. INVALID: the text says which field and why. */
enum status backup_cancel_request_read(const json_t *body,
                                       struct backup_cancel_request *ret_request, struct error *err)
    MUST_CHECK;

#endif
