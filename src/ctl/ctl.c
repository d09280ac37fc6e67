#include "ctl/ctl.h"

#include "arguments.h"
#include "command.h"
#include "output.h"
#include "session.h"

#include <stdio.h>

static const char general_options[] =
    "Options for all commands:\n"
    "  --config FILE     default: $APPBACKUP_CONFIG, then /etc/appbackup/appbackup.yaml\n"
    "  --account ID      needed only where the configuration has several\n"
    "  -o, --output FORM table (default) or json\n"
    "  -h, --help\n"
    "  --version\n";

static const char exit_codes[] =
    "Exit codes: 0 done; 1 failed, refused, or (status) something needs you; 2 wrong arguments;\n"
    "3 no such thing; 4 Redis cannot be reached; 5 wrong configuration; 130 interrupted while\n"
    "waiting (the work goes on).\n";

static void print_help(FILE *out)
{
    (void)fputs("Usage: appbackupctl COMMAND [ARGUMENT] [OPTION]...\n\n", out);
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char words[COMMAND_NAME_SIZE];
        command_name(command, words);
        (void)fprintf(out, "  %-20s%s\n", words, command->summary);
    }
    (void)fprintf(out, "\n%s\n%s", general_options, exit_codes);
}

static void print_command_help(const struct command *command)
{
    char name[COMMAND_NAME_SIZE];
    command_name(command, name);
    (void)printf("Usage: appbackupctl %s%s%s\n\n%s.\n\n", name,
                 command->usage[0] == '\0' ? "" : " ", command->usage, command->summary);
    if (command->help[0] != '\0')
        (void)printf("%s\n", command->help);
    (void)printf("%s\n%s", general_options, exit_codes);
}

static int exit_code_of(const struct error *err)
{
    if (error_is(err, REASON_CONFIGURATION_INVALID))
        return CTL_EXIT_CONFIG;
    switch ((int)err->status) {
    case STATUS_NOT_FOUND:
        return CTL_EXIT_NOT_FOUND;
    case STATUS_INVALID:
        return CTL_EXIT_USAGE;
    case STATUS_UNAVAILABLE:
    case STATUS_TIMEOUT:
        return CTL_EXIT_UNAVAILABLE;
    default:
        return CTL_EXIT_FAILED;
    }
}

static int fail(const struct error *err)
{
    (void)fprintf(stderr, "appbackupctl: %s\n", err->text);
    return exit_code_of(err);
}

static int run(const struct arguments *arguments, ctl_check_fn *check)
{
    struct session session = {.check = check};
    struct error err = {0};
    enum status status = session_open(&session, arguments, &err);
    if (status == STATUS_OK)
        status = arguments->command->run(&session, &err);
    int exit_code = session.exit_code;
    session_close(&session);
    if (status == STATUS_OK)
        status = output_flush(&err);
    return status == STATUS_OK ? exit_code : fail(&err);
}

int ctl_run(int argc, char **argv, ctl_check_fn *check)
{
    struct arguments arguments = {0};
    struct error err = {0};
    if (arguments_read(argc, argv, &arguments, &err) != STATUS_OK) {
        (void)fail(&err);
        (void)fputs("Try 'appbackupctl --help'.\n", stderr);
        return CTL_EXIT_USAGE;
    }
    if (arguments.version)
        (void)puts("appbackupctl " APPBACKUP_VERSION);
    else if (arguments.help && arguments.command != NULL)
        print_command_help(arguments.command);
    else if (arguments.help)
        print_help(stdout);
    else
        return run(&arguments, check);
    return CTL_EXIT_OK;
}
