#include "daemon_options.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

const char daemon_help[] =
    "Usage: appbackupd [--config FILE]                      the front end of a service\n"
    "       appbackupd [--config FILE] --check              is the configuration usable?\n"
    "       appbackupd --standalone --state-directory DIR [--listen ADDRESS]\n"
    "                  [--app-directory DIR]                the whole service in one directory:\n"
    "                                                       with a Redis and a worker of its own\n"
    "       appbackupd --help | --version\n"
    "\n"
    "FILE is /etc/appbackup/appbackup.yaml unless given. In standalone mode it is made in DIR at\n"
    "the first start, and is yours from then on; ADDRESS (127.0.0.1:8080 unless given) is "
    "listened\n"
    "on besides what it says. SIGTERM ends the daemon after its requests; SIGHUP reads accounts,\n"
    "tokens, certificates and keys again.\n"
    "\n"
    "Exit codes: 0 done; 1 failed; 64 wrong usage; 78 wrong configuration.\n";

static void read_option(int option, const char *value, struct daemon_options *options,
                        bool *standalone)
{
    switch (option) {
    case 'c':
        options->config = value;
        break;
    case 's':
        *standalone = true;
        break;
    case 'd':
        options->state_directory = value;
        break;
    case 'l':
        options->listen = value;
        break;
    case 'a':
        options->app_directory = value;
        break;
    case 'k':
        options->action = DAEMON_CHECK;
        break;
    case 'h':
        options->action = DAEMON_HELP;
        break;
    case 'V':
        options->action = DAEMON_VERSION;
        break;
    default:
        options->action = DAEMON_WRONG;
        break;
    }
}

/* NULL, or what does not go together. */
static const char *find_contradiction(const struct daemon_options *options, bool standalone)
{
    if (standalone && options->state_directory == NULL)
        return "--standalone needs --state-directory";
    if (!standalone && (options->state_directory != NULL || options->listen != NULL ||
                        options->app_directory != NULL))
        return "--state-directory, --listen and --app-directory belong to --standalone";
    if (standalone && options->config != NULL)
        return "--config is for a service that is not --standalone";
    if (standalone && options->action == DAEMON_CHECK)
        return "--check takes --config, not --standalone";
    return NULL;
}

static bool is_answered_at_once(const struct daemon_options *options)
{
    return options->action != DAEMON_SERVE && options->action != DAEMON_CHECK;
}

struct daemon_options daemon_options_read(int argc, char **argv)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"standalone", no_argument, NULL, 's'},
        {"state-directory", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"app-directory", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    struct daemon_options options = {.action = DAEMON_SERVE};
    bool standalone = false;
    int option;
    while (!is_answered_at_once(&options) &&
           (option = getopt_long(argc, argv, "c:h", known, NULL)) != -1)
        read_option(option, optarg, &options, &standalone);
    if (is_answered_at_once(&options))
        return options;

    const char *wrong = optind < argc ? "no arguments are expected behind the options"
                                      : find_contradiction(&options, standalone);
    if (wrong != NULL) {
        (void)fprintf(stderr, "appbackupd: %s\n", wrong);
        options.action = DAEMON_WRONG;
    }
    if (options.config == NULL)
        options.config = "/etc/appbackup/appbackup.yaml";
    return options;
}
