#include "src/ctl/arguments.h"

#include "src/ctl/command.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define WORDS(...)                                                  \
    (sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)), \
        (char *const *)(const char *[])                             \
    {                                                               \
        __VA_ARGS__                                                 \
    }

static struct arguments good(size_t count, char *const *words)
{
    struct arguments arguments = {0};
    struct error err = {0};
    enum status status = arguments_read((int)count, words, &arguments, &err);
    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    return arguments;
}

static struct error bad(size_t count, char *const *words)
{
    struct arguments arguments = {0};
    struct error err = {0};
    enum status status = arguments_read((int)count, words, &arguments, &err);
    cr_assert(eq(int, (int)status, (int)STATUS_INVALID));
    cr_assert(arguments.command == NULL);
    return err;
}

Test(arguments_read, finds_the_command_and_its_arguments)
{
    struct arguments arguments = good(WORDS("ctl", "backup", "create", "shop"));

    cr_assert(arguments.command == command_find("backup", "create"));
    cr_assert(eq(sz, arguments.count, 1));
    cr_assert(eq(str, (char *)arguments.values[0], "shop"));
    cr_assert(eq(int, (int)arguments.output, OUTPUT_TABLE));
    cr_assert(not(arguments.wait));
}

Test(arguments_read, takes_options_anywhere_in_every_form)
{
    struct arguments arguments =
        good(WORDS("ctl", "-o", "json", "backup", "--wait", "create", "--name=n1", "shop",
                   "--bucket", "b", "-c/etc/a.yaml", "--account", "acc"));

    cr_assert(eq(int, (int)arguments.output, OUTPUT_JSON));
    cr_assert(arguments.wait);
    cr_assert(eq(str, (char *)arguments.name, "n1"));
    cr_assert(eq(str, (char *)arguments.bucket, "b"));
    cr_assert(eq(str, (char *)arguments.config, "/etc/a.yaml"));
    cr_assert(eq(str, (char *)arguments.account, "acc"));
    cr_assert(eq(str, (char *)arguments.values[0], "shop"));
}

Test(arguments_read, knows_commands_of_one_word_and_their_switches)
{
    struct arguments status = good(WORDS("ctl", "status"));
    struct arguments pause = good(WORDS("ctl", "pause", "app", "shop", "--reason", "disks"));
    struct arguments requeue = good(WORDS("ctl", "requeue", "--force", "id"));
    struct arguments top = good(WORDS("ctl", "top", "--once"));

    cr_assert(status.command == command_find("status", NULL));
    cr_assert(eq(str, (char *)pause.values[1], "shop"));
    cr_assert(eq(str, (char *)pause.reason, "disks"));
    cr_assert(requeue.force && top.once);
}

Test(arguments_read, treats_all_behind_two_dashes_as_arguments)
{
    struct arguments arguments = good(WORDS("ctl", "backup", "show", "--", "--wait"));

    cr_assert(eq(str, (char *)arguments.values[0], "--wait"));
}

Test(arguments_read, allows_help_without_the_arguments)
{
    struct arguments command = good(WORDS("ctl", "backup", "create", "--help"));
    struct arguments general = good(WORDS("ctl", "-h"));
    struct arguments group = good(WORDS("ctl", "backup", "--help"));
    struct arguments word = good(WORDS("ctl", "restore", "--help"));

    cr_assert(command.help && command.command == command_find("backup", "create"));
    cr_assert(general.help && general.command == NULL);
    cr_assert(group.help && group.command == NULL);
    cr_assert(word.help && word.command == command_find("restore", NULL));
}

Test(arguments_read, says_what_is_wrong)
{
    cr_assert(eq(str, bad(WORDS("ctl")).text, "a command is expected"));
    cr_assert(eq(str, bad(WORDS("ctl", "backup")).text, "unknown command 'backup'"));
    cr_assert(eq(str, bad(WORDS("ctl", "backup", "eat")).text, "unknown command 'backup eat'"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "--nope")).text, "unknown option '--nope'"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "--accountant", "x")).text,
                 "unknown option '--accountant'"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "--account")).text,
                 "option '--account' needs a value"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "--account=")).text,
                 "option '--account' needs a value"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "-o", "xml")).text,
                 "output 'xml': table or json is expected"));
    cr_assert(eq(str, bad(WORDS("ctl", "backup", "create", "shop", "--wait=1")).text,
                 "option '--wait' takes no value"));
}

Test(arguments_read, refuses_too_few_and_too_many_arguments)
{
    cr_assert(
        eq(str, bad(WORDS("ctl", "backup", "show")).text, "missing arguments: backup show ID"));
    cr_assert(eq(str, bad(WORDS("ctl", "app", "list", "x")).text, "too many arguments: app list "));
    (void)bad(WORDS("ctl", "a", "b", "c", "d", "e", "f", "g", "h", "i"));
}

Test(arguments_read, refuses_an_option_that_the_command_does_not_take)
{
    cr_assert(eq(str, bad(WORDS("ctl", "backup", "list", "--wait")).text,
                 "'backup list' does not take that option: backup list [APP]"));
    (void)bad(WORDS("ctl", "app", "list", "--name", "x"));
}

Test(commands, have_help_and_something_to_run)
{
    const struct command *command = NULL;
    size_t count = 0;
    for (; (command = command_at(count)) != NULL; count++) {
        cr_assert(command->run != NULL);
        cr_assert(command->summary != NULL && command->help != NULL);
        cr_assert(le(sz, command->arguments_max, (size_t)ARGUMENTS_MAX));
        cr_assert(command_find(command->group, command->verb) == command);
    }
    cr_assert(lt(sz, 30, count));
}
