/* The table of events against systemd/appbackup.catalog. */
#include "model/event.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { CATALOG_MAX = 65536 };

static char catalog[CATALOG_MAX];

static void set_up(void)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/systemd/appbackup.catalog", "re");
    cr_assert(file != NULL);
    size_t len = fread(catalog, 1, sizeof(catalog) - 1, file);
    (void)fclose(file);
    cr_assert(len > 0 && len < sizeof(catalog) - 1);
    catalog[len] = '\0';
}

TestSuite(event_message, .init = set_up);

Test(event_message, has_an_entry_in_the_catalog_with_its_text)
{
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        const struct log_message *message = event_message((enum event_kind)kind);
        char head[256];
        cr_assert(message->text != NULL, "event %d", kind);
        cr_assert(eq(sz, strlen(message->id), 32), "%s", message->text);
        (void)snprintf(head, sizeof(head), "\n-- %s\nSubject: %c%s\nDefined-By: appbackup\n",
                       message->id, toupper((unsigned char)message->text[0]), message->text + 1);

        cr_expect(strstr(catalog, head) != NULL, "no entry:%s", head);
    }
}

Test(event_message, has_an_id_of_its_own)
{
    for (int one = 0; one < EVENT_KIND_COUNT; one++)
        for (int other = 0; other < one; other++)
            cr_expect(ne(str, (char *)event_message((enum event_kind)one)->id,
                         (char *)event_message((enum event_kind)other)->id));
}

Test(event_message, is_all_that_the_catalog_has)
{
    int entries = 0;
    for (const char *at = catalog; (at = strstr(at, "\n-- ")) != NULL; at++)
        entries++;

    cr_expect(eq(int, entries, EVENT_KIND_COUNT));
}
