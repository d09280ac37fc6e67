/*
 * Arguments: a command line to a command of the tables (command.h) and its options. Options may
 * stand anywhere; "--" ends them; "--name value" and "--name=value" are the same.
 */
#ifndef CTL_ARGUMENTS_H
#define CTL_ARGUMENTS_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS_MAX = 4, INCLUDES_MAX = 64 };

/* Bits: a command says which it takes, besides those that all take. */
enum option_bit {
    OPTION_NAME = 1 << 0,
    OPTION_BUCKET = 1 << 1,
    OPTION_WAIT = 1 << 2,
    OPTION_TARGET = 1 << 3,
    OPTION_INCLUDE = 1 << 4, /* may be given more than once */
    OPTION_IN_PLACE = 1 << 5,
    OPTION_ALL = 1 << 6,
    OPTION_REASON = 1 << 7,
    OPTION_FORCE = 1 << 8,
    OPTION_ONCE = 1 << 9,
    OPTION_REPAIR = 1 << 10,
    OPTION_UNDO = 1 << 11,
    OPTION_ROLE = 1 << 12,
    OPTION_LOAD = 1 << 13,
    OPTION_OVERWRITE = 1 << 14,
};

enum output_form { OUTPUT_TABLE = 0, OUTPUT_JSON };

struct command;

struct arguments {
    const struct command *command; /* NULL: only help or version is wanted */
    const char *values[ARGUMENTS_MAX];
    size_t count;
    const char *config; /* NULL: the default */
    const char *account;
    const char *name;
    const char *bucket;
    const char *target;
    const char *reason;
    const char *role;
    const char *includes[INCLUDES_MAX];
    size_t include_count;
    enum output_form output;
    bool wait;
    bool in_place;
    bool overwrite;
    bool all;
    bool force;
    bool once;
    bool repair;
    bool load;
    const char *undo;
    bool help;
    bool version;
};

/* Everything is borrowed from argv. Errors: INVALID, the text says what is wrong. */
enum status arguments_read(int argc, char *const *argv, struct arguments *ret_arguments,
                           struct error *err) MUST_CHECK;

#endif
