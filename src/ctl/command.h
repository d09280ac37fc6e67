/* Command: one row of the table that drives parsing, --help and execution. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "arguments.h"
#include "session.h"

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

extern const struct command commands[];
extern const size_t command_count;

command_fn command_doctor;
command_fn command_backup_create, command_backup_list, command_backup_show, command_backup_delete,
    command_backup_cancel, command_catalog_rebuild, command_app_list, command_repository_key,
    command_restore, command_prune, command_verify, command_task_list, command_task_show,
    command_task_cancel, command_status, command_queue, command_top, command_explain,
    command_history, command_cancel, command_retry, command_requeue, command_quarantine_list,
    command_quarantine_release, command_quarantine_drop, command_pause, command_resume,
    command_token_create, command_token_list, command_token_revoke, command_config_check;

enum { COMMAND_NAME_SIZE = 64 };

/* "backup create", "restore" */
void command_name(const struct command *command, char name[COMMAND_NAME_SIZE]);

/* verb may be NULL, and is no matter where the group is a command of its own. NULL: no such
 * command. */
const struct command *command_find(const char *group, const char *verb);

#endif
