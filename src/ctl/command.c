#include "command.h"

#include <stdio.h>
#include <string.h>

#define LISTED(noun) noun##_commands,
static const struct command *const groups[] = {COMMAND_GROUPS(LISTED)};
#undef LISTED

const struct command *command_at(size_t index)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (const struct command *command = groups[i]; command->group != NULL; command++)
            if (index-- == 0)
                return command;
    }
    return NULL;
}

const struct command *command_find(const char *group, const char *verb)
{
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (strcmp(command->group, group) == 0 &&
            (command->verb == NULL || (verb != NULL && strcmp(command->verb, verb) == 0)))
            return command;
    }
    return NULL;
}

void command_name(const struct command *command, char name[COMMAND_NAME_SIZE])
{
    (void)snprintf(name, COMMAND_NAME_SIZE, "%s%s%s", command->group,
                   command->verb == NULL ? "" : " ", command->verb == NULL ? "" : command->verb);
}
