#include "model/app.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#define ID    "bbbbbbbb-0000-4000-8000-000000000001"
#define HEAD  "{\"type\": \"application/astra-app\", \"version\": \"2.1\""
#define WHOLE HEAD ", \"backupID\": \"" ID "\"}"

static enum status read(const char *text, struct app_restore_request *ret_request,
                        struct error *err)
{
    json_auto_t *body = json_loads(text, 0, NULL);
    cr_assert(body != NULL, "%s", text);
    return app_restore_request_read(body, ret_request, err);
}

Test(app_restore_request_read, takes_a_backup_or_a_snapshot)
{
    struct app_restore_request request;
    struct error err = {0};

    cr_assert(eq(int, (int)read(WHOLE, &request, &err), (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, request.backup, ID));
    cr_expect(eq(str, request.snapshot, ""));
    cr_expect(not(request.selective));
    cr_assert(eq(
        int, (int)read(HEAD ", \"snapshotID\": \"" ID "\", \"restoreFilter\": {}}", &request, &err),
        (int)STATUS_OK));
    cr_expect(eq(str, request.snapshot, ID));
    cr_expect(request.selective);
}

Test(app_restore_request_read, refuses_everything_else_and_says_why)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"[]", "the body must be an object"},
        {"{}", "'type'"},
        {"{\"type\": \"application/astra-appBackup\", \"version\": \"2.1\"}",
         "'type' must be \"application/astra-app\", not \"application/astra-appBackup\""},
        {"{\"type\": \"application/astra-app\", \"version\": \"1.0\"}",
         "'version' must be \"2.0\", \"2.1\" or \"2.2\", not \"1.0\""},
        {HEAD "}", "one of 'backupID' and 'snapshotID' is expected"},
        {HEAD ", \"backupID\": \"" ID "\", \"snapshotID\": \"" ID "\"}",
         "one of 'backupID' and 'snapshotID' is expected"},
        {HEAD ", \"backupID\": \"X\"}", "'backupID' must be a UUID in lower case, not \"X\""},
        {HEAD ", \"backupID\": 1}", "'backupID'"},
        {HEAD ", \"backupID\": \"" ID "\", \"restoreFilter\": []}",
         "'restoreFilter' must be an object"},
        {HEAD ", \"backupID\": \"" ID "\", \"name\": \"x\"}", "'name'"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct app_restore_request request;
        struct error err = {0};
        cr_expect(eq(int, (int)read(cases[i].text, &request, &err), (int)STATUS_INVALID), "%s",
                  cases[i].text);
        cr_expect(strstr(err.text, cases[i].problem) != NULL, "%s: %s", cases[i].text, err.text);
    }
}
