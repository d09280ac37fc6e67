#include "core/id.h"
#include "core/log.h"
#include "model/event.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The numbers are those of sysexits(3): systemd does not restart after a wrong configuration. */
enum { EXIT_USAGE = 64, EXIT_CONFIG = 78 };

static const char help[] =
    "Usage: appbackup-worker [--config FILE]                the worker of this node\n"
    "       appbackup-worker [--config FILE] --check        is the configuration usable?\n"
    "       appbackup-worker [--config FILE] --recover      unwind what dead jobs left: thaw\n"
    "                                                       applications, remove snapshots\n"
    "       appbackup-worker [--config FILE] --job ID --epoch N [--keys FD] [--log FD]\n"
    "                                                       one claim; the worker calls this\n"
    "       appbackup-worker --help | --version\n"
    "\n"
    "FILE is /etc/appbackup/appbackup.yaml unless given. SIGTERM ends the worker after its jobs\n"
    "have handed back their claims; SIGHUP reads the configuration again.\n"
    "\n"
    "Exit codes: 0 done; 1 failed; 64 wrong usage; 78 wrong configuration.\n";

enum action { ACTION_SUPERVISE, ACTION_JOB, ACTION_CHECK, ACTION_RECOVER, ACTION_WRONG };

struct arguments {
    enum action action;
    const char *config;
    const char *job;
    int64_t epoch;
    int keys; /* -1: none */
    int log;  /* -1: none */
};

static bool read_number(const char *text, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1)
        return false;
    *ret_number = number;
    return true;
}

static bool read_descriptor(const char *text, int *ret_fd)
{
    int64_t number = 0;
    if (!read_number(text, &number) || number < 3 || number > INT_MAX)
        return false;
    *ret_fd = (int)number;
    return true;
}

static bool read_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'c':
        arguments->config = optarg;
        return true;
    case 'j':
        arguments->action = ACTION_JOB;
        arguments->job = optarg;
        return id_is_valid(optarg);
    case 'e':
        return read_number(optarg, &arguments->epoch);
    case 'K':
        return read_descriptor(optarg, &arguments->keys);
    case 'l':
        return read_descriptor(optarg, &arguments->log);
    case 'k':
        arguments->action = ACTION_CHECK;
        return true;
    case 'r':
        arguments->action = ACTION_RECOVER;
        return true;
    case 'h':
        (void)fputs(help, stdout);
        exit(EXIT_SUCCESS);
    case 'V':
        (void)puts("appbackup-worker " APPBACKUP_VERSION);
        exit(EXIT_SUCCESS);
    default:
        return false;
    }
}

static struct arguments read_arguments(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"job", required_argument, NULL, 'j'},
        {"epoch", required_argument, NULL, 'e'},  {"check", no_argument, NULL, 'k'},
        {"recover", no_argument, NULL, 'r'},      {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {"keys", required_argument, NULL, 'K'},
        {"log", required_argument, NULL, 'l'},    {0},
    };
    struct arguments arguments = {.config = "/etc/appbackup/appbackup.yaml", .keys = -1, .log = -1};
    bool good = true;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
    while (good && (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
        good = read_option(option, &arguments);
    bool has_epoch = arguments.epoch > 0;
    if (!good || optind < argc || has_epoch != (arguments.action == ACTION_JOB))
        arguments.action = ACTION_WRONG;
    return arguments;
}

static int fail(int code, enum event_kind event, const struct error *err)
{
    log_event(LOG_LEVEL_ERROR, event, LOG_TEXT("code", err->reason), LOG_TEXT("reason", err->text));
    return code;
}

static int check(const struct arguments *arguments)
{
    struct error err = {0};
    if (worker_check_all(arguments->config, &err) != STATUS_OK)
        return fail(EXIT_CONFIG, EVENT_CONFIG_REFUSED, &err);
    return EXIT_SUCCESS;
}

static int supervise(const struct arguments *arguments)
{
    struct error err = {0};
    if (worker_check(arguments->config, &err) != STATUS_OK)
        return fail(EXIT_CONFIG, EVENT_CONFIG_REFUSED, &err);
    if (worker_supervise("/proc/self/exe", arguments->config, &err) != STATUS_OK)
        return fail(EXIT_FAILURE, EVENT_START_FAILED, &err);
    return EXIT_SUCCESS;
}

static int recover(const struct arguments *arguments)
{
    struct error err = {0};
    if (worker_recover(arguments->config, &err) != STATUS_OK)
        return fail(EXIT_FAILURE, EVENT_UNWIND_FAILED, &err);
    return EXIT_SUCCESS;
}

static int run_job(const struct arguments *arguments)
{
    if (arguments->log >= 0) {
        (void)fcntl(arguments->log, F_SETFD, FD_CLOEXEC); /* no hook inherits it */
        log_set_fallback(arguments->log);
    }
    return worker_run_job(arguments->config, arguments->job, arguments->epoch, arguments->keys);
}

int main(int argc, char **argv)
{
    struct arguments arguments = read_arguments(argc, argv);
    switch (arguments.action) {
    case ACTION_SUPERVISE:
        return supervise(&arguments);
    case ACTION_JOB:
        return run_job(&arguments);
    case ACTION_CHECK:
        return check(&arguments);
    case ACTION_RECOVER:
        return recover(&arguments);
    case ACTION_WRONG:
        break;
    }
    (void)fputs(help, stderr);
    return EXIT_USAGE;
}
