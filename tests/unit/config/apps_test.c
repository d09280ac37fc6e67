/* apps.d: what a good file becomes, and every way in which one can be wrong. */
#include "config/config.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID1 "5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f"
#define ID2 "6a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f"

static struct scratch scratch;
static struct config *config;

static void configure(const char *more)
{
    char yaml[512];
    struct error err = {0};
    config_free(config);
    config = NULL;
    (void)snprintf(yaml, sizeof(yaml), "node: web1\naccounts:\n  - {id: " ID1 ", name: main}\n%s",
                   more);
    scratch_write(&scratch, "appbackup.yaml", yaml, 0600);
    cr_assert(eq(int, (int)config_load(scratch_path(&scratch, "appbackup.yaml"), &config, &err),
                 (int)STATUS_OK),
              "%s", err.text);
}

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -m 755 apps.d");
    configure("");
}

static void tear_down(void)
{
    config_free(config);
    scratch_close(&scratch);
}

TestSuite(config_load_apps, .init = set_up, .fini = tear_down);

static struct config_apps *load(void)
{
    struct config_apps *apps = NULL;
    struct error err = {0};
    cr_assert(eq(int, (int)config_load_apps(config, &apps, &err), (int)STATUS_OK), "%s", err.text);
    return apps;
}

/* The text stands behind the path of the file, of which the name is given. */
static void expect_refused(enum status status, const char *name, const char *text)
{
    struct config_apps *apps = NULL;
    struct error err = {0};
    char expected[ERROR_TEXT_MAX + 64];
    cr_expect(eq(int, (int)config_load_apps(config, &apps, &err), (int)status), "%s", text);
    (void)snprintf(expected, sizeof(expected), "%s%s", scratch_path(&scratch, name), text);
    cr_expect(eq(str, (char *)err.text, expected));
    cr_expect(eq(ptr, apps, NULL));
}

Test(config_load_apps, gives_an_app_the_name_of_its_file_and_the_only_account)
{
    scratch_write(&scratch, "apps.d/shop.yaml", "volumes: [/srv/shop]\n", 0644);

    CLEANUP(config_apps_freep) struct config_apps *apps = load();

    cr_assert(eq(sz, apps->count, 1));
    const struct app_definition *app =
        config_apps_find(apps, "246e9e94-c614-54d3-a963-28acac1a7286");
    cr_assert(eq(ptr, (void *)app, apps->items[0]));
    cr_expect(eq(str, (char *)app->app.name, "shop"));
    cr_expect(eq(str, (char *)app->app.account, ID1));
    cr_expect(eq(str, (char *)app->app.node, "web1"));
    cr_expect(eq(int, (int)app->app.state, (int)APP_READY));
    cr_expect(eq(str, app->volumes[0], "/srv/shop"));
    cr_expect(eq(ptr, app->volumes[1], NULL));
    cr_expect(eq(int, (int)app->snapshot, (int)APP_SNAPSHOT_AUTO));
    cr_expect(eq(int, app->exclude_caches, 0));
    cr_expect(not(app->app.refuses_second));
    for (int stage = 0; stage < HOOK_STAGE_COUNT; stage++)
        cr_expect(eq(sz, app->hooks[stage].count, 0));
    cr_expect(eq(ptr, (void *)config_apps_find(apps, ID1), NULL));
}

Test(config_load_apps, takes_every_driver_that_is_declared)
{
    char text[256], names[128] = "";
    for (int driver = 0; driver < APP_SNAPSHOT_DRIVER_COUNT; driver++) {
        const char *name = app_snapshot_driver_name((enum app_snapshot_driver)driver);
        (void)snprintf(text, sizeof(text), "volumes: [/srv/shop]\nsnapshot: %s\n", name);
        scratch_write(&scratch, "apps.d/shop.yaml", text, 0644);

        CLEANUP(config_apps_freep) struct config_apps *apps = load();

        cr_expect(eq(int, (int)apps->items[0]->snapshot, driver));
        size_t len = strlen(names);
        (void)snprintf(names + len, sizeof(names) - len, "%s%s", driver == 0 ? "" : ", ", name);
    }

    (void)snprintf(text, sizeof(text), ":2: snapshot: expected one of: %s", names);
    scratch_write(&scratch, "apps.d/shop.yaml", "volumes: [/srv/shop]\nsnapshot: zfs\n", 0644);
    expect_refused(STATUS_INVALID, "apps.d/shop.yaml", text);
}

Test(config_load_apps, takes_every_key)
{
    configure("  - {id: " ID2 ", name: other}\n");
    scratch_write(&scratch, "apps.d/x.yaml",
                  "name: shop\naccount: other\n"
                  "volumes:\n  - //srv///shop/./data/\n  - /srv/shop-2\n"
                  "excludes: ['*.tmp', /cache]\nexclude_caches: true\nsnapshot: reflink\n"
                  "concurrent_backups: refuse\n"
                  "hooks:\n"
                  "  pre_backup: [{command: [/bin/a]}]\n"
                  "  pre_snapshot:\n"
                  "    - name: freeze\n      command: [/bin/sh, -c, '', 'a b']\n"
                  "      user: shop\n      timeout_s: 60\n      on_failure: abort\n"
                  "    - {command: [/usr/bin/second], on_failure: continue}\n"
                  "  post_snapshot: [{command: [/bin/c]}]\n"
                  "  post_backup: [{command: [/bin/d]}]\n"
                  "  pre_restore: [{command: [/bin/e], user: shop}]\n"
                  "  post_restore: [{command: [/bin/f]}]\n",
                  0600);

    CLEANUP(config_apps_freep) struct config_apps *apps = load();

    const struct app_definition *app = apps->items[0];
    cr_expect(eq(str, (char *)app->app.name, "shop"));
    cr_expect(eq(str, (char *)app->app.account, ID2));
    cr_expect(eq(str, app->volumes[0], "/srv/shop/data"));
    cr_expect(eq(str, app->volumes[1], "/srv/shop-2"), "a longer name is not below");
    cr_expect(eq(str, app->excludes[1], "/cache"));
    cr_expect(eq(ptr, app->excludes[2], NULL));
    cr_expect(eq(int, app->exclude_caches, 1));
    cr_expect(app->app.refuses_second);
    cr_expect(eq(int, (int)app->snapshot, (int)APP_SNAPSHOT_REFLINK));
    cr_assert(eq(sz, app->hooks[HOOK_PRE_SNAPSHOT].count, 2));
    const struct app_hook *freeze = &app->hooks[HOOK_PRE_SNAPSHOT].items[0];
    cr_expect(eq(str, freeze->name, "freeze"));
    cr_expect(eq(str, freeze->user, "shop"));
    cr_expect(eq(i64, freeze->timeout_ms, 60000));
    cr_expect(eq(int, freeze->abort_on_failure, 1));
    cr_expect(eq(str, freeze->command[0], "/bin/sh"));
    cr_expect(eq(str, freeze->command[2], ""), "an argument may be empty");
    cr_expect(eq(str, freeze->command[3], "a b"));
    cr_expect(eq(ptr, freeze->command[4], NULL));
    const struct app_hook *second = &app->hooks[HOOK_PRE_SNAPSHOT].items[1];
    cr_expect(eq(str, second->name, "second"));
    cr_expect(eq(ptr, second->user, NULL));
    cr_expect(eq(i64, second->timeout_ms, HOOK_TIMEOUT_MS));
    cr_expect(eq(int, second->abort_on_failure, 0));
    cr_expect(eq(str, app->hooks[HOOK_PRE_BACKUP].items[0].command[0], "/bin/a"));
    cr_expect(eq(str, app->hooks[HOOK_POST_SNAPSHOT].items[0].command[0], "/bin/c"));
    cr_expect(eq(str, app->hooks[HOOK_POST_BACKUP].items[0].command[0], "/bin/d"));
    cr_expect(eq(str, app->hooks[HOOK_PRE_RESTORE].items[0].command[0], "/bin/e"));
    cr_expect(eq(str, app->hooks[HOOK_PRE_RESTORE].items[0].user, "shop"));
    cr_expect(eq(str, app->hooks[HOOK_POST_RESTORE].items[0].command[0], "/bin/f"));
}

Test(config_load_apps, knows_every_snapshot_driver_by_its_name)
{
    for (int driver = 0; driver < APP_SNAPSHOT_DRIVER_COUNT; driver++) {
        char yaml[64];
        (void)snprintf(yaml, sizeof(yaml), "volumes: [/a]\nsnapshot: %s\n",
                       app_snapshot_driver_name((enum app_snapshot_driver)driver));
        scratch_write(&scratch, "apps.d/shop.yaml", yaml, 0600);
        CLEANUP(config_apps_freep) struct config_apps *apps = load();
        cr_expect(eq(int, (int)apps->items[0]->snapshot, driver));
    }
}

Test(config_load_apps, reads_yaml_files_by_name_and_nothing_else)
{
    static const char *const names[] = {"b.yaml",    "a.yaml", "README", ".hidden.yaml",
                                        "old.yaml~", "c.yml",  ".yaml"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "apps.d/%s", names[i]);
        scratch_write(&scratch, path, i < 2 ? "volumes: [/a]\nhooks:\nexcludes:\n" : "bad", 0600);
    }

    CLEANUP(config_apps_freep) struct config_apps *apps = load();

    cr_assert(eq(sz, apps->count, 2));
    cr_expect(eq(str, apps->items[0]->app.name, "a"));
    cr_expect(eq(str, apps->items[1]->app.name, "b"));
}

Test(config_load_apps, takes_an_empty_directory)
{
    CLEANUP(config_apps_freep) struct config_apps *apps = load();
    cr_expect(eq(sz, apps->count, 0));
    config_apps_free(NULL);
}

#define V       "volumes: [/a]\n"
#define COMMAND "volumes: [/a]\nhooks:\n  pre_backup:\n    - command: "

static const struct {
    const char *yaml, *text;
} refused[] = {
    {"", ":1: keys with values are expected"},
    {"name: a\n", ":1: volumes: required, but missing"},
    {"volumes: []\n", ":1: volumes: a list of 1 to 256 entries is expected"},
    {"volumes: /a\n", ":1: volumes: a list of 1 to 256 entries is expected"},
    {"volumes:\n  - /a\n  - srv/shop\n",
     ":3: volumes[1]: an absolute path without '..' is expected, not 'srv/shop'"},
    {"volumes:\n  - ''\n", ":2: volumes[0]: an absolute path without '..' is expected, not ''"},
    {"volumes:\n  - /srv/../etc\n",
     ":2: volumes[0]: an absolute path without '..' is expected, not '/srv/../etc'"},
    {"volumes:\n  - /srv/a\n  - /srv/a/b\n",
     ":3: volumes[1]: separate directories are expected, and '/srv/a/b' lies in '/srv/a'"},
    {"volumes:\n  - /srv/a/b\n  - /x\n  - /srv//a/\n",
     ":4: volumes[2]: separate directories are expected, and '/srv/a/b' lies in '/srv/a'"},
    {"volumes:\n  - /srv/a\n  - /srv/a/.\n",
     ":3: volumes[1]: separate directories are expected, and '/srv/a' lies in '/srv/a'"},
    {"volumes:\n  - /\n  - /a\n",
     ":3: volumes[1]: separate directories are expected, and '/a' lies in '/'"},
    {V "path: /etc\n", ":2: path: unknown key, expected one of: name, account, volumes, excludes, "
                       "exclude_caches, snapshot, concurrent_backups, hooks"},
    {V "name: My Shop\n",
     ":2: name: 1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, not 'My Shop'"},
    {V "account: nobody\n", ":2: account: the name or id of an account is expected, not 'nobody'"},
    {V "concurrent_backups: two\n", ":2: concurrent_backups: expected one of: queue, refuse"},
    {V "exclude_caches: 1\n", ":2: exclude_caches: expected one of: false, true"},
    {V "excludes: ['']\n", ":2: excludes[0]: text of 1 to 1024 bytes is expected"},
    {V "excludes:\n  - a\n  - {b: c}\n", ":4: excludes[1]: text of 1 to 1024 bytes is expected"},
    {V "hooks:\n  pre_delete: []\n",
     ":3: hooks.pre_delete: unknown key, expected one of: pre_backup, pre_snapshot, "
     "post_snapshot, post_backup, pre_restore, post_restore"},
    {V "hooks:\n  pre_backup:\n    - name: a\n",
     ":4: hooks.pre_backup[0].command: required, but missing"},
    {COMMAND "/bin/true\n",
     ":4: hooks.pre_backup[0].command: a list of 1 to 256 entries is expected"},
    {COMMAND "[]\n", ":4: hooks.pre_backup[0].command: a list of 1 to 256 entries is expected"},
    {COMMAND "[true]\n",
     ":4: hooks.pre_backup[0].command[0]: an absolute path is expected, not 'true'"},
    {COMMAND "[/bin/true]\n    - command:\n      - bin/x\n",
     ":6: hooks.pre_backup[1].command[0]: an absolute path is expected, not 'bin/x'"},
    {COMMAND "[/bin/true]\n      timeout_s: 0\n",
     ":5: hooks.pre_backup[0].timeout_s: a number from 1 to 86400 is expected, not '0'"},
    {COMMAND "[/bin/true]\n      timeout_s: 1m\n",
     ":5: hooks.pre_backup[0].timeout_s: a number from 1 to 86400 is expected, not '1m'"},
    {COMMAND "[/bin/true]\n      on_failure: ignore\n",
     ":5: hooks.pre_backup[0].on_failure: expected one of: continue, abort"},
    {COMMAND "[/bin/true]\n      timeout: 3\n",
     ":5: hooks.pre_backup[0].timeout: unknown key, expected one of: name, command, user, "
     "timeout_s, on_failure"},
};

Test(config_load_apps, refuses_with_file_line_key_and_what_was_expected)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        scratch_write(&scratch, "apps.d/shop.yaml", refused[i].yaml, 0600);
        expect_refused(STATUS_INVALID, "apps.d/shop.yaml", refused[i].text);
    }
}

#define TWO_BUCKETS                                                                         \
    "state_directory: state\nbuckets:\n  - {name: near, provider: directory, path: near}\n" \
    "  - {name: far, provider: directory, path: link/far}\n"

/* Paths are below the scratch directory, which stands in the place of each '@'. */
static const struct {
    const char *volume, *text; /* NULL: it is right */
} apart[] = {
    {"@/data", NULL},
    {"@/state-of-the-shop", NULL},
    {"@/data/not-there-yet", NULL},
    {"@/state", "apart from state_directory is expected: '@/state' lies in '@/state'"},
    {"@/state/cache", "apart from state_directory is expected: '@/state/cache' lies in '@/state'"},
    {"@", "apart from state_directory is expected: '@/state' lies in '@'"},
    {"/", "apart from state_directory is expected: '@/state' lies in '/'"},
    {"@/near/x", "apart from the path of bucket 'near' is expected: '@/near/x' lies in '@/near'"},
    {"@/srv", "apart from the path of bucket 'far' is expected: '@/srv/far' lies in '@/srv'"},
    {"@/link", "apart from the path of bucket 'far' is expected: '@/srv/far' lies in '@/srv'"},
};

static void put_scratch(char *to, size_t size, const char *format)
{
    CLEANUP(freep) char *root = realpath(scratch.path, NULL);
    size_t used = 0;
    for (; *format != '\0' && used + 1 < size; format++) {
        if (*format == '@')
            used += (size_t)snprintf(to + used, size - used, "%s", root);
        else
            to[used++] = *format;
    }
    to[used] = '\0';
}

Test(config_check_volumes, keeps_buckets_and_state_out_of_volumes_and_volumes_out_of_them,
     .init = set_up, .fini = tear_down)
{
    scratch_shell(&scratch, "mkdir state near srv data && ln -s srv link");
    configure(TWO_BUCKETS);
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
        struct error err = {0};
        char volume[256], yaml[512], expected[1024], text[512];
        put_scratch(volume, sizeof(volume), apart[i].volume);
        (void)snprintf(yaml, sizeof(yaml), "name: shop\nvolumes:\n  - \"%s\"\n", volume);
        scratch_write(&scratch, "apps.d/shop.yaml", yaml, 0600);
        CLEANUP(config_apps_freep) struct config_apps *apps = load();

        enum status status = config_check_volumes(config, apps, &err);

        cr_expect(
            eq(int, (int)status, apart[i].text == NULL ? (int)STATUS_OK : (int)STATUS_INVALID),
            "%s", volume);
        if (apart[i].text == NULL)
            continue;
        put_scratch(text, sizeof(text), apart[i].text);
        (void)snprintf(expected, sizeof(expected), "%s:3: volumes[0]: a directory %s",
                       scratch_path(&scratch, "apps.d/shop.yaml"), text);
        cr_expect(eq(str, (char *)err.text, expected));
        cr_expect(error_is(&err, REASON_CONFIGURATION_INVALID));
    }
}

Test(config_load_apps, refuses_a_file_name_that_is_no_app_name)
{
    scratch_write(&scratch, "apps.d/My_Shop.yaml", "\n" V, 0600);

    expect_refused(STATUS_INVALID, "apps.d/My_Shop.yaml",
                   ":1: name: 1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, "
                   "not 'My_Shop'");
}

Test(config_load_apps, asks_for_the_account_where_there_are_several)
{
    configure("  - {id: " ID2 ", name: other}\n");
    scratch_write(&scratch, "apps.d/shop.yaml", V, 0600);

    expect_refused(STATUS_INVALID, "apps.d/shop.yaml",
                   ":1: account: required, since there are 2 accounts, but missing");
}

Test(config_load_apps, refuses_two_apps_of_one_name_in_one_account)
{
    configure("  - {id: " ID2 ", name: other}\n");
    scratch_write(&scratch, "apps.d/a.yaml", V "account: main\n", 0600);
    scratch_write(&scratch, "apps.d/b.yaml", V "account: other\nname: a\n", 0600);
    config_apps_free(load());

    scratch_write(&scratch, "apps.d/b.yaml", V "account: main\nname: a\n", 0600);

    expect_refused(STATUS_INVALID, "apps.d/b.yaml",
                   ":3: name: 'a' is the name of another file's app in the same account");
}

Test(config_load_apps, refuses_files_that_others_may_write)
{
    scratch_write(&scratch, "apps.d/shop.yaml", V, 0664);
    expect_refused(STATUS_FORBIDDEN, "apps.d/shop.yaml",
                   ": others may write to it (mode 0664): chmod go-w it");
    scratch_write(&scratch, "apps.d/shop.yaml", V, 0602);
    expect_refused(STATUS_FORBIDDEN, "apps.d/shop.yaml",
                   ": others may write to it (mode 0602): chmod go-w it");
}

Test(config_load_apps, refuses_a_directory_in_which_others_may_put_files)
{
    scratch_shell(&scratch, "chmod 1777 apps.d");
    expect_refused(STATUS_FORBIDDEN, "apps.d",
                   ": others may write to it (mode 1777): chmod go-w it");
}

Test(config_load_apps, refuses_links_fifos_and_directories)
{
    scratch_write(&scratch, "elsewhere", V, 0600);
    scratch_shell(&scratch, "ln -s ../elsewhere apps.d/shop.yaml");
    expect_refused(STATUS_FORBIDDEN, "apps.d/shop.yaml", ": symbolic links are not followed");

    scratch_shell(&scratch, "rm apps.d/shop.yaml; mkfifo -m 600 apps.d/shop.yaml");
    expect_refused(STATUS_INVALID, "apps.d/shop.yaml", ": a regular file is expected");

    scratch_shell(&scratch, "rm apps.d/shop.yaml; mkdir apps.d/shop.yaml");
    expect_refused(STATUS_INVALID, "apps.d/shop.yaml", ": a regular file is expected");
}

Test(config_load_apps, refuses_a_directory_that_is_missing_or_none)
{
    scratch_shell(&scratch, "rmdir apps.d");
    expect_refused(STATUS_NOT_FOUND, "apps.d", ": open: No such file or directory");

    scratch_write(&scratch, "apps.d", "", 0600);
    expect_refused(STATUS_INVALID, "apps.d", ": a directory is expected");
}

Test(config_load_apps, refuses_what_belongs_to_somebody_else)
{
    if (geteuid() != 0) { /* only root can give files away; "/" belongs to root, which is fine */
        CLEANUP(config_apps_freep) struct config_apps *apps = load();
        cr_expect(eq(sz, apps->count, 0));
        return;
    }
    scratch_write(&scratch, "apps.d/shop.yaml", V, 0600);
    cr_assert(eq(int, chown(scratch_path(&scratch, "apps.d/shop.yaml"), 12345, 0), 0));
    expect_refused(STATUS_FORBIDDEN, "apps.d/shop.yaml",
                   ": it must belong to root or to us, not to user 12345");

    cr_assert(eq(int, chown(scratch_path(&scratch, "apps.d"), 12345, 0), 0));
    expect_refused(STATUS_FORBIDDEN, "apps.d",
                   ": it must belong to root or to us, not to user 12345");
}

/* Only those below the scratch directory count: Criterion opens some of its own, when it likes. */
static void expect_no_descriptor(void)
{
    char *open_files = scratch_output(&scratch, "ls -l /proc/%d/fd | grep -c %s/ || true",
                                      (int)getpid(), scratch.path);
    cr_expect(eq(str, open_files, "0"));
    free(open_files);
}

Test(config_load_apps, leaves_no_descriptor_open)
{
    scratch_write(&scratch, "apps.d/shop.yaml", V, 0600);
    config_apps_free(load());
    expect_no_descriptor();

    scratch_write(&scratch, "apps.d/wrong.yaml", "x", 0600);
    expect_refused(STATUS_INVALID, "apps.d/wrong.yaml", ":1: keys with values are expected");
    expect_no_descriptor();
}
