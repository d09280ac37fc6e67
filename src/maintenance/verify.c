#include "repository/verify.h"

#include "access/tags.h"
#include "core/array.h"
#include "maintenance/maintenance.h"
#include "model/detail.h"
#include "repository/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct verify {
    const struct verify_plan *plan;
    struct work_result *result;
    struct verify_verdicts *verdicts;
    struct object_store *store;
    struct repository *repository;
    struct verification *verification;
    bool again;               /* this is the second look */
    struct blob_id *suspects; /* the packs that the first one found damaged */
    size_t suspect_count, suspect_capacity;
};

enum { ABSENT_ASKED_FOR_MAX = 64 };

static enum status report(const struct verify *verify, const char *stage, struct error *err)
{
    if (work_report_stage(&verify->plan->work, stage, verify->result, err) != STATUS_OK)
        return error_status(err);
    return verify->repository == NULL ? STATUS_OK
                                      : repository_refresh_lock(verify->repository, err);
}

static void swap(size_t *a, size_t *b)
{
    size_t kept = *a;
    *a = *b;
    *b = kept;
}

/* The first `wanted` of the list become a random choice of all. */
static void shuffle(size_t *packs, size_t count, size_t wanted)
{
    for (size_t i = 0; i < wanted; i++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
            random = (uint64_t)rand(); /* NOLINT(cert-msc30-c,cert-msc50-cpp,concurrency-mt-unsafe):
                                          only which packs are read hangs on it */
        swap(&packs[i], &packs[i + (size_t)(random % (count - i))]);
    }
}

static size_t sample_size(const struct verify *verify, size_t count)
{
    size_t wanted = (count * (size_t)verify->plan->sample + 99) / 100;
    return wanted > count ? count : wanted;
}

static bool is_suspect(const struct verify *verify, const struct blob_id *pack)
{
    for (size_t i = 0; i < verify->suspect_count; i++)
        if (memcmp(&verify->suspects[i], pack, sizeof(*pack)) == 0)
            return true;
    return false;
}

static enum status read_suspects(struct verify *verify, struct error *err)
{
    size_t count = verification_pack_count(verify->verification);
    for (size_t i = 0; i < count; i++) {
        if (is_suspect(verify, verification_pack_id(verify->verification, i)) &&
            (report(verify, "read", err) != STATUS_OK ||
             verification_read_pack(verify->verification, i, err) != STATUS_OK))
            return error_status(err);
    }
    return report(verify, "walk", err);
}

static enum status note_suspects(struct verify *verify, struct error *err)
{
    size_t count = verification_pack_count(verify->verification);
    for (size_t i = 0; i < count; i++) {
        if (!verification_pack_is_bad(verify->verification, i))
            continue;
        if (array_reserve(&verify->suspects, &verify->suspect_capacity, verify->suspect_count + 1,
                          sizeof(*verify->suspects), err) != STATUS_OK)
            return FAIL_IN(err, "damaged packs");
        verify->suspects[verify->suspect_count++] = *verification_pack_id(verify->verification, i);
    }
    return STATUS_OK;
}

static enum status read_packs(struct verify *verify, struct error *err)
{
    size_t count = verification_pack_count(verify->verification);
    size_t wanted = sample_size(verify, count);
    CLEANUP(free_any) size_t *packs = calloc(count + 1, sizeof(*packs));
    if (packs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu packs", count);
    for (size_t i = 0; i < count; i++)
        packs[i] = i;
    shuffle(packs, count, wanted);
    verify->result->bytes_done = 0;
    verify->result->bytes_total = 0;
    for (size_t i = 0; i < wanted; i++)
        verify->result->bytes_total +=
            (int64_t)verification_pack_bytes(verify->verification, packs[i]);
    for (size_t i = 0; i < wanted; i++) {
        if (report(verify, "read", err) != STATUS_OK ||
            verification_read_pack(verify->verification, packs[i], err) != STATUS_OK)
            return error_status(err);
        verify->result->bytes_done +=
            (int64_t)verification_pack_bytes(verify->verification, packs[i]);
    }
    return report(verify, "walk", err);
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    struct verify *verify = context;
    char problem[VERIFICATION_TEXT_SIZE];
    const char *backup = tag_value(snapshot, TAG_BACKUP);
    if (report(verify, "walk", err) != STATUS_OK ||
        verification_check_tree(verify->verification, &snapshot->tree, verify->plan->work.cancel,
                                problem, err) != STATUS_OK)
        return error_status(err);
    if (problem[0] != '\0' && verification_damage_count(verify->verification) == 0)
        detail_add(verify->result->state_details, REASON_DATA_DAMAGED, "Data damaged", problem,
                   NULL);
    if (backup == NULL || !id_is_valid(backup))
        return STATUS_OK;
    json_t *verdict = json_pack("{s:s, s:s}", "backup", backup, "problem", problem);
    if (json_array_append_new(verify->verdicts->backups, verdict) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    return STATUS_OK;
}

static enum status damaged(struct verify *verify, const char *text, struct error *err)
{
    detail_add(verify->result->state_details, REASON_DATA_DAMAGED, "Data damaged", text, NULL);
    const json_t *first = json_array_get(verify->result->state_details, 0);
    const char *named = json_string_value(json_object_get(first, "detail"));
    size_t count = json_array_size(verify->result->state_details);
    char message[ERROR_TEXT_MAX];
    (void)snprintf(message, sizeof(message), "%.300s", named == NULL ? text : named);
    if (count > 1)
        return FAIL_REASON(err, STATUS_CORRUPT, REASON_DATA_DAMAGED, "%s (and %zu more)", message,
                           count - 1);
    return FAIL_REASON(err, STATUS_CORRUPT, REASON_DATA_DAMAGED, "%s", message);
}

/* A snapshot that cannot be read does not hide the others. */
static enum status walk(struct verify *verify, struct error *err)
{
    enum status status = repository_list_snapshots(verify->repository, on_snapshot, verify, err);
    if (status != STATUS_OK && !repository_snapshot_is_unreadable(status))
        return status;
    verify->verdicts->complete = true;
    size_t count = verification_damage_count(verify->verification);
    for (size_t i = 0; i < count && i < VERIFICATION_DAMAGES_MAX; i++)
        detail_add(verify->result->state_details, REASON_DATA_DAMAGED, "Data damaged",
                   verification_damage(verify->verification, i), NULL);
    if (status != STATUS_OK) {
        struct error cause = *err;
        return damaged(verify, cause.text, err);
    }
    if (json_array_size(verify->result->state_details) > 0)
        return damaged(verify, "", err);
    return STATUS_OK;
}

static bool is_damage(enum status status)
{
    return status == STATUS_CORRUPT || status == STATUS_TOO_LARGE || status == STATUS_UNSUPPORTED;
}

static enum status look(struct verify *verify, struct error *err)
{
    enum status status = repository_load_index(verify->repository, verify->plan->work.cancel, err);
    if (is_damage(status)) {
        struct error cause = *err;
        return damaged(verify, cause.text, err);
    }
    if (status != STATUS_OK)
        return status;
    if (verification_new(verify->repository, &verify->verification, err) != STATUS_OK)
        return error_status(err);
    status = verify->again ? read_suspects(verify, err) : read_packs(verify, err);
    if (status == STATUS_OK && !verify->again)
        status = note_suspects(verify, err);
    if (status == STATUS_OK)
        status = walk(verify, err);
    verification_free(STEAL(verify->verification));
    return status;
}

/* What a first look finds may be the fault of what lies between the bucket and us. */
static enum status look_twice(struct verify *verify, struct error *err)
{
    enum status status = look(verify, err);
    if (status != STATUS_CORRUPT || !error_is(err, REASON_DATA_DAMAGED))
        return status;
    if (json_array_clear(verify->result->state_details) != 0 ||
        json_array_clear(verify->verdicts->backups) != 0)
        return FAIL(err, STATUS_INTERNAL, "the findings of the first look");
    verify->verdicts->complete = false;
    verify->again = true;
    if (object_store_look_again(verify->store, err) != STATUS_OK)
        return error_status(err);
    return look(verify, err);
}

static enum status under_lock(struct verify *verify, struct error *err)
{
    if (repository_lock(verify->repository, false, verify->plan->work.cancel, err) != STATUS_OK)
        return error_status(err);
    return work_unlock(verify->repository, look_twice(verify, err), err);
}

/* Backups have been completed here; that there is no repository means that all of them are gone. */
static enum status open_and_look(struct verify *verify, struct object_store *store,
                                 struct error *err)
{
    CLEANUP(repository_closep) struct repository *repository = NULL;
    enum status status = work_open_repository(&verify->plan->work, store, false, &repository, err);
    if (status == STATUS_NOT_FOUND) {
        verify->verdicts->complete = true;
        return damaged(verify, "there is no repository of this app in the bucket", err);
    }
    if (is_damage(status)) {
        struct error cause = *err;
        return damaged(verify, cause.text, err);
    }
    if (status != STATUS_OK)
        return status;
    repository_distrust_copies(repository);
    verify->repository = repository;
    verify->store = store;
    status = under_lock(verify, err);
    free(verify->suspects);
    return status;
}

enum status verify_run(const struct verify_plan *plan, struct work_result *result,
                       struct verify_verdicts *verdicts, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    struct verify verify = {.plan = plan, .result = result, .verdicts = verdicts};
    if (report(&verify, "open", err) != STATUS_OK ||
        work_open_store(&plan->work, &store, err) != STATUS_OK)
        return FAIL_IN(err, "verify");
    return open_and_look(&verify, store, err);
}

static enum status check_absent(struct repository *repository, const char *snapshot,
                                struct error *err)
{
    struct blob_id id;
    bool lost = false;
    if (!blob_id_from_text(snapshot, &id))
        return STATUS_OK;
    if (repository_snapshot_is_lost(repository, &id, &lost, err) != STATUS_OK)
        return error_status(err);
    if (lost)
        return STATUS_OK;
    return FAIL_REASON(
        err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
        "the bucket does not list snapshots/%s, which is there: what it lists is not "
        "to be believed",
        snapshot);
}

/* The first ones answer for all of many. */
enum status verify_check_absent(const struct work *work, const json_t *snapshots, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    size_t count = json_array_size(snapshots);
    if (count == 0)
        return STATUS_OK;
    if (work_open_existing(work, &store, &repository, err) != STATUS_OK)
        return FAIL_IN(err, "verify");
    if (repository == NULL)
        return STATUS_OK;
    repository_distrust_copies(repository);
    for (size_t i = 0; i < count && i < ABSENT_ASKED_FOR_MAX; i++) {
        const char *snapshot = json_string_value(json_array_get(snapshots, i));
        if (cancel_check(work->cancel, err) != STATUS_OK ||
            check_absent(repository, snapshot, err) != STATUS_OK)
            return FAIL_IN(err, "verify");
    }
    return STATUS_OK;
}
