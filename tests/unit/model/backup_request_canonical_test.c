#include "core/cleanup.h"
#include "model/backup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static char *canonical(const char *text)
{
    CLEANUP(backup_request_done) struct backup_request request = {.labels = NULL};
    struct error err = {.status = STATUS_OK};
    json_auto_t *body = json_loads(text, 0, NULL);
    cr_assert(eq(int, (int)backup_request_read(body, &request, &err), (int)STATUS_OK), "%s",
              err.text);
    char *written = backup_request_canonical(&request);
    cr_assert(written != NULL);
    return written;
}

#define HEAD "{\"type\": \"application/astra-appBackup\", \"version\": \"1.1\""

Test(backup_request_canonical, is_the_same_for_what_asks_for_the_same)
{
    CLEANUP(freep)
    char *one = canonical(
        HEAD
        ", \"name\": \"a\", \"metadata\": {\"labels\": [{\"name\": \"n\", \"value\": \"v\"}]}}");
    CLEANUP(freep)
    char *other = canonical("{\"metadata\": {\"labels\": [{\"value\": \"v\", \"name\": \"n\"}], "
                            "\"createdBy\": \"x\"}, \"name\": \"a\", \"version\": \"1.1\", "
                            "\"type\": \"application/astra-appBackup\"}");
    cr_expect(eq(str, one, other));
}

Test(backup_request_canonical, differs_with_every_field)
{
    static const char *const bodies[] = {
        HEAD "}",
        "{\"type\": \"application/astra-appBackup\", \"version\": \"1.2\"}",
        HEAD ", \"name\": \"a\"}",
        HEAD ", \"bucketID\": \"11111111-0000-4000-8000-000000000001\"}",
        HEAD ", \"snapshotID\": \"11111111-0000-4000-8000-000000000001\"}",
        HEAD ", \"metadata\": {\"labels\": [{\"name\": \"a\", \"value\": \"\"}]}}",
        HEAD ", \"metadata\": {\"labels\": [{\"name\": \"a\", \"value\": \"b\"}]}}",
    };

    enum { COUNT = sizeof(bodies) / sizeof(bodies[0]) };

    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < i; j++) {
            CLEANUP(freep) char *one = canonical(bodies[i]);
            CLEANUP(freep) char *other = canonical(bodies[j]);
            cr_expect(ne(str, one, other));
        }
}
