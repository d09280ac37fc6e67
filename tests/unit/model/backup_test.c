#include "model/backup.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#define ID1   "11111111-1111-4111-8111-111111111111"
#define ID2   "22222222-2222-4222-8222-222222222222"
#define ID3   "33333333-3333-4333-8333-333333333333"
#define ID4   "44444444-4444-4444-8444-444444444444"
#define ID5   "55555555-5555-4555-8555-555555555555"
#define ID6   "66666666-6666-4666-8666-666666666666"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What stands in the hash of a new backup, and what a finished one has besides. */
static const char *const fresh[][2] = {
    {"id", ID1},
    {"account", ID2},
    {"app", ID3},
    {"app_name", "shop"},
    {"bucket", ID4},
    {"snapshot", ""},
    {"schedule", ""},
    {"created_by", ID5},
    {"name", "nightly"},
    {"node", "web1.lan"},
    {"version", "1.1"},
    {"state", "pending"},
    {"hook_state", ""},
    {"labels", "[]"},
    {"state_unready", "[]"},
    {"state_details", "[]"},
    {"hook_state_details", "[]"},
    {"created_ms", "1700000000999"},
    {"modified_ms", "1700000001000"},
    {"taken_ms", "0"},
    {"bytes_total", "-1"},
    {"bytes_done", "-1"},
    {"percent_done", "0"},
    {"revision", "1"},
    {"repository_snapshot", ""},
};

static const char *const finished[][2] = {
    {"state", "completed"},
    {"hook_state", "failed"},
    {"snapshot", ID6},
    {"schedule", ID6},
    {"labels", "[{\"name\":\"k\",\"value\":\"v\"}]"},
    {"state_details", "[{\"type\":\"t\",\"title\":\"a\",\"detail\":\"b\"}]"},
    {"hook_state_details", "[{\"type\":\"t\",\"title\":\"c\",\"detail\":\"d\"}]"},
    {"state_unready", "[\"because\"]"},
    {"taken_ms", "1700000002500"},
    {"bytes_total", "18874368"},
    {"bytes_done", "18874368"},
    {"percent_done", "100"},
    {"repository_snapshot", HEX64},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void set_all(struct backup *backup, const char *const (*fields)[2], size_t count)
{
    struct error err = {0};
    for (size_t i = 0; i < count; i++)
        cr_assert(eq(int, backup_set_field(backup, fields[i][0], fields[i][1], &err), STATUS_OK),
                  "%s", err.text);
}

static void make(struct backup *backup, bool is_finished)
{
    struct error err = {0};
    cr_assert(eq(int, backup_init(backup, &err), STATUS_OK));
    set_all(backup, fresh, COUNT_OF(fresh));
    if (is_finished)
        set_all(backup, finished, COUNT_OF(finished));
}

static char *to_text(const struct backup *backup)
{
    struct error err = {0};
    json_auto_t *json = NULL;
    cr_assert(eq(int, backup_to_json(backup, &json, &err), STATUS_OK), "%s", err.text);
    return json_dumps(json, JSON_COMPACT);
}

Test(backup_init, gives_a_backup_of_which_nothing_is_known)
{
    struct backup backup;
    struct error err = {0};

    cr_assert(eq(int, backup_init(&backup, &err), STATUS_OK));

    cr_expect(eq(int, (int)backup.bytes_total, -1));
    cr_expect(eq(int, (int)backup.bytes_done, -1));
    cr_expect(eq(int, (int)backup.state, (int)BACKUP_STATE_UNSET));
    cr_expect(eq(int, json_is_array(backup.labels), 1));
    backup_done(&backup);
    cr_expect(eq(ptr, backup.labels, NULL));
    backup_done(&backup); /* all zeros is fine */
}

Test(backup_set_field, reads_every_field_of_the_hash)
{
    struct backup backup;

    make(&backup, true);

    cr_expect(eq(str, backup.id, ID1));
    cr_expect(eq(str, backup.account, ID2));
    cr_expect(eq(str, backup.app, ID3));
    cr_expect(eq(str, backup.bucket, ID4));
    cr_expect(eq(str, backup.created_by, ID5));
    cr_expect(eq(str, backup.snapshot, ID6));
    cr_expect(eq(str, backup.schedule, ID6));
    cr_expect(eq(str, backup.app_name, "shop"));
    cr_expect(eq(str, backup.name, "nightly"));
    cr_expect(eq(str, backup.node, "web1.lan"));
    cr_expect(eq(str, backup.version, "1.1"));
    cr_expect(eq(int, (int)backup.state, (int)BACKUP_COMPLETED));
    cr_expect(eq(int, (int)backup.hook_state, (int)HOOK_STATE_FAILED));
    cr_expect(eq(i64, backup.created_ms, 1700000000999));
    cr_expect(eq(i64, backup.modified_ms, 1700000001000));
    cr_expect(eq(i64, backup.taken_ms, 1700000002500));
    cr_expect(eq(i64, backup.bytes_total, 18874368));
    cr_expect(eq(i64, backup.bytes_done, 18874368));
    cr_expect(eq(i64, backup.percent_done, 100));
    cr_expect(eq(i64, backup.revision, 1));
    cr_expect(eq(str, backup.repository_snapshot, HEX64));
    cr_expect(eq(sz, json_array_size(backup.labels), 1));
    cr_expect(eq(sz, json_array_size(backup.state_unready), 1));
    cr_expect(eq(sz, json_array_size(backup.state_details), 1));
    cr_expect(eq(sz, json_array_size(backup.hook_state_details), 1));
    backup_done(&backup);
}

Test(backup_set_field, ignores_a_field_of_a_newer_program)
{
    struct backup backup = {0};
    struct error err = {0};

    cr_expect(eq(int, backup_set_field(&backup, "colour", "red", &err), STATUS_OK));
    cr_expect(eq(int, backup_set_field(&backup, "", "", &err), STATUS_OK));
}

static const struct {
    const char *field, *value, *text;
} damaged[] = {
    {"id", "x", "field 'id': not an id"},
    {"app", "11111111-1111-4111-8111-11111111111", "field 'app': not an id"},
    {"account", "11111111-1111-1111-8111-111111111111", "field 'account': not an id"},
    {"name", "Not A Label", "field 'name': not a name of 1 to 63 characters"},
    {"app_name", "a.b", "field 'app_name': not a name of 1 to 63 characters"},
    {"node", "-x", "field 'node': not a host name"},
    {"version", "1.1.1.1.1", "field 'version': 9 bytes, at most 7 are expected"},
    {"version", "\xff", "field 'version': not UTF-8"},
    {"repository_snapshot", HEX64 "0",
     "field 'repository_snapshot': 65 bytes, at most 64 are expected"},
    {"state", "sleeping", "field 'state': an unknown word"},
    {"hook_state", "maybe", "field 'hook_state': an unknown word"},
    {"created_ms", "", "field 'created_ms': not a number"},
    {"created_ms", "12x", "field 'created_ms': not a number"},
    {"created_ms", " 1", "field 'created_ms': not a number"},
    {"created_ms", "+1", "field 'created_ms': not a number"},
    {"bytes_done", "1.5", "field 'bytes_done': not a number"},
    {"bytes_done", "-", "field 'bytes_done': not a number"},
    {"bytes_total", "9223372036854775808", "field 'bytes_total': not a number"},
    {"labels", "", "field 'labels': not JSON"},
    {"labels", "{}", "field 'labels': not an array of objects"},
    {"labels", "[1]", "field 'labels': not an array of objects"},
    {"labels", "[] []", "field 'labels': not JSON"},
    {"state_unready", "[{}]", "field 'state_unready': not an array of strings"},
    {"state_details", "[\"x\"]", "field 'state_details': not an array of objects"},
    {"hook_state_details", "nil", "field 'hook_state_details': not JSON"},
};

Test(backup_set_field, refuses_damage_and_leaves_the_record_as_it_was)
{
    struct backup backup;
    make(&backup, true);
    CLEANUP(freep) char *before = to_text(&backup);

    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        struct error err = {0};
        enum status status = backup_set_field(&backup, damaged[i].field, damaged[i].value, &err);
        cr_expect(eq(int, (int)status, (int)STATUS_CORRUPT), "%s", damaged[i].text);
        cr_expect(eq(str, err.text, (char *)damaged[i].text));
    }

    CLEANUP(freep) char *after = to_text(&backup);
    cr_expect(eq(str, after, before));
    backup_done(&backup);
}

Test(backup_set_field, refuses_json_that_is_too_long)
{
    struct backup backup = {0};
    struct error err = {0};
    size_t len = 256 * 1024 + 1;
    CLEANUP(freep) char *text = malloc(len + 1);
    memset(text, ' ', len);
    text[len] = '\0';
    text[0] = '[';
    text[len - 1] = ']';

    cr_expect(eq(int, (int)backup_set_field(&backup, "labels", text, &err), (int)STATUS_CORRUPT));
    text[len - 1] = '\0';
    text[len - 2] = ']';
    cr_expect(eq(int, (int)backup_set_field(&backup, "labels", text, &err), (int)STATUS_OK));
    backup_done(&backup);
}

Test(backup_from_request, is_pending_and_has_what_was_asked_for)
{
    struct backup_request request = {.version = "1.2", .name = "nightly", .labels = json_array()};
    CLEANUP(backup_done) struct backup backup = {0};
    struct error err = {0};

    cr_assert(eq(int, (int)backup_from_request(&request, &backup, &err), (int)STATUS_OK));

    cr_expect(eq(int, (int)backup.state, (int)BACKUP_PENDING));
    cr_expect(eq(str, backup.version, "1.2"));
    cr_expect(eq(str, backup.name, "nightly"));
    cr_expect(eq(str, backup.bucket, ""));
    cr_expect(eq(ptr, backup.labels, request.labels));
    cr_expect(eq(i64, backup.bytes_total, -1));
    backup_request_done(&request);
    cr_expect(eq(int, (int)json_array_size(backup.labels), 0)); /* they are shared */
}

Test(backup_to_json, leaves_out_what_is_not_known_yet)
{
    struct backup backup;
    make(&backup, false);

    CLEANUP(freep) char *text = to_text(&backup);

    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-appBackup\",\"version\":\"1.1\",\"id\":\"" ID1
                 "\",\"name\":\"nightly\",\"bucketID\":\"" ID4
                 "\",\"state\":\"pending\",\"stateUnready\":[],\"stateDetails\":[],"
                 "\"metadata\":{\"labels\":[{\"name\":"
                 "\"astra.netapp.io/labels/read-only/triggerType\",\"value\":\"backup\"}],"
                 "\"creationTimestamp\":\"2023-11-14T22:13:20Z\","
                 "\"modificationTimestamp\":\"2023-11-14T22:13:21Z\",\"createdBy\":\"" ID5 "\"}}"));
    backup_done(&backup);
}

Test(backup_to_json, shows_all_that_is_known)
{
    struct backup backup;
    make(&backup, true);

    CLEANUP(freep) char *text = to_text(&backup);

    cr_expect(eq(str, text,
                 "{\"type\":\"application/astra-appBackup\",\"version\":\"1.1\",\"id\":\"" ID1
                 "\",\"name\":\"nightly\",\"bucketID\":\"" ID4 "\",\"snapshotID\":\"" ID6
                 "\",\"scheduleID\":\"" ID6 "\",\"state\":\"completed\","
                 "\"stateUnready\":[\"because\"],"
                 "\"stateDetails\":[{\"type\":\"t\",\"title\":\"a\",\"detail\":\"b\"}],"
                 "\"hookState\":\"failed\","
                 "\"hookStateDetails\":[{\"type\":\"t\",\"title\":\"c\",\"detail\":\"d\"}],"
                 "\"backupCreationTimestamp\":\"2023-11-14T22:13:22Z\","
                 "\"totalBytes\":18874368,\"bytesDone\":18874368,\"percentDone\":100,"
                 "\"metadata\":{\"labels\":[{\"name\":\"k\",\"value\":\"v\"},{\"name\":"
                 "\"astra.netapp.io/labels/read-only/triggerType\",\"value\":\"backup\"}],"
                 "\"creationTimestamp\":\"2023-11-14T22:13:20Z\","
                 "\"modificationTimestamp\":\"2023-11-14T22:13:21Z\",\"createdBy\":\"" ID5 "\"}}"));
    cr_expect(eq(sz, json_array_size(backup.labels), 1), "the record itself does not change");
    backup_done(&backup);
}

Test(backup_to_json, has_the_schema_even_for_a_record_without_its_fields)
{
    struct backup backup;
    struct error err = {0};
    cr_assert(eq(int, backup_init(&backup, &err), STATUS_OK));
    json_auto_t *json = NULL;

    cr_assert(eq(int, backup_to_json(&backup, &json, &err), STATUS_OK), "%s", err.text);

    const json_t *metadata = json_object_get(json, "metadata");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(json, "state")), "unknown"));
    cr_expect(eq(str, (char *)json_string_value(json_object_get(metadata, "createdBy")), ID_NIL));
    backup_done(&backup);
}

Test(backup_to_json, does_not_keep_its_reply_alive_through_the_record)
{
    struct backup backup;
    struct error err = {0};
    make(&backup, true);
    json_t *json = NULL;
    cr_assert(eq(int, backup_to_json(&backup, &json, &err), STATUS_OK));

    backup_done(&backup);

    cr_expect(eq(sz, json_array_size(json_object_get(json, "stateDetails")), 1));
    json_decref(json);
}
