#include "access/bucket.h"
#include "access/figures.h"
#include "access/tags.h"
#include "core/array.h"
#include "core/cleanup.h"
#include "core/json.h"
#include "core/point.h"
#include "maintenance/maintenance.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/detail.h"
#include "model/names.h"
#include "repository/snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WARNINGS_MAX = 16, FOUND_NAME_DIGITS = 8 };

struct catalogue {
    const struct work *work;
    struct work_result *result;
    json_t *entries;        /* the caller's */
    json_t *numbers;        /* owned: id of a backup -> where its entry is */
    struct timespec *times; /* when the snapshot of each entry was taken */
    size_t capacity;
    size_t warnings;
};

static void catalogue_done(const struct catalogue *catalogue)
{
    json_decref(catalogue->numbers);
    free(catalogue->times);
}

/* The first ones stand for all of many. */
static void warn(struct catalogue *catalogue, const char *title, const char *text)
{
    if (catalogue->warnings++ < WARNINGS_MAX)
        detail_add(catalogue->result->state_details, REASON_SNAPSHOT_UNREADABLE, title, text, NULL);
}

static void warn_of_others(struct catalogue *catalogue)
{
    char text[96];
    if (catalogue->warnings <= WARNINGS_MAX)
        return;
    (void)snprintf(text, sizeof(text), "%zu more snapshots are not readable, or not all of them",
                   catalogue->warnings - WARNINGS_MAX);
    detail_add(catalogue->result->state_details, REASON_SNAPSHOT_UNREADABLE, "Others not named",
               text, NULL);
}

static void on_unreadable(void *context, const struct error *cause)
{
    warn(context, "Snapshot not readable", cause->text);
}

/* What is not taken of one snapshot, or not as it says. */
struct remarks {
    char text[DETAIL_TEXT_MAX + 1];
    size_t len;
};

static void remark(struct remarks *remarks, const char *format, ...) PRINTF_LIKE(2, 3);

static void remark(struct remarks *remarks, const char *format, ...)
{
    va_list args;
    const char *separator = remarks->len == 0 ? "" : "; ";
    size_t room = sizeof(remarks->text) - remarks->len;
    va_start(args, format);
    int len = snprintf(remarks->text + remarks->len, room, "%s", separator);
    if ((size_t)len < room)
        len += vsnprintf(remarks->text + remarks->len + len, room - (size_t)len, format, args);
    va_end(args);
    remarks->len = (size_t)len < room ? remarks->len + (size_t)len : sizeof(remarks->text) - 1;
}

static void warn_of(struct catalogue *catalogue, const struct repository_snapshot *snapshot,
                    const char *title, const char *text)
{
    char id[BLOB_ID_TEXT_SIZE];
    char line[DETAIL_TEXT_MAX + 1];
    blob_id_to_text(&snapshot->id, id);
    (void)snprintf(line, sizeof(line), "snapshots/%s: %.400s", id, text);
    warn(catalogue, title, line);
}

static void refuse(struct catalogue *catalogue, const struct repository_snapshot *snapshot,
                   const char *why)
{
    warn_of(catalogue, snapshot, "Snapshot not taken", why);
}

static bool has_mark(const struct repository_snapshot *snapshot)
{
    for (const char *const *tag = snapshot->tags; *tag != NULL; tag++)
        if (strcmp(*tag, TAG_MARK) == 0)
            return true;
    return false;
}

static bool is_version(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < VERSION_SIZE && strspn(text, "0123456789.") == len;
}

/* What others must be able to read as well. */
static bool read_labels(const char *text, json_t *labels)
{
    struct error ignored = {0};
    json_auto_t *given = NULL;
    return json_read(text, strlen(text), &given, &ignored) == STATUS_OK &&
           backup_labels_read(given, labels, &ignored) == STATUS_OK && json_array_size(labels) > 0;
}

/* The app that the snapshot names, where it is not the one whose repository this is: it may be a
 * copy from there. "": it names none. */
static void find_other_app(const struct catalogue *catalogue,
                           const struct repository_snapshot *snapshot, char id[ID_SIZE])
{
    const char *name = tag_value(snapshot, TAG_APP);
    const char *account = tag_value(snapshot, TAG_ACCOUNT);
    id[0] = '\0';
    if (name == NULL || !name_is_label(name) || account == NULL || !id_is_valid(account))
        return;
    app_id(account, name, id);
    if (strcmp(id, catalogue->work->app_id) == 0)
        id[0] = '\0';
}

/* What older snapshots do not tell, and what somebody has changed, is left out. */
static enum status add_request(const struct catalogue *catalogue,
                               const struct repository_snapshot *snapshot, json_t *entry,
                               struct error *err)
{
    const char *by = tag_value(snapshot, TAG_BY);
    const char *version = tag_value(snapshot, TAG_VERSION);
    const char *text = tag_value(snapshot, TAG_LABELS);
    char other_app[ID_SIZE];
    json_auto_t *labels = json_array();
    find_other_app(catalogue, snapshot, other_app);
    if ((by != NULL && id_is_valid(by) &&
         json_object_set_new(entry, "created_by", json_string(by)) != 0) ||
        (version != NULL && is_version(version) &&
         json_object_set_new(entry, "version", json_string(version)) != 0) ||
        (text != NULL && read_labels(text, labels) &&
         json_object_set(entry, "labels", labels) != 0) ||
        (other_app[0] != '\0' &&
         json_object_set_new(entry, "other_app", json_string(other_app)) != 0))
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    return STATUS_OK;
}

/* One that has lost its name is called after its id. */
static void choose_name(const struct repository_snapshot *snapshot, const char *backup,
                        char name[NAME_SIZE], struct remarks *remarks)
{
    const char *told = tag_value(snapshot, TAG_NAME);
    if (told != NULL && name_is_label(told)) {
        (void)snprintf(name, NAME_SIZE, "%s", told);
        return;
    }
    (void)snprintf(name, NAME_SIZE, "backup-%.*s", FOUND_NAME_DIGITS, backup);
    remark(remarks, "it tells no name of backup %s, which is called %s now", backup, name);
}

static enum status make_entry(struct catalogue *catalogue,
                              const struct repository_snapshot *snapshot, const char *backup,
                              json_t **ret_entry, struct error *err)
{
    struct remarks remarks = {.len = 0};
    const struct figures figures = figures_of(snapshot);
    char id[BLOB_ID_TEXT_SIZE];
    char name[NAME_SIZE];
    choose_name(snapshot, backup, name, &remarks);
    if (figures.other_time)
        remark(&remarks, "its time lies before 1970, where the record of backup %s begins", backup);
    if (figures.other_bytes)
        remark(&remarks, "it tells of %llu bytes, the record of backup %s of 2^53",
               (unsigned long long)snapshot->bytes, backup);
    if (remarks.len > 0)
        warn_of(catalogue, snapshot, "Snapshot not taken as it is", remarks.text);
    blob_id_to_text(&snapshot->id, id);
    json_auto_t *entry =
        json_pack("{s:s, s:s, s:I, s:I, s:s}", "backup", backup, "name", name, "taken_ms",
                  (json_int_t)figures.taken_ms, "bytes", (json_int_t)figures.bytes, "snapshot", id);
    if (entry == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    if (add_request(catalogue, snapshot, entry, err) != STATUS_OK)
        return error_status(err);
    *ret_entry = json_incref(entry);
    return STATUS_OK;
}

static enum status append(struct catalogue *catalogue, const char *backup,
                          const struct timespec *time, json_t *entry, struct error *err)
{
    size_t count = json_array_size(catalogue->entries);
    if (array_reserve(&catalogue->times, &catalogue->capacity, count + 1, sizeof(*catalogue->times),
                      err) != STATUS_OK)
        return FAIL_IN(err, "catalogue");
    catalogue->times[count] = *time;
    if (json_object_set_new(catalogue->numbers, backup, json_integer((json_int_t)count)) != 0 ||
        json_array_append(catalogue->entries, entry) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    return STATUS_OK;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Of several snapshots of one backup the latest counts, as whoever looks for one by its tag has it.
 */
static enum status choose(struct catalogue *catalogue, size_t number,
                          const struct repository_snapshot *snapshot, json_t *entry,
                          struct error *err)
{
    bool replaces = is_later(&snapshot->time, &catalogue->times[number]);
    const json_t *present = json_array_get(catalogue->entries, number);
    const json_t *dropped = replaces ? present : entry;
    const json_t *kept = replaces ? entry : present;
    char text[DETAIL_TEXT_MAX + 1];
    (void)snprintf(text, sizeof(text),
                   "snapshots/%s: backup %s has another snapshot, and the record that of "
                   "snapshots/%s, which is not older",
                   json_string_value(json_object_get(dropped, "snapshot")),
                   json_string_value(json_object_get(entry, "backup")),
                   json_string_value(json_object_get(kept, "snapshot")));
    warn(catalogue, "Snapshot not taken", text);
    if (!replaces)
        return STATUS_OK;
    catalogue->times[number] = snapshot->time;
    if (json_array_set(catalogue->entries, number, entry) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    return STATUS_OK;
}

/* Somebody else's snapshot, made with restic, has no tags like ours, or anything in them. */
static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    struct catalogue *catalogue = context;
    const char *backup = tag_value(snapshot, TAG_BACKUP);
    if (backup == NULL || !id_is_valid(backup) || strcmp(backup, ID_NIL) == 0) {
        if (has_mark(snapshot))
            refuse(catalogue, snapshot, "it does not tell which backup it is");
        return STATUS_OK;
    }
    json_auto_t *entry = NULL;
    if (make_entry(catalogue, snapshot, backup, &entry, err) != STATUS_OK)
        return error_status(err);
    const json_t *number = json_object_get(catalogue->numbers, backup);
    if (number == NULL)
        return append(catalogue, backup, &snapshot->time, entry, err);
    return choose(catalogue, (size_t)json_integer_value(number), snapshot, entry, err);
}

static enum status read_all(struct repository *repository, const struct work *work,
                            struct work_result *result, json_t *entries, struct error *err)
{
    CLEANUP(catalogue_done)
    struct catalogue catalogue = {
        .work = work, .result = result, .entries = entries, .numbers = json_object()};
    const struct repository_snapshot_visitor visitor = {
        .seen = on_snapshot, .unreadable = on_unreadable, .context = &catalogue};
    point_pass("catalog");
    if (catalogue.numbers == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    enum status status = repository_visit_snapshots(repository, &visitor, err);
    warn_of_others(&catalogue);
    return status;
}

enum status catalog_run(const struct work *work, struct work_result *result, json_t *entries,
                        struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (work_report_stage(work, "open", result, err) != STATUS_OK ||
        work_open_existing(work, &store, &repository, err) != STATUS_OK)
        return FAIL_IN(err, "catalog");
    if (repository == NULL)
        return STATUS_OK;
    if (work_report_stage(work, "list", result, err) != STATUS_OK ||
        read_all(repository, work, result, entries, err) != STATUS_OK)
        return FAIL_IN(err, "catalog");
    return STATUS_OK;
}

enum status catalog_exists(const struct bucket_definition *bucket, const char *app_id,
                           bool *ret_exists, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    const struct access_bucket_use use = {.below = app_id};
    uint64_t size = 0;
    if (access_bucket_open(bucket, &use, &store, err) != STATUS_OK)
        return error_status(err);
    enum status status = object_store_size(store, "config", &size, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *ret_exists = status == STATUS_OK;
    return STATUS_OK;
}
