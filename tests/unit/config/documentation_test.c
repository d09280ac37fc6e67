/* config/appbackup.yaml and config/apps.d are the manual: every key stands there, every default and
 * range is the one in the code, and the files load both as they are and with every line in use. */
#include "config/config.h"
#include "core/file.h"
#include "src/config/document.h"
#include "src/config/raw.h"
#include "src/config/settings.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct scratch scratch;

/* "given" is what is in the tree; in "used", each "#key" has become "key". */
static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch,
                  "umask 022; mkdir given used used/apps.d;"
                  "cp -R %s/config/appbackup.yaml %s/config/apps.d given/; cd given;"
                  "for file in appbackup.yaml apps.d/*; do"
                  "  sed 's/^\\( *\\)#\\([^ #]\\)/\\1\\2/' $file >../used/$file; done;"
                  "cd ..; chmod -R go-w .; echo secret >used/redis-password;"
                  "chmod 600 used/redis-password",
                  TEST_SOURCE_DIR, TEST_SOURCE_DIR);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(config_documentation, .init = set_up, .fini = tear_down);

static struct config *load(const char *name)
{
    struct config *config = NULL;
    struct error err = {0};
    cr_assert(
        eq(int, (int)config_load(scratch_path(&scratch, name), &config, &err), (int)STATUS_OK),
        "%s", err.text);
    return config;
}

static int64_t number_of(const struct config *config, const struct number *number)
{
    int64_t value = 0;
    memcpy(&value, (const char *)config + number->offset, sizeof(value));
    return value;
}

static struct document *read_document(const char *name)
{
    struct document *document = NULL;
    struct error err = {0};
    const char *path = scratch_path(&scratch, name);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(eq(int, (int)document_read(fd, path, &document, &err), (int)STATUS_OK), "%s",
              err.text);
    return document;
}

/* The text of one line, from 1. */
static void line_text(const struct document *document, size_t line, char *text, size_t size)
{
    const char *start = (const char *)document->text.bytes;
    for (size_t i = 1; i < line; i++)
        start = strchr(start, '\n') + 1;
    (void)snprintf(text, size, "%.*s", (int)strcspn(start, "\n"), start);
}

Test(config_documentation, shows_the_defaults_of_the_code)
{
    CLEANUP(config_freep) struct config *given = load("given/appbackup.yaml");
    CLEANUP(config_freep) struct config *used = load("used/appbackup.yaml");

    for (size_t i = 0; i < SETTING_NUMBER_COUNT; i++) {
        const struct number *number = &setting_numbers[i];
        cr_expect(eq(i64, number_of(given, number), number->value), "%s", number->key);
        cr_expect(eq(i64, number_of(used, number), number->value), "%s", number->key);
    }
    cr_expect(eq(str, used->state_directory, DEFAULT_STATE_DIRECTORY));
    cr_expect(eq(str, used->apps_directory,
                 (char *)scratch_path(&scratch, "used/" DEFAULT_APPS_DIRECTORY)));
    cr_expect(eq(str, used->master_key_file,
                 (char *)scratch_path(&scratch, "used/" DEFAULT_MASTER_KEY_FILE)));
    cr_expect(eq(str, used->redis.address, DEFAULT_REDIS));
    cr_expect(eq(str, used->http.listeners[0].address, DEFAULT_LISTENER));
    cr_expect(eq(int, used->buckets[0].bucket.is_default, given->buckets[0].bucket.is_default));
}

Test(config_documentation, shows_the_range_of_every_number)
{
    CLEANUP(document_freep) struct document *document = read_document("used/appbackup.yaml");

    for (size_t i = 0; i < SETTING_NUMBER_COUNT; i++) {
        char line[256];
        char range[64];
        (void)snprintf(range, sizeof(range), " # %" PRId64 "-%" PRId64, setting_numbers[i].min,
                       setting_numbers[i].max);
        line_text(document, document_line(document, setting_numbers[i].key), line, sizeof(line));
        const char *at = strstr(line, range);
        cr_expect(at != NULL && at[strlen(range)] == '\0', "'%s' has no '%s'", line, range);
    }
}

Test(config_documentation, shows_the_default_and_range_of_the_hook_timeout)
{
    CLEANUP(document_freep) struct document *document = read_document("used/apps.d/website.yaml");
    char text[128];

    (void)snprintf(text, sizeof(text), "# %" PRId64 "-%" PRId64 "\n", setting_hook_timeout_s.min,
                   setting_hook_timeout_s.max);
    cr_expect(strstr((char *)document->text.bytes, text) != NULL);
    (void)snprintf(text, sizeof(text), "Default %" PRId64 " (", setting_hook_timeout_s.value);
    cr_expect(strstr((char *)document->text.bytes, text) != NULL);
}

static bool has_key(const struct document *document, const char *key)
{
    for (size_t i = 0; i < document->place_count; i++)
        if (strcmp(document->places[i].key, key) == 0)
            return true;
    return false;
}

/* What only a directory has: the last bucket is one in S3. */
static bool has_key_of_first_bucket(const struct document *document, const char *key)
{
    static const char last[] = "buckets[1].";
    char first[DOCUMENT_KEY_SIZE];
    if (strncmp(key, last, strlen(last)) != 0)
        return false;
    return has_key(document, document_key(first, "buckets[0].%s", key + strlen(last)));
}

/* Every key of the schema, in the first entry (or, for a listener's certificate, any entry) of the
 * lists on its way. */
static void expect_keys(const struct document *document, const cyaml_schema_value_t *schema,
                        const char *path)
{
    char key[DOCUMENT_KEY_SIZE];
    if (schema->type == CYAML_SEQUENCE) {
        size_t last = 0;
        while (has_key(document, document_key(key, "%s[%zu]", path, last + 1)))
            last++;
        (void)document_key(key, "%s[%zu]", path, last);
        if (schema->sequence.entry->type == CYAML_MAPPING)
            expect_keys(document, schema->sequence.entry, key);
    }
    if (schema->type != CYAML_MAPPING)
        return;
    for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL; field++) {
        (void)document_key(key, "%s%s%s", path, *path == '\0' ? "" : ".", field->key);
        cr_expect(has_key(document, key) || has_key_of_first_bucket(document, key),
                  "'%s' is not documented", key);
        /* The other stages have the keys of the one that is shown in full. */
        if (strncmp(path, "hooks", 5) != 0 || strcmp(field->key, "pre_snapshot") == 0)
            expect_keys(document, &field->value, key);
    }
}

Test(config_documentation, names_every_key_of_the_schema)
{
    CLEANUP(document_freep) struct document *document = read_document("used/appbackup.yaml");
    expect_keys(document, &raw_config_schema, "");

    CLEANUP(document_freep) struct document *app = read_document("used/apps.d/website.yaml");
    expect_keys(app, &raw_app_schema, "");
}

Test(config_documentation, loads_the_sample_apps_as_they_are_and_with_every_line_in_use)
{
    static const char *const names[] = {"given/appbackup.yaml", "used/appbackup.yaml"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(config_freep) struct config *config = load(names[i]);
        CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
        struct error err = {0};
        cr_assert(eq(int, (int)config_load_apps(config, &apps, &err), (int)STATUS_OK), "%s",
                  err.text);
        cr_assert(eq(sz, apps->count, 2));
        cr_expect(eq(str, apps->items[0]->app.name, "postgresql"));
        cr_expect(eq(str, apps->items[1]->app.name, "website"));
        cr_expect(eq(sz, apps->items[1]->hooks[HOOK_PRE_SNAPSHOT].count, i));
        cr_expect(eq(int, (int)apps->items[1]->snapshot, (int)APP_SNAPSHOT_AUTO));
        cr_expect(eq(int, apps->items[1]->exclude_caches, 0));
    }
}

Test(config_documentation, gives_no_token_away_that_works)
{
    CLEANUP(config_freep) struct config *given = load("given/appbackup.yaml");
    cr_expect(eq(sz, given->accounts[0].token_count, 0));
}
