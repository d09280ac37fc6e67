/* appbackupd: the HTTP front end; with --standalone, a whole service in one directory. */
#include "config/config.h"
#include "config/credentials.h"
#include "core/log.h"
#include "daemon_options.h"
#include "daemon_serve.h"
#include "daemon_standalone.h"
#include "listener_check.h"
#include "model/event.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(int code, enum event_kind event, const struct error *err)
{
    log_event(LOG_LEVEL_ERROR, event, LOG_TEXT("code", err->reason), LOG_TEXT("reason", err->text));
    return code;
}

/* A start that fails for one of these fails the next time as well: a person is needed. */
static bool is_wrong_for_good(enum status status)
{
    return status == STATUS_INVALID || status == STATUS_NOT_FOUND || status == STATUS_FORBIDDEN;
}

static int run(const struct serve_options *options)
{
    struct error err = {.status = STATUS_OK};
    if (serve(options, &err) != STATUS_OK)
        return fail(is_wrong_for_good(err.status) ? DAEMON_EXIT_CONFIG : EXIT_FAILURE,
                    EVENT_START_FAILED, &err);
    return EXIT_SUCCESS;
}

static int check(const char *path)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {.status = STATUS_OK};
    enum status status = config_may_read_secrets() ? config_load(path, &config, &err)
                                                   : config_load_public(path, &config, &err);
    if (status != STATUS_OK || listener_check(config, &err) != STATUS_OK)
        return fail(DAEMON_EXIT_CONFIG, EVENT_CONFIG_REFUSED, &err);
    (void)printf("%s: good\n", path);
    return EXIT_SUCCESS;
}

static int run_configured(const struct daemon_options *options)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {.status = STATUS_OK};
    if (options->action == DAEMON_CHECK)
        return check(options->config);
    if (config_load(options->config, &config, &err) != STATUS_OK ||
        listener_check(config, &err) != STATUS_OK)
        return fail(DAEMON_EXIT_CONFIG, EVENT_CONFIG_REFUSED, &err);
    return run(&(struct serve_options){.config = config, .sockets = options->sockets});
}

static int run_standalone(const struct daemon_options *options)
{
    const struct standalone_options wanted = {.directory = options->state_directory,
                                              .listen = options->listen,
                                              .apps_directory = options->app_directory};
    CLEANUP(standalone_close) struct standalone standalone = {.lock_fd = -1, .redis_lock_fd = -1};
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {.status = STATUS_OK};
    if (standalone_open(&wanted, &standalone, &err) != STATUS_OK)
        return fail(EXIT_FAILURE, EVENT_START_FAILED, &err);
    if (config_load(standalone.config, &config, &err) != STATUS_OK ||
        listener_check(config, &err) != STATUS_OK ||
        standalone_check(&standalone, &wanted, config, &err) != STATUS_OK)
        return fail(DAEMON_EXIT_CONFIG, EVENT_CONFIG_REFUSED, &err);
    return run(&(struct serve_options){
        .config = config, .standalone = &standalone, .listen = options->listen});
}

int main(int argc, char **argv)
{
    struct daemon_options options = daemon_options_read(argc, argv);
    options.sockets = sockets_take();
    switch (options.action) {
    case DAEMON_HELP:
        (void)fputs(daemon_help, stdout);
        return EXIT_SUCCESS;
    case DAEMON_VERSION:
        (void)puts("appbackupd " APPBACKUP_VERSION);
        return EXIT_SUCCESS;
    case DAEMON_WRONG:
        (void)fputs(daemon_help, stderr);
        return DAEMON_EXIT_USAGE;
    case DAEMON_SERVE:
    case DAEMON_CHECK:
        break;
    }
    return options.state_directory == NULL ? run_configured(&options) : run_standalone(&options);
}
