#include "core/json.h"
#include "model/backup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID1        "11111111-1111-4111-8111-111111111111"
#define ID2        "22222222-2222-5222-8222-222222222222"
#define TYPE_FIELD "\"type\":\"application/astra-appBackup\""
#define REQUIRED   TYPE_FIELD ",\"version\":\"1.1\""

static enum status read_text(const char *text, struct backup_request *request, struct error *err)
{
    json_auto_t *body = NULL;
    cr_assert(eq(int, json_read(text, strlen(text), &body, err), STATUS_OK), "%s", err->text);
    return backup_request_read(body, request, err);
}

static void expect_refused(const char *text, const char *expected)
{
    struct backup_request request = {.name = "untouched"};
    struct error err = {0};
    enum status status = read_text(text, &request, &err);
    cr_expect(eq(int, (int)status, (int)STATUS_INVALID), "%s", text);
    cr_expect(eq(str, err.text, (char *)expected));
    cr_expect(eq(str, request.name, "untouched"));
}

Test(backup_request_read, takes_the_smallest_request)
{
    struct backup_request request;
    struct error err = {0};

    cr_assert(eq(int, read_text("{" REQUIRED "}", &request, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, request.version, "1.1"));
    cr_expect(eq(str, request.name, ""));
    cr_expect(eq(str, request.bucket, ""));
    cr_expect(eq(str, request.snapshot, ""));
    cr_expect(eq(sz, json_array_size(request.labels), 0));
    backup_request_done(&request);
    cr_expect(eq(ptr, request.labels, NULL));
}

Test(backup_request_read, takes_every_field)
{
    struct backup_request request;
    struct error err = {0};

    enum status status =
        read_text("{" TYPE_FIELD ",\"version\":\"1.2\",\"name\":\"nightly-1\",\"bucketID\":\"" ID1
                  "\",\"snapshotID\":\"" ID2 "\",\"metadata\":{\"labels\":["
                  "{\"name\":\"k\",\"value\":\"v\"},{\"name\":\"k\",\"value\":\"\"}],"
                  "\"creationTimestamp\":\"2023-11-14T22:13:20Z\",\"createdBy\":7}}",
                  &request, &err);

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    cr_expect(eq(str, request.version, "1.2"));
    cr_expect(eq(str, request.name, "nightly-1"));
    cr_expect(eq(str, request.bucket, ID1));
    cr_expect(eq(str, request.snapshot, ID2));
    char *labels = json_write(request.labels);
    cr_expect(
        eq(str, labels, "[{\"name\":\"k\",\"value\":\"v\"},{\"name\":\"k\",\"value\":\"\"}]"));
    free(labels);
    backup_request_done(&request);
}

Test(backup_request_read, knows_three_versions)
{
    static const char *const versions[] = {"1.0", "1.1", "1.2"};
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        struct backup_request request;
        struct error err = {0};
        (void)snprintf(text, sizeof(text), "{" TYPE_FIELD ",\"version\":\"%s\"}", versions[i]);
        cr_assert(eq(int, read_text(text, &request, &err), STATUS_OK), "%s", err.text);
        cr_expect(eq(str, request.version, (char *)versions[i]));
        backup_request_done(&request);
    }
}

static const struct {
    const char *body, *text;
} refused[] = {
    {"[]", "the body must be an object"},
    {"null", "the body must be an object"},
    {"\"x\"", "the body must be an object"},
    {"{}", "'type' is required"},
    {"{" TYPE_FIELD "}", "'version' is required"},
    {"{\"type\":1,\"version\":\"1.1\"}", "'type' must be a string, not a number"},
    {"{\"type\":null,\"version\":\"1.1\"}", "'type' must be a string, not null"},
    {"{\"type\":\"application/astra-appSnap\",\"version\":\"1.1\"}",
     "'type' must be \"application/astra-appBackup\", not \"application/astra-appSnap\""},
    {"{\"type\":\"application/astra-appBackup+json\",\"version\":\"1.1\"}",
     "'type' must be \"application/astra-appBackup\", not \"application/astra-appBackup+json\""},
    {"{" TYPE_FIELD ",\"version\":\"1.3\"}",
     "'version' must be \"1.0\", \"1.1\" or \"1.2\", not \"1.3\""},
    {"{" TYPE_FIELD ",\"version\":\"\"}",
     "'version' must be \"1.0\", \"1.1\" or \"1.2\", not \"\""},
    {"{" TYPE_FIELD ",\"version\":1.1}", "'version' must be a string, not a number"},
    {"{" REQUIRED ",\"path\":\"/etc\"}", "'path' is not a field of this resource"},
    {"{" REQUIRED ",\"id\":\"" ID1 "\"}", "'id' is not a field of this resource"},
    {"{" REQUIRED ",\"Name\":\"x\"}", "'Name' is not a field of this resource"},
    {"{" REQUIRED ",\"name\":\"\"}",
     "'name' must be 1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, not \"\""},
    {"{" REQUIRED ",\"name\":\"Nightly\"}",
     "'name' must be 1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, not "
     "\"Nightly\""},
    {"{" REQUIRED ",\"name\":\"../../x\"}",
     "'name' must be 1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, not "
     "\"../../x\""},
    {"{" REQUIRED ",\"name\":null}", "'name' must be a string, not null"},
    {"{" REQUIRED ",\"name\":[]}", "'name' must be a string, not an array"},
    {"{" REQUIRED ",\"bucketID\":\"x\"}", "'bucketID' must be a UUID in lower case, not \"x\""},
    {"{" REQUIRED ",\"bucketID\":\"\"}", "'bucketID' must be a UUID in lower case, not \"\""},
    {"{" REQUIRED ",\"bucketID\":\"AAAAAAAA-1111-4111-8111-111111111111\"}",
     "'bucketID' must be a UUID in lower case, not \"AAAAAAAA-1111-4111-8111-111111111111\""},
    {"{" REQUIRED ",\"snapshotID\":{}}", "'snapshotID' must be a string, not an object"},
    {"{" REQUIRED ",\"snapshotID\":\"11111111-1111-1111-8111-111111111111\"}",
     "'snapshotID' must be a UUID in lower case, not \"11111111-1111-1111-8111-111111111111\""},
    {"{" REQUIRED ",\"metadata\":[]}", "'metadata' must be an object"},
    {"{" REQUIRED ",\"metadata\":null}", "'metadata' must be an object"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":{}}}", "'metadata.labels' must be an array"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[1]}}",
     "'metadata.labels[0]': an object with 'name' and 'value' is expected"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"a\"}]}}",
     "'metadata.labels[1]': 'value' is required"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"value\":\"a\"}]}}",
     "'metadata.labels[0]': 'name' is required"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":1,\"value\":\"a\"}]}}",
     "'metadata.labels[0]': 'name' must be a string, not a number"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":\"\",\"value\":\"a\"}]}}",
     "'metadata.labels[0]': 'name' must have 1 to 255 characters, not 0"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":\"a\",\"value\":\"b\",\"x\":1}]}}",
     "'metadata.labels[0]': 'x' is not a field of this resource"},
    {"{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":\"a\",\"value\":\"b\"},"
     "{\"value\":\"b\",\"name\":\"a\"}]}}",
     "'metadata.labels[1]': the same label is there already"},
};

Test(backup_request_read, refuses_with_the_field_and_the_reason)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect_refused(refused[i].body, refused[i].text);
}

/* A body with one label of this many characters, or this many labels. */
static json_t *body_with_labels(size_t count, size_t characters)
{
    json_t *labels = json_array();
    char *value = calloc(characters + 1, 2);
    for (size_t i = 0; i < characters; i++)
        memcpy(value + 2 * i, "\xc3\xa4", 2);
    for (size_t i = 0; i < count; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "n%zu", i);
        json_array_append_new(labels, json_pack("{s:s, s:s}", "name", name, "value", value));
    }
    free(value);
    return json_pack("{s:s, s:s, s:{s:o}}", "type", BACKUP_TYPE, "version", "1.0", "metadata",
                     "labels", labels);
}

Test(backup_request_read, takes_labels_up_to_the_limits_and_none_over_them)
{
    static const struct {
        size_t count, characters;
        const char *text; /* NULL: fine */
    } bounds[] = {
        {64, 255, NULL},
        {65, 1, "'metadata.labels' must have at most 64 items, not 65"},
        {1, 256, "'metadata.labels[0]': 'value' must have 0 to 255 characters, not 256"},
    };

    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        json_auto_t *body = body_with_labels(bounds[i].count, bounds[i].characters);
        struct backup_request request = {0};
        struct error err = {0};
        enum status status = backup_request_read(body, &request, &err);
        cr_expect(eq(int, status == STATUS_OK, bounds[i].text == NULL), "%s", err.text);
        if (bounds[i].text != NULL)
            cr_expect(eq(str, err.text, (char *)bounds[i].text));
        else
            cr_expect(eq(sz, json_array_size(request.labels), bounds[i].count));
        backup_request_done(&request);
    }
}

Test(backup_request_read, leaves_the_labels_of_the_server_to_the_server)
{
    struct backup_request request;
    struct error err = {0};

    enum status status =
        read_text("{" REQUIRED ",\"metadata\":{\"labels\":[{\"name\":"
                  "\"astra.netapp.io/labels/read-only/triggerType\",\"value\":\"evil\"},"
                  "{\"name\":\"mine\",\"value\":\"1\"}]}}",
                  &request, &err);

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    char *labels = json_write(request.labels);
    cr_expect(eq(str, labels, "[{\"name\":\"mine\",\"value\":\"1\"}]"));
    free(labels);
    backup_request_done(&request);
}

Test(backup_request_read, gives_a_text_fit_for_json_whatever_the_name_of_a_field_is)
{
    for (size_t len = 440; len < 560; len++) {
        char name[2 * 560 + 1];
        for (size_t i = 0; i < len; i++)
            memcpy(name + 2 * i, "\xc3\xa4", 2);
        name[2 * len] = '\0';
        struct backup_request request;
        struct error err = {0};
        json_auto_t *body = json_pack("{s:i}", name + len % 2 * 2, 1);

        cr_assert(eq(int, (int)backup_request_read(body, &request, &err), (int)STATUS_INVALID));

        json_auto_t *text = json_string(err.text);
        cr_assert(ne(ptr, text, NULL), "not UTF-8: %s", err.text);
    }
}

Test(backup_request_read, shows_at_most_64_characters_of_a_value)
{
    char body[400] = "{" TYPE_FIELD ",\"version\":\"";
    size_t used = strlen(body);
    memset(body + used, 'v', 200);
    strcpy(body + used + 200, "\"}");
    char expected[256] = "'version' must be \"1.0\", \"1.1\" or \"1.2\", not \"";
    used = strlen(expected);
    memset(expected + used, 'v', 64);
    strcpy(expected + used + 64, "\"...");

    expect_refused(body, expected);
}
