#include "undo/record.h"

#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const enum hook_stage post_stages[] = {HOOK_POST_SNAPSHOT, HOOK_POST_BACKUP,
                                              HOOK_POST_RESTORE};

static const char *const phase_names[RESTORE_PHASE_COUNT] = {
    [RESTORE_NONE] = "none",
    [RESTORE_BESIDE] = "beside",
    [RESTORE_SWAP] = "swap",
    [RESTORE_SWAPPED] = "swapped",
};

enum { POST_STAGE_COUNT = sizeof(post_stages) / sizeof(post_stages[0]) };

static void texts_free(char **texts)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
        free(texts[i]);
    free(texts);
}

static void hook_done(struct app_hook *hook)
{
    texts_free(hook->command);
    free(hook->name);
    free(hook->user);
}

static void hooks_done(struct app_hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++)
        hook_done(&hooks->items[i]);
    free(hooks->items);
}

void undo_record_done(struct undo_record *record)
{
    for (size_t i = 0; record->owns_hooks && i < HOOK_STAGE_COUNT; i++)
        hooks_done(&record->hooks[i]);
    free(record->snapshots);
    free(record->places);
    texts_free(record->excludes);
    *record = (struct undo_record){0};
}

enum status undo_record_set_excludes(struct undo_record *record, char *const *patterns,
                                     struct error *err)
{
    size_t count = 0;
    while (patterns != NULL && patterns[count] != NULL)
        count++;
    char **copies = calloc(count + 1, sizeof(*copies));
    bool complete = copies != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        copies[i] = strdup(patterns[i]);
        complete = copies[i] != NULL;
    }
    if (!complete) {
        texts_free(copies);
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    }
    texts_free(record->excludes);
    record->excludes = copies;
    return STATUS_OK;
}

enum status undo_record_path(const char *directory, const char *job, char *path, struct error *err)
{
    if (!id_is_valid(job))
        return FAIL(err, STATUS_INVALID, "undo record: '%.60s' is not the id of a job", job);
    int len = snprintf(path, PATH_MAX, "%s/%s.json", directory, job);
    if (len < 0 || len >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "undo directory '%s'", directory);
    return STATUS_OK;
}

static json_t *texts_to_json(char *const *texts)
{
    json_t *list = json_array();
    for (; texts != NULL && *texts != NULL; texts++) {
        if (json_array_append_new(list, json_string(*texts)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *hook_to_json(const struct app_hook *hook)
{
    return json_pack("{s:s, s:o, s:s?, s:I, s:b}", "name", hook->name, "command",
                     texts_to_json(hook->command), "user", hook->user, "timeout_ms",
                     (json_int_t)hook->timeout_ms, "abort", hook->abort_on_failure ? 1 : 0);
}

static json_t *hooks_to_json(const struct app_hooks *hooks)
{
    json_t *list = json_array();
    for (size_t i = 0; i < hooks->count; i++) {
        if (json_array_append_new(list, hook_to_json(&hooks->items[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *owed_to_json(const struct undo_record *record)
{
    json_t *owed = json_object();
    for (size_t i = 0; i < POST_STAGE_COUNT; i++) {
        enum hook_stage stage = post_stages[i];
        if (!record->owed[stage])
            continue;
        if (json_object_set_new(owed, hook_stage_name(stage),
                                hooks_to_json(&record->hooks[stage])) != 0) {
            json_decref(owed);
            return NULL;
        }
    }
    return owed;
}

static json_t *snapshots_to_json(const struct undo_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->snapshot_count; i++) {
        const struct snapshot_plan *plan = &record->snapshots[i];
        json_t *entry = json_pack(
            "{s:s, s:s, s:s, s:s, s:b}", "driver", app_snapshot_driver_name(plan->driver), "volume",
            plan->volume, "path", plan->path, "root", plan->root, "marked", plan->unmarked ? 0 : 1);
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *place_to_json(const struct undo_place *place)
{
    json_t *json = json_pack("{s:s, s:b, s:I}", "volume", place->volume, "inside",
                             place->inside ? 1 : 0, "inode", (json_int_t)place->made.inode);
    if (place->by_inode)
        return json;
    json_t *identities =
        json_pack("{s:I, s:I, s:I}", "born_ns", (json_int_t)place->made.born_ns, "old_inode",
                  (json_int_t)place->old.inode, "old_born_ns", (json_int_t)place->old.born_ns);
    if (json_object_update_new(json, identities) == 0)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *places_to_json(const struct undo_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->place_count; i++) {
        json_t *entry = place_to_json(&record->places[i]);
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool add_target(const struct undo_record *record, json_t *restore)
{
    json_t *target = json_pack("{s:I, s:I}", "inode", (json_int_t)record->target.inode, "born_ns",
                               (json_int_t)record->target.born_ns);
    return json_object_set_new(restore, "target", target) == 0;
}

static bool add_restore(const struct undo_record *record, json_t *json)
{
    if (record->phase == RESTORE_NONE)
        return true;
    json_t *restore =
        json_pack("{s:s, s:I, s:o, s:o, s:b, s:b}", "phase", phase_names[record->phase], "since_ms",
                  (json_int_t)record->since_ms, "places", places_to_json(record), "excludes",
                  texts_to_json(record->excludes), "exclude_caches", record->exclude_caches ? 1 : 0,
                  "carried", record->carried ? 1 : 0);
    if (record->target.inode != 0 && !add_target(record, restore)) {
        json_decref(restore);
        return false;
    }
    return json_object_set_new(json, "restore", restore) == 0;
}

static bool add_tries(const struct undo_record *record, json_t *json)
{
    return record->tries == 0 ||
           (json_object_set_new(json, "tries", json_integer((json_int_t)record->tries)) == 0 &&
            json_object_set_new(json, "tried_ms", json_integer((json_int_t)record->tried_ms)) == 0);
}

enum status undo_record_write(const struct undo_record *record, const char *directory,
                              struct error *err)
{
    char path[PATH_MAX];
    if (undo_record_path(directory, record->job, path, err) != STATUS_OK)
        return error_status(err);
    json_auto_t *json =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "version", RECORD_VERSION, "job", record->job,
                  "backup", record->backup, "app", record->app, "hooks", owed_to_json(record),
                  "snapshots", snapshots_to_json(record));
    bool complete = json != NULL && add_restore(record, json) && add_tries(record, json);
    CLEANUP(freep) char *text = complete ? json_write(json) : NULL;
    if (text == NULL)
        return FAIL(err, STATUS_INVALID,
                    "undo record: hooks and paths must be UTF-8 text (or there is no memory)");
    if (file_make_directories(directory, 0700, err) != STATUS_OK ||
        file_replace(path, text, strlen(text), 0600, err) != STATUS_OK)
        return FAIL_IN(err, "undo record");
    return STATUS_OK;
}

static enum status copy_text(const json_t *object, const char *field, char *text, size_t size,
                             struct error *err)
{
    const char *value = NULL;
    if (json_get_text(object, field, &value, err) != STATUS_OK)
        return error_status(err);
    size_t len = strlen(value);
    if (len >= size)
        return FAIL(err, STATUS_INVALID, "'%s' is longer than %zu bytes", field, size - 1);
    memcpy(text, value, len + 1);
    return STATUS_OK;
}

static enum status duplicate(const char *value, char **ret_text, struct error *err)
{
    if (value == NULL)
        return STATUS_OK;
    char *text = strdup(value);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    *ret_text = text;
    return STATUS_OK;
}

static enum status texts_from_json(const json_t *list, const char *field, char ***ret_texts,
                                   struct error *err)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list))
        return FAIL(err, STATUS_INVALID, "'%s' must be an array of strings", field);
    char **texts = calloc(count + 1, sizeof(*texts));
    if (texts == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    *ret_texts = texts; /* owned by the record from here on, also half done */
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL)
            return FAIL(err, STATUS_INVALID, "'%s' must be an array of strings", field);
        if (duplicate(text, &texts[i], err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status command_from_json(const json_t *list, char ***ret_command, struct error *err)
{
    if (json_array_size(list) == 0)
        return FAIL(err, STATUS_INVALID, "'command' must be an array of strings");
    if (texts_from_json(list, "command", ret_command, err) != STATUS_OK)
        return error_status(err);
    if ((*ret_command)[0][0] != '/')
        return FAIL(err, STATUS_INVALID, "'command' must begin with an absolute path");
    return STATUS_OK;
}

static enum status hook_from_json(const json_t *json, struct app_hook *hook, struct error *err)
{
    const char *name = NULL;
    const char *user = NULL;
    if (json_get_text(json, "name", &name, err) != STATUS_OK ||
        duplicate(name, &hook->name, err) != STATUS_OK ||
        command_from_json(json_object_get(json, "command"), &hook->command, err) != STATUS_OK ||
        json_get_integer(json, "timeout_ms", &hook->timeout_ms, err) != STATUS_OK)
        return error_status(err);
    if (!json_is_null(json_object_get(json, "user")) &&
        json_get_optional_text(json, "user", &user, err) != STATUS_OK)
        return error_status(err);
    if (hook->timeout_ms <= 0)
        return FAIL(err, STATUS_INVALID, "'timeout_ms' must be above 0");
    hook->abort_on_failure = json_is_true(json_object_get(json, "abort"));
    return duplicate(user, &hook->user, err);
}

static enum status hooks_from_json(const json_t *list, struct app_hooks *hooks, struct error *err)
{
    if (!json_is_array(list))
        return FAIL(err, STATUS_INVALID, "'hooks' must hold arrays");
    hooks->items = calloc(json_array_size(list) + 1, sizeof(*hooks->items));
    if (hooks->items == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    hooks->count = json_array_size(list);
    for (size_t i = 0; i < hooks->count; i++)
        if (hook_from_json(json_array_get(list, i), &hooks->items[i], err) != STATUS_OK)
            return FAIL_IN(err, "hook %zu", i);
    return STATUS_OK;
}

static enum status owed_from_json(const json_t *owed, struct undo_record *record, struct error *err)
{
    if (!json_is_object(owed))
        return FAIL(err, STATUS_INVALID, "'hooks' must be an object");
    for (size_t i = 0; i < POST_STAGE_COUNT; i++) {
        enum hook_stage stage = post_stages[i];
        const json_t *list = json_object_get(owed, hook_stage_name(stage));
        if (list == NULL)
            continue;
        record->owed[stage] = true;
        if (hooks_from_json(list, &record->hooks[stage], err) != STATUS_OK)
            return FAIL_IN(err, "'%s'", hook_stage_name(stage));
    }
    return STATUS_OK;
}

static enum status driver_from_json(const json_t *json, enum app_snapshot_driver *ret_driver,
                                    struct error *err)
{
    const char *name = NULL;
    if (json_get_text(json, "driver", &name, err) != STATUS_OK)
        return error_status(err);

    enum app_snapshot_driver driver = app_snapshot_driver_from_name(name);
    if (driver != APP_SNAPSHOT_AUTO) {
        *ret_driver = driver;
        return STATUS_OK;
    }
    return FAIL(err, STATUS_INVALID, "'driver': '%.40s' is not one", name);
}

static enum status snapshot_from_json(const json_t *json, struct snapshot_plan *plan,
                                      struct error *err)
{
    if (driver_from_json(json, &plan->driver, err) != STATUS_OK ||
        copy_text(json, "volume", plan->volume, sizeof(plan->volume), err) != STATUS_OK ||
        copy_text(json, "path", plan->path, sizeof(plan->path), err) != STATUS_OK)
        return error_status(err);
    plan->unmarked = !json_is_true(json_object_get(json, "marked"));
    return copy_text(json, "root", plan->root, sizeof(plan->root), err);
}

static enum status snapshots_from_json(const json_t *list, struct undo_record *record,
                                       struct error *err)
{
    if (!json_is_array(list))
        return FAIL(err, STATUS_INVALID, "'snapshots' must be an array");
    record->snapshots = calloc(json_array_size(list) + 1, sizeof(*record->snapshots));
    if (record->snapshots == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    record->snapshot_count = json_array_size(list);
    for (size_t i = 0; i < record->snapshot_count; i++) {
        const json_t *entry = json_array_get(list, i);
        if (snapshot_from_json(entry, &record->snapshots[i], err) != STATUS_OK)
            return FAIL_IN(err, "snapshot %zu", i);
    }
    return STATUS_OK;
}

static enum status number_from_json(const json_t *json, const char *field, uint64_t *ret_number,
                                    struct error *err)
{
    int64_t number = 0;
    if (json_get_integer(json, field, &number, err) != STATUS_OK)
        return error_status(err);
    *ret_number = (uint64_t)number;
    return STATUS_OK;
}

/* Earlier versions noted the inode alone. */
static enum status identities_from_json(const json_t *json, struct undo_place *place,
                                        struct error *err)
{
    if (number_from_json(json, "inode", &place->made.inode, err) != STATUS_OK)
        return error_status(err);
    place->by_inode = json_object_get(json, "born_ns") == NULL;
    if (place->by_inode)
        return STATUS_OK;
    if (json_get_integer(json, "born_ns", &place->made.born_ns, err) != STATUS_OK ||
        number_from_json(json, "old_inode", &place->old.inode, err) != STATUS_OK)
        return error_status(err);
    return json_get_integer(json, "old_born_ns", &place->old.born_ns, err);
}

static enum status place_from_json(const json_t *json, struct undo_place *place, struct error *err)
{
    if (copy_text(json, "volume", place->volume, sizeof(place->volume), err) != STATUS_OK ||
        identities_from_json(json, place, err) != STATUS_OK)
        return error_status(err);
    if (place->volume[0] != '/')
        return FAIL(err, STATUS_INVALID, "'volume' must be an absolute path");
    place->inside = json_is_true(json_object_get(json, "inside"));
    return STATUS_OK;
}

static enum status phase_from_json(const json_t *json, enum restore_phase *ret_phase,
                                   struct error *err)
{
    const char *name = NULL;
    if (json_get_text(json, "phase", &name, err) != STATUS_OK)
        return error_status(err);
    for (int phase = 0; phase < RESTORE_PHASE_COUNT; phase++) {
        if (strcmp(name, phase_names[phase]) == 0) {
            *ret_phase = (enum restore_phase)phase;
            return STATUS_OK;
        }
    }
    return FAIL(err, STATUS_INVALID, "'phase': '%.40s' is not one", name);
}

/* All of it is optional. */
static enum status excludes_from_json(const json_t *json, struct undo_record *record,
                                      struct error *err)
{
    const json_t *list = json_object_get(json, "excludes");
    record->exclude_caches = json_is_true(json_object_get(json, "exclude_caches"));
    record->carried = json_is_true(json_object_get(json, "carried"));
    return list == NULL ? STATUS_OK : texts_from_json(list, "excludes", &record->excludes, err);
}

static enum status target_from_json(const json_t *json, struct undo_record *record,
                                    struct error *err)
{
    const json_t *target = json_object_get(json, "target");
    if (target == NULL)
        return STATUS_OK;
    if (number_from_json(target, "inode", &record->target.inode, err) != STATUS_OK ||
        json_get_integer(target, "born_ns", &record->target.born_ns, err) != STATUS_OK)
        return FAIL_IN(err, "'target'");
    return STATUS_OK;
}

static enum status restore_from_json(const json_t *json, struct undo_record *record,
                                     struct error *err)
{
    if (json == NULL)
        return STATUS_OK;
    if (phase_from_json(json, &record->phase, err) != STATUS_OK ||
        json_get_integer(json, "since_ms", &record->since_ms, err) != STATUS_OK ||
        target_from_json(json, record, err) != STATUS_OK)
        return FAIL_IN(err, "'restore'");
    const json_t *list = json_object_get(json, "places");
    if (!json_is_array(list))
        return FAIL(err, STATUS_INVALID, "'places' must be an array");
    record->places = calloc(json_array_size(list) + 1, sizeof(*record->places));
    if (record->places == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo record");
    record->place_count = json_array_size(list);
    for (size_t i = 0; i < record->place_count; i++)
        if (place_from_json(json_array_get(list, i), &record->places[i], err) != STATUS_OK)
            return FAIL_IN(err, "place %zu", i);
    return excludes_from_json(json, record, err);
}

static enum status tries_from_json(const json_t *json, struct undo_record *record,
                                   struct error *err)
{
    if (json_object_get(json, "tries") == NULL)
        return STATUS_OK;
    if (json_get_integer(json, "tries", &record->tries, err) != STATUS_OK ||
        json_get_integer(json, "tried_ms", &record->tried_ms, err) != STATUS_OK)
        return error_status(err);
    return record->tries < 0 ? FAIL(err, STATUS_INVALID, "'tries' must not be negative")
                             : STATUS_OK;
}

static enum status record_from_json(const json_t *json, struct undo_record *record,
                                    struct error *err)
{
    int64_t version = 0;
    if (!json_is_object(json))
        return FAIL(err, STATUS_INVALID, "not an object");
    if (json_get_integer(json, "version", &version, err) != STATUS_OK)
        return error_status(err);
    if (version != RECORD_VERSION)
        return FAIL(err, STATUS_INVALID, "'version' must be %d", RECORD_VERSION);
    if (copy_text(json, "job", record->job, sizeof(record->job), err) != STATUS_OK ||
        copy_text(json, "backup", record->backup, sizeof(record->backup), err) != STATUS_OK ||
        copy_text(json, "app", record->app, sizeof(record->app), err) != STATUS_OK ||
        owed_from_json(json_object_get(json, "hooks"), record, err) != STATUS_OK ||
        restore_from_json(json_object_get(json, "restore"), record, err) != STATUS_OK ||
        tries_from_json(json, record, err) != STATUS_OK)
        return error_status(err);
    return snapshots_from_json(json_object_get(json, "snapshots"), record, err);
}

enum status undo_record_parse(const char *bytes, size_t len, struct undo_record *ret_record,
                              struct error *err)
{
    json_auto_t *json = NULL;
    if (json_read(bytes, len, &json, err) != STATUS_OK)
        return error_status(err);
    struct undo_record record = {.owns_hooks = true};
    if (record_from_json(json, &record, err) != STATUS_OK) {
        undo_record_done(&record);
        return error_status(err);
    }
    *ret_record = record;
    return STATUS_OK;
}

enum status undo_record_read(const char *directory, const char *job, struct undo_record *ret_record,
                             struct error *err)
{
    char path[PATH_MAX];
    if (undo_record_path(directory, job, path, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(buffer_done) struct buffer buffer;
    buffer_init(&buffer, RECORD_BYTES_MAX);
    if (file_read(path, &buffer, err) != STATUS_OK)
        return error_status(err);

    struct undo_record record = {0};
    if (undo_record_parse((const char *)buffer.bytes, buffer.len, &record, err) != STATUS_OK)
        return FAIL_IN(err, "undo record '%s'", path);
    if (strcmp(record.job, job) != 0) {
        undo_record_done(&record);
        return FAIL(err, STATUS_INVALID, "undo record '%s': it is another job's", path);
    }
    *ret_record = record;
    return STATUS_OK;
}
