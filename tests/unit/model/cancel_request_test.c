#include "model/backup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static enum status read_text(const char *text, struct backup_cancel_request *ret_request,
                             struct error *err)
{
    json_auto_t *body = json_loads(text, 0, NULL);
    cr_assert(body != NULL, "%s", text);
    return backup_cancel_request_read(body, ret_request, err);
}

Test(backup_cancel_request, takes_a_reason_or_none)
{
    struct backup_cancel_request request;
    struct error err = {.status = STATUS_OK};
    cr_assert(eq(int, (int)read_text("{}", &request, &err), (int)STATUS_OK));
    cr_expect(eq(str, request.reason, ""));
    cr_assert(
        eq(int, (int)read_text("{\"reason\": \"disk full\"}", &request, &err), (int)STATUS_OK));
    cr_expect(eq(str, request.reason, "disk full"));
}

Test(backup_cancel_request, counts_characters_not_bytes)
{
    char text[4 * CANCEL_REASON_MAX + 32] = "{\"reason\": \"";
    for (int i = 0; i < CANCEL_REASON_MAX; i++)
        strcat(text, "\xf0\x9f\x90\xa7");
    char longer[sizeof(text) + 8];
    (void)snprintf(longer, sizeof(longer), "%sx\"}", text);
    strcat(text, "\"}");
    struct backup_cancel_request request;
    struct error err = {.status = STATUS_OK};

    cr_assert(eq(int, (int)read_text(text, &request, &err), (int)STATUS_OK));
    cr_expect(eq(sz, strlen(request.reason), 4 * CANCEL_REASON_MAX));
    cr_expect(eq(int, (int)read_text(longer, &request, &err), (int)STATUS_INVALID));
}

Test(backup_cancel_request, refuses_everything_else)
{
    static const char *const bodies[] = {"[]", "{\"reason\": 1}", "{\"why\": \"x\"}",
                                         "{\"reason\": null}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct backup_cancel_request request;
        struct error err = {.status = STATUS_OK};
        cr_expect(eq(int, (int)read_text(bodies[i], &request, &err), (int)STATUS_INVALID), "%s",
                  bodies[i]);
    }
}
