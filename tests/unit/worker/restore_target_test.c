#include "src/worker/restore_target.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static struct scratch scratch;
static char allowed[4096];

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -p out/deep etc; ln -s ../etc out/link; touch out/file");
    (void)snprintf(allowed, sizeof(allowed), "%s", scratch_path(&scratch, "out"));
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(restore_target_check, .init = set_up, .fini = tear_down);

static enum status check(const char *below, char *const *directories, struct error *err)
{
    char path[8192];
    char node[] = "web1";
    char *directory = allowed;
    char *const one[] = {directory, NULL};
    struct config config = {.node = node};
    char **list = NULL;
    memcpy(&list, &(const void *){directories == NULL ? one : directories}, sizeof(list));
    config.worker.restore_directories = list;
    (void)snprintf(path, sizeof(path), "%s%s", allowed, below);
    return restore_target_check(&config, path, err);
}

Test(restore_target_check, allows_what_is_below_whether_it_exists_or_not)
{
    static const char *const good[] = {"", "/deep", "/deep/new", "/new/er/still"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct error err = {0};
        cr_expect(eq(int, (int)check(good[i], NULL, &err), (int)STATUS_OK), "%s: %s", good[i],
                  err.text);
    }
}

Test(restore_target_check, refuses_what_is_elsewhere_or_leads_there)
{
    static const char *const bad[] = {"x",         "/../etc",    "/./deep",      "/deep/",
                                      "//deep",    "/link",      "/link/a",      "/file",
                                      "/file/new", "/deep/../x", "/link/../deep"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        cr_expect(eq(int, (int)check(bad[i], NULL, &err), (int)STATUS_FORBIDDEN), "%s", bad[i]);
        cr_expect(eq(str, (char *)err.reason, "target_forbidden"), "%s", bad[i]);
    }
}

Test(restore_target_check, names_the_key_when_nothing_is_allowed)
{
    char *const none[] = {NULL};
    struct error err = {0};

    cr_expect(eq(int, (int)check("", none, &err), (int)STATUS_FORBIDDEN));

    cr_expect(strstr(err.text, "worker.restore_directories") != NULL, "%s", err.text);
}
