#include "src/store/link/settings.h"

#include "core/secret.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static enum status parse(struct settings *settings, const char *address, struct error *err)
{
    const struct store_options options = {.address = address, .timeout_ms = 1500};
    return settings_init(settings, &options, err);
}

Test(settings, take_a_socket_or_a_host_and_a_port)
{
    static const struct {
        const char *address;
        const char *path;
        const char *host;
        int port;
    } good[] = {
        {"unix:/run/redis/redis.sock", "/run/redis/redis.sock", NULL, 0},
        {"127.0.0.1:6379", NULL, "127.0.0.1", 6379},
        {"redis.example:1", NULL, "redis.example", 1},
        {"[::1]:65535", NULL, "::1", 65535},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct settings settings;
        struct error err = {0};
        cr_assert(eq(int, (int)parse(&settings, good[i].address, &err), (int)STATUS_OK), "%s",
                  err.text);
        if (good[i].path != NULL)
            cr_expect(eq(str, settings.path, (char *)good[i].path));
        else
            cr_expect(settings.path == NULL);
        if (good[i].host != NULL)
            cr_expect(eq(str, settings.host, (char *)good[i].host));
        cr_expect(eq(int, settings.port, good[i].port));
        struct timeval timeout = settings_timeout(&settings);
        cr_expect(timeout.tv_sec == 1 && timeout.tv_usec == 500000);
        settings_done(&settings);
    }
}

Test(settings, refuse_anything_else)
{
    static const char *const bad[] = {
        "",           "localhost",     ":6379",
        "localhost:", "localhost:0",   "host:65536",
        "host:63 79", "unix:relative", "unix:",
        "host:-1",    "host:6379x",    "host:999999999999999999999",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct settings settings;
        struct error err = {0};
        cr_expect(eq(int, (int)parse(&settings, bad[i], &err), (int)STATUS_INVALID), "'%s'",
                  bad[i]);
    }
    char long_path[200] = "unix:/";
    memset(long_path + 6, 'x', sizeof(long_path) - 7);
    struct settings settings;
    struct error err = {0};
    cr_expect(eq(int, (int)parse(&settings, long_path, &err), (int)STATUS_INVALID));
}

Test(settings, greet_with_what_was_given_and_nothing_else)
{
    struct error err = {0};
    struct greeting greetings[GREETINGS_MAX];
    struct settings settings;
    cr_assert(eq(int, (int)parse(&settings, "h:1", &err), (int)STATUS_OK));
    cr_expect(eq(int, settings_greetings(&settings, greetings), 0));
    settings_done(&settings);

    struct secret *password = NULL;
    cr_assert(eq(int, (int)secret_new("pass", &password, &err), (int)STATUS_OK));
    const struct store_options full = {
        .address = "h:1", .username = "me", .password = password, .database = 7, .timeout_ms = 1};
    cr_assert(eq(int, (int)settings_init(&settings, &full, &err), (int)STATUS_OK));
    cr_assert(eq(int, settings_greetings(&settings, greetings), 2));
    cr_expect(eq(int, greetings[0].argc, 3));
    cr_expect(eq(str, (char *)greetings[0].argv[0], "AUTH"));
    cr_expect(eq(str, (char *)greetings[0].argv[1], "me"));
    cr_expect(eq(str, (char *)greetings[0].argv[2], "pass"));
    cr_expect(eq(int, greetings[1].argc, 2));
    cr_expect(eq(str, (char *)greetings[1].argv[1], "7"));
    settings_done(&settings);
    secret_free(password);
}
