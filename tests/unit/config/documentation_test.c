/* config/appbackup.yaml and config/apps.d are the manual: the files load both as they are and with
 * every line in use. That every key stands there, with its default and range, sample_test.py sees. */
#include "config/config.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

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

/* The numbers of a section stand at its end, the named one first. */
#define EXPECT_SAME_NUMBERS(one, other, first)       \
    cr_expect(memcmp(&(one)->first, &(other)->first, \
                     sizeof(*(one)) -                \
                         ((size_t)((const char *)&(one)->first - (const char *)(one)))) == 0)

Test(config_documentation, means_the_same_with_every_default_written_out)
{
    CLEANUP(config_freep) struct config *given = load("given/appbackup.yaml");
    CLEANUP(config_freep) struct config *used = load("used/appbackup.yaml");

    EXPECT_SAME_NUMBERS(&used->redis, &given->redis, database);
    EXPECT_SAME_NUMBERS(&used->http, &given->http, body_bytes_max);
    EXPECT_SAME_NUMBERS(&used->worker, &given->worker, slots);
    cr_expect(eq(str, used->state_directory, given->state_directory));
    cr_expect(eq(str, used->apps_directory, (char *)scratch_path(&scratch, "used/apps.d")));
    cr_expect(eq(str, given->apps_directory, (char *)scratch_path(&scratch, "given/apps.d")));
    cr_expect(eq(str, used->redis.address, given->redis.address));
    cr_expect(eq(sz, used->http.listener_count, 2));
    cr_expect(eq(str, used->http.listeners[0].address, given->http.listeners[0].address));
    cr_expect(eq(int, used->buckets[0].bucket.is_default, given->buckets[0].bucket.is_default));
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
