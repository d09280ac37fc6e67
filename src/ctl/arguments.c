#include "arguments.h"

#include "command.h"

#include <string.h>

enum { WORDS_MAX = ARGUMENTS_MAX + 2 };

/* What an option does to the arguments. offset: of the const char * or bool that it sets. */
struct option {
    const char *name; /* "--name" */
    char letter;      /* 0: none */
    bool is_switch;
    bool is_list; /* --include: added to those before it */
    unsigned bit; /* 0: every command takes it */
    size_t offset;
};

#define TEXT_OPTION(name_, letter_, bit_, member)            \
    {                                                        \
        .name = (name_), .letter = (letter_), .bit = (bit_), \
        .offset = offsetof(struct arguments, member)         \
    }
#define SWITCH_OPTION(name_, letter_, bit_, member)                             \
    {                                                                           \
        .name = (name_), .letter = (letter_), .is_switch = true, .bit = (bit_), \
        .offset = offsetof(struct arguments, member)                            \
    }

/* -o sets an enum: it goes by way of `output_text` below. */
struct reading {
    struct arguments arguments; /* first: the offsets hold for both */
    const char *output_text;
    const char *words[WORDS_MAX];
    size_t word_count;
    unsigned used; /* bits of the options given */
    int next;
    int argc;
    char *const *argv;
};

/* clang-format off */
static const struct option options[] = {
    TEXT_OPTION("--config", 'c', 0, config),
    TEXT_OPTION("--account", 0, 0, account),
    TEXT_OPTION("--name", 0, OPTION_NAME, name),
    TEXT_OPTION("--bucket", 0, OPTION_BUCKET, bucket),
    SWITCH_OPTION("--wait", 0, OPTION_WAIT, wait),
    TEXT_OPTION("--target", 0, OPTION_TARGET, target),
    {.name = "--include", .bit = OPTION_INCLUDE, .is_list = true},
    SWITCH_OPTION("--in-place", 0, OPTION_IN_PLACE, in_place),
    SWITCH_OPTION("--overwrite", 0, OPTION_OVERWRITE, overwrite),
    TEXT_OPTION("--reason", 0, OPTION_REASON, reason),
    TEXT_OPTION("--role", 0, OPTION_ROLE, role),
    SWITCH_OPTION("--all", 0, OPTION_ALL, all),
    SWITCH_OPTION("--force", 0, OPTION_FORCE, force),
    SWITCH_OPTION("--once", 0, OPTION_ONCE, once),
    SWITCH_OPTION("--repair", 0, OPTION_REPAIR, repair),
    SWITCH_OPTION("--load", 0, OPTION_LOAD, load),
    TEXT_OPTION("--undo", 0, OPTION_UNDO, undo),
    SWITCH_OPTION("--help", 'h', 0, help),
    SWITCH_OPTION("--version", 0, 0, version),
    {.name = "--output", .letter = 'o', .offset = offsetof(struct reading, output_text)},
};

/* clang-format on */

/* "--name", "--name=value", "-n", "-nvalue". *ret_value: what is attached, or NULL. */
static const struct option *find_option(const char *word, const char **ret_value)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const struct option *option = &options[i];
        size_t len = strlen(option->name);
        *ret_value = NULL;
        if (strcmp(word, option->name) == 0)
            return option;
        *ret_value = word + len + 1;
        if (strncmp(word, option->name, len) == 0 && word[len] == '=')
            return option;
        *ret_value = word[1] != '\0' && word[2] != '\0' ? word + 2 : NULL;
        if (option->letter != 0 && word[1] == option->letter)
            return option;
    }
    return NULL;
}

static enum status add_include(struct arguments *arguments, const char *value, struct error *err)
{
    if (arguments->include_count == INCLUDES_MAX)
        return FAIL(err, STATUS_INVALID, "option '--include' can be given %d times", INCLUDES_MAX);
    arguments->includes[arguments->include_count++] = value;
    return STATUS_OK;
}

static enum status read_option(struct reading *reading, const char *word, struct error *err)
{
    const char *value = NULL;
    const struct option *option = find_option(word, &value);
    if (option == NULL)
        return FAIL(err, STATUS_INVALID, "unknown option '%s'", word);
    reading->used |= option->bit;
    char *slot = (char *)reading + option->offset;
    if (option->is_switch) {
        if (value != NULL)
            return FAIL(err, STATUS_INVALID, "option '%s' takes no value", option->name);
        memcpy(slot, &(bool){true}, sizeof(bool));
        return STATUS_OK;
    }
    if (value == NULL && reading->next < reading->argc)
        value = reading->argv[reading->next++];
    if (value == NULL || value[0] == '\0')
        return FAIL(err, STATUS_INVALID, "option '%s' needs a value", option->name);
    if (option->is_list)
        return add_include(&reading->arguments, value, err);
    memcpy(slot, &value, sizeof(value));
    return STATUS_OK;
}

static enum status read_words(struct reading *reading, struct error *err)
{
    bool options_end = false;
    while (reading->next < reading->argc) {
        const char *word = reading->argv[reading->next++];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            if (read_option(reading, word, err) != STATUS_OK)
                return error_status(err);
        } else if (reading->word_count == WORDS_MAX) {
            return FAIL(err, STATUS_INVALID, "too many arguments at '%s'", word);
        } else {
            reading->words[reading->word_count++] = word;
        }
    }
    return STATUS_OK;
}

static enum status read_output(struct reading *reading, struct error *err)
{
    const char *text = reading->output_text;
    if (text == NULL || strcmp(text, "table") == 0)
        return STATUS_OK;
    if (strcmp(text, "json") != 0)
        return FAIL(err, STATUS_INVALID, "output '%s': table or json is expected", text);
    reading->arguments.output = OUTPUT_JSON;
    return STATUS_OK;
}

static enum status choose_command(struct reading *reading, struct error *err)
{
    const char *group = reading->words[0];
    const char *verb = reading->word_count > 1 ? reading->words[1] : NULL;
    const struct command *command = command_find(group, verb);
    if (command == NULL)
        return FAIL(err, STATUS_INVALID, "unknown command '%s%s%s'", group, verb == NULL ? "" : " ",
                    verb == NULL ? "" : verb);
    reading->arguments.command = command;
    char name[COMMAND_NAME_SIZE];
    command_name(command, name);
    if ((reading->used & ~command->options) != 0)
        return FAIL(err, STATUS_INVALID, "'%s' does not take that option: %s %s", name, name,
                    command->usage);

    size_t used = command->verb == NULL ? 1 : 2;
    size_t count = reading->word_count - used;
    if (!reading->arguments.help &&
        (count < command->arguments_min || count > command->arguments_max)) {
        const char *problem = count < command->arguments_min ? "missing" : "too many";
        return FAIL(err, STATUS_INVALID, "%s arguments: %s %s", problem, name, command->usage);
    }
    reading->arguments.count = count;
    memcpy(reading->arguments.values, reading->words + used, count * sizeof(reading->words[0]));
    return STATUS_OK;
}

enum status arguments_read(int argc, char *const *argv, struct arguments *ret_arguments,
                           struct error *err)
{
    struct reading reading = {.next = 1, .argc = argc, .argv = argv};
    if (read_words(&reading, err) != STATUS_OK || read_output(&reading, err) != STATUS_OK)
        return error_status(err);
    bool general = reading.arguments.help || reading.arguments.version;
    if (reading.word_count == 0 && !general)
        return FAIL(err, STATUS_INVALID, "a command is expected");
    bool is_group = general && reading.word_count == 1 && !command_find(reading.words[0], NULL);
    if (reading.word_count > 0 && !is_group && choose_command(&reading, err) != STATUS_OK)
        return error_status(err);
    *ret_arguments = reading.arguments;
    return STATUS_OK;
}
