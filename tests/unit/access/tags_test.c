#include "access/tags.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stddef.h>
#include <string.h>

#define BACKUP  "22222222-2222-4222-8222-222222222222"
#define ACCOUNT "33333333-3333-4333-8333-333333333333"

static const struct tag_words bare = {
    .backup = BACKUP, .name = "shop-1", .app_name = "shop", .account = ACCOUNT};

static char *value(const struct repository_snapshot *snapshot, const char *name)
{
    return (char *)(uintptr_t)tag_value(snapshot, name);
}

Test(tags_set, tells_of_the_backup_and_of_nothing_that_is_not_known)
{
    struct error err = {0};
    struct tags tags;
    struct repository_snapshot snapshot = {.tags = NULL};

    cr_assert(eq(int, (int)tags_set(&bare, &tags, &snapshot, &err), STATUS_OK));

    cr_expect(eq(str, (char *)(uintptr_t)snapshot.tags[0], "appbackup"));
    cr_expect(eq(str, value(&snapshot, TAG_BACKUP), BACKUP));
    cr_expect(eq(str, value(&snapshot, TAG_NAME), "shop-1"));
    cr_expect(eq(str, value(&snapshot, TAG_APP), "shop"));
    cr_expect(eq(str, value(&snapshot, TAG_ACCOUNT), ACCOUNT));
    cr_expect(eq(ptr, value(&snapshot, TAG_BY), NULL));
    cr_expect(eq(ptr, value(&snapshot, TAG_VERSION), NULL));
    cr_expect(eq(ptr, value(&snapshot, TAG_LABELS), NULL));
    tags_done(&tags);
}

Test(tags_set, tells_of_who_asked_and_of_the_labels)
{
    struct error err = {0};
    struct tags tags;
    struct repository_snapshot snapshot = {.tags = NULL};
    json_auto_t *labels = json_pack("[{s:s, s:s}]", "name", "tier", "value", "gold, or better");
    struct tag_words words = bare;
    words.created_by = ACCOUNT;
    words.version = "1.1";
    words.labels = labels;

    cr_assert(eq(int, (int)tags_set(&words, &tags, &snapshot, &err), STATUS_OK));

    cr_expect(eq(str, value(&snapshot, TAG_BY), ACCOUNT));
    cr_expect(eq(str, value(&snapshot, TAG_VERSION), "1.1"));
    json_auto_t *read = json_loads(tag_value(&snapshot, TAG_LABELS), 0, NULL);
    cr_expect(json_equal(read, labels), "%s", tag_value(&snapshot, TAG_LABELS));
    tags_done(&tags);
}

Test(tag_value, finds_nothing_in_the_snapshot_of_somebody_else)
{
    static const char *const tags[] = {"weekly", "backups=2", NULL};
    const struct repository_snapshot snapshot = {.tags = tags};

    cr_expect(eq(ptr, value(&snapshot, TAG_BACKUP), NULL));
}
