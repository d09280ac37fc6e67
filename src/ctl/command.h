/*
 * Command: one row of the tables that drive parsing, --help, man page, completion and execution.
 * Each file of commands has its table at its end; what else a new noun needs is its name in
 * COMMAND_GROUPS.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

struct session;

/* Prints its result; a failure is printed by ctl_run(). */
typedef enum status command_fn(struct session *session, struct error *err);

struct command {
    const char *group; /* "backup" */
    const char *verb;  /* "create"; NULL: the group is a command of its own, as "restore" */
    const char *usage; /* "APP [--name NAME]": for people */
    size_t arguments_min, arguments_max;
    unsigned options;    /* enum option_bit */
    bool any_account;    /* --account need not be said where there are several */
    bool without_tokens; /* goes on with a tokens.d that cannot be read */
    command_fn *run;
    const char *summary; /* one line */
    const char *help;    /* several; ends with a newline */
};

/* The last row of a table. */
#define COMMANDS_END  \
    {                 \
        .group = NULL \
    }

/* The tables, in the order of --help. */
#define COMMAND_GROUPS(GROUP) \
    GROUP(status)             \
    GROUP(top)                \
    GROUP(queue)              \
    GROUP(explain)            \
    GROUP(admin_action)       \
    GROUP(quarantine)         \
    GROUP(pause)              \
    GROUP(backup)             \
    GROUP(restore)            \
    GROUP(task)               \
    GROUP(maintenance)        \
    GROUP(catalog)            \
    GROUP(doctor)             \
    GROUP(app)                \
    GROUP(repository)         \
    GROUP(token)              \
    GROUP(config)

#define COMMAND_TABLE(noun) extern const struct command noun##_commands[];
COMMAND_GROUPS(COMMAND_TABLE)
#undef COMMAND_TABLE

enum { COMMAND_NAME_SIZE = 64 };

/* The command with this place in --help; NULL behind the last. */
const struct command *command_at(size_t index);

/* "backup create", "restore" */
void command_name(const struct command *command, char name[COMMAND_NAME_SIZE]);

/* verb may be NULL, and is no matter where the group is a command of its own. NULL: no such
 * command. */
const struct command *command_find(const char *group, const char *verb);

#endif
