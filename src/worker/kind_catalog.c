/*
 * The kind catalog: a bucket is read for backups whose records Redis has lost.
 */
#include "core/cleanup.h"
#include "core/json.h"
#include "kinds.h"
#include "maintenance/maintenance.h"
#include "model/detail.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_ENTRIES = 500,
    PAGE_BYTES = 1 << 19, /* half of what a call may have; the labels of one fill less */
    REFUSED_MAX = 16
};

static enum status read_catalog(struct run *run, const struct work *work, struct error *err)
{
    return catalog_run(work, &run->result, run->findings, err);
}

/* Fills the page with entries from the first on, as many as may go in one call. */
static enum status fill_page(const json_t *catalog, size_t first, json_t *page, struct error *err)
{
    size_t bytes = 0;
    size_t count = json_array_size(catalog) - first;
    for (size_t i = 0; i < count && i < PAGE_ENTRIES && bytes < PAGE_BYTES; i++) {
        json_t *entry = json_array_get(catalog, first + i);
        CLEANUP(freep) char *text = json_write(entry);
        if (text == NULL || json_array_append(page, entry) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "catalogue");
        bytes += strlen(text);
    }
    return STATUS_OK;
}

/* The first ones stand for all of many. */
static void warn_of_refused(const struct store_cataloged *answer, struct run *run, size_t *count)
{
    for (size_t i = 0; i < json_array_size(answer->refused); i++, (*count)++) {
        if (*count < REFUSED_MAX)
            detail_add(run->result.state_details, REASON_SNAPSHOT_UNREADABLE, "Backup not taken",
                       json_string_value(json_array_get(answer->refused, i)), NULL);
    }
}

/* What was found goes in pages. */
static enum status send_findings(struct run *run, int64_t *ret_created, size_t *ret_refused,
                                 struct error *err)
{
    size_t count = json_array_size(run->findings);
    for (size_t sent = 0; sent < count;) {
        json_auto_t *page = json_array();
        CLEANUP(store_cataloged_done) struct store_cataloged answer = {.created = 0};
        if (fill_page(run->findings, sent, page, err) != STATUS_OK)
            return error_status(err);
        sent += json_array_size(page);
        if (store_catalog_report(run->store, &run->job, page, &answer, err) != STATUS_OK)
            return error_status(err);
        *ret_created += answer.created;
        warn_of_refused(&answer, run, ret_refused);
    }
    return STATUS_OK;
}

/* Some were found before the bucket failed: these have their records, whatever becomes of the job.
 * One that has lost its claim or was cancelled says nothing any more. */
static bool is_worth_telling(const struct run *run, enum status status)
{
    return status == STATUS_OK || (status != STATUS_LOST && status != STATUS_CANCELED &&
                                   json_array_size(run->findings) > 0);
}

/* Then the details say how many records were missing. */
static enum status tell(struct run *run, enum status status, const struct error *cause,
                        struct error *err)
{
    (void)cause;
    int64_t created = 0;
    size_t refused = 0;
    char text[128];
    if (!is_worth_telling(run, status))
        return STATUS_OK;
    if (send_findings(run, &created, &refused, err) != STATUS_OK)
        return error_status(err);
    int len = snprintf(text, sizeof(text), "%zu backups are in the bucket, %lld had no record",
                       json_array_size(run->findings), (long long)created);
    if (refused > 0)
        (void)snprintf(text + len, sizeof(text) - (size_t)len, ", %zu could not get one", refused);
    detail_add(run->result.state_details, REASON_CATALOGED,
               status == STATUS_OK ? "Bucket read" : "Bucket read in part", text, NULL);
    return STATUS_OK;
}

/* A bucket that this node does not have is another node's to read. */
const struct kind kind_catalog = {
    .subject = &subject_task,
    .first_state = BACKUP_RUNNING,
    .may_lack_bucket = true,
    .run = read_catalog,
    .tell = tell,
};
