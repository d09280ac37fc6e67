#include "src/api/media.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define RESOURCE "application/astra-appBackup"

struct negotiation {
    const char *accept;
    enum media one;  /* for a resource */
    enum media list; /* for a collection */
};

static const struct negotiation negotiations[] = {
    {NULL, MEDIA_JSON, MEDIA_JSON},
    {"", MEDIA_JSON, MEDIA_JSON},
    {"  ", MEDIA_JSON, MEDIA_JSON},
    {"*/*", MEDIA_JSON, MEDIA_JSON},
    {"application/*", MEDIA_JSON, MEDIA_JSON},
    {"application/json", MEDIA_JSON, MEDIA_JSON},
    {"Application/JSON; charset=utf-8", MEDIA_JSON, MEDIA_JSON},
    {RESOURCE "+json", MEDIA_RESOURCE, MEDIA_RESOURCE},
    {RESOURCE "s+json", MEDIA_NONE, MEDIA_COLLECTION},
    {RESOURCE "+json, application/json;q=0.5", MEDIA_RESOURCE, MEDIA_RESOURCE},
    {RESOURCE "+json;q=0.4, application/json;q=0.5", MEDIA_JSON, MEDIA_JSON},
    {RESOURCE "+json, */*", MEDIA_RESOURCE, MEDIA_RESOURCE},
    {"text/html, */*;q=0.1", MEDIA_JSON, MEDIA_JSON},
    {"text/html", MEDIA_NONE, MEDIA_NONE},
    {"application/problem+json", MEDIA_NONE, MEDIA_NONE},
    {RESOURCE, MEDIA_NONE, MEDIA_NONE},
    {"application/json;q=0", MEDIA_NONE, MEDIA_NONE},
    {"*/*;q=0", MEDIA_NONE, MEDIA_NONE},
    {"application/json;q=0, */*", MEDIA_RESOURCE, MEDIA_RESOURCE},
    {"*/*, application/json;q=0.000", MEDIA_RESOURCE, MEDIA_RESOURCE},
    {"application/json;q=nonsense", MEDIA_JSON, MEDIA_JSON},
    {"application/json;q=1.0;q=0", MEDIA_NONE, MEDIA_NONE},
    {",,;;,", MEDIA_NONE, MEDIA_NONE},
    {"application/json;", MEDIA_JSON, MEDIA_JSON},
    {"application/astra-appSnap+json", MEDIA_NONE, MEDIA_NONE},
};

Test(media_negotiate, gives_the_best_of_what_the_caller_accepts)
{
    for (size_t i = 0; i < sizeof(negotiations) / sizeof(negotiations[0]); i++) {
        const struct negotiation *it = &negotiations[i];
        const char *shown = it->accept == NULL ? "(none)" : it->accept;

        cr_expect(eq(int, (int)media_negotiate(it->accept, RESOURCE, false), (int)it->one), "%s",
                  shown);
        cr_expect(eq(int, (int)media_negotiate(it->accept, RESOURCE, true), (int)it->list), "%s",
                  shown);
    }
}

Test(media_write, names_the_type_that_was_chosen)
{
    char text[MEDIA_SIZE];

    media_write(MEDIA_JSON, RESOURCE, text);
    cr_expect(eq(str, text, "application/json"));
    media_write(MEDIA_RESOURCE, RESOURCE, text);
    cr_expect(eq(str, text, "application/astra-appBackup+json"));
    media_write(MEDIA_COLLECTION, RESOURCE, text);
    cr_expect(eq(str, text, "application/astra-appBackups+json"));
}

Test(media_is_readable, takes_the_resource_type_and_plain_json)
{
    cr_expect(media_is_readable(NULL, RESOURCE));
    cr_expect(media_is_readable("", RESOURCE));
    cr_expect(media_is_readable(RESOURCE "+json", RESOURCE));
    cr_expect(media_is_readable(RESOURCE "s+json", RESOURCE));
    cr_expect(media_is_readable("application/json; charset=utf-8", RESOURCE));
    cr_expect(not(media_is_readable("application/x-www-form-urlencoded", RESOURCE)));
    cr_expect(not(media_is_readable("text/json", RESOURCE)));
    cr_expect(not(media_is_readable("application/astra-appSnap+json", RESOURCE)));
    cr_expect(not(media_is_readable("application/*", RESOURCE)));
}
