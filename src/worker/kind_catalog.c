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
    PAGE_BYTES = 1 << 19 /* half of what a call may have; the labels of one fill less */
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

/* What was found goes in pages; then the details say how many records were missing. */
static enum status tell(struct run *run, enum status status, const struct error *cause,
                        struct error *err)
{
    (void)cause;
    if (status != STATUS_OK)
        return STATUS_OK;
    int64_t missing = 0;
    size_t count = json_array_size(run->findings);
    for (size_t sent = 0; sent < count;) {
        json_auto_t *page = json_array();
        int64_t created = 0;
        if (fill_page(run->findings, sent, page, err) != STATUS_OK)
            return error_status(err);
        sent += json_array_size(page);
        if (store_catalog_report(run->store, &run->job, page, &created, err) != STATUS_OK)
            return error_status(err);
        missing += created;
    }
    char text[96];
    (void)snprintf(text, sizeof(text), "%zu backups are in the bucket, %lld had no record", count,
                   (long long)missing);
    detail_add(run->result.state_details, REASON_CATALOGED, "Bucket read", text, NULL);
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
