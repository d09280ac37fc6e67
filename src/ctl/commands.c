#include "command.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct command commands[] = {
    {
        .group = "status", .usage = "",
        .any_account = true,
        .run = command_status,
        .summary = "all on one screen: Redis, nodes, backups, and what needs you",
        .help = "The exit code is 1 when something needs a person: Redis is not safe, a node with apps\n"
                "has no living worker, a bucket fails, or a job is in quarantine.\n",
    },
    {
        .group = "top", .usage = "[--once]",
        .options = OPTION_ONCE,
        .any_account = true,
        .run = command_top,
        .summary = "the jobs live: stage, rate, time left, what blocks",
        .help = "  --once            one table, of what a second shows, as where stdout is no terminal\n"
                "Redrawn every second; q or Ctrl-C ends it.\n",
    },
    {
        .group = "queue", .usage = "[NODE]",
        .arguments_max = 1,
        .any_account = true,
        .run = command_queue,
        .summary = "jobs that run and wait, in order, and what each waits for",
        .help = "  NODE              the name of one node; without, all of them\n",
    },
    {
        .group = "explain", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .any_account = true,
        .run = command_explain,
        .summary = "why a backup, task or job does not run, and what happens next",
        .help = "  ID                of a backup, task or job\n",
    },
    {
        .group = "history", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .any_account = true,
        .run = command_history,
        .summary = "what has happened to a backup, task or job, by whom and why",
        .help = "  ID                of a backup, task or job\n"
                "The journal in Redis keeps about the last 100,000 entries of all.\n",
    },
    {
        .group = "cancel", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_cancel,
        .summary = "stop a backup or task that waits or runs",
        .help = "  ID                of a backup or task\n"
                "  --reason TEXT     for the record and the journal, at most 255 characters\n",
    },
    {
        .group = "retry", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_retry,
        .summary = "try a failed backup or task again",
        .help = "  ID                of a backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n"
                "It keeps its id and name; what was uploaded before is not sent again.\n",
    },
    {
        .group = "requeue", .usage = "JOB [--force] [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_FORCE | OPTION_REASON,
        .any_account = true,
        .run = command_requeue,
        .summary = "put a delayed, claimed or quarantined job into the queue now",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --force           also when its worker still has it: what that one writes from then\n"
                "                    on is refused, and it stops\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    {
        .group = "quarantine", .verb = "list", .usage = "",
        .any_account = true,
        .run = command_quarantine_list,
        .summary = "the jobs that kept killing their worker, with the evidence",
        .help = "",
    },
    {
        .group = "quarantine", .verb = "release", .usage = "JOB [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_quarantine_release,
        .summary = "try one of them again",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    {
        .group = "quarantine", .verb = "drop", .usage = "JOB [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_quarantine_drop,
        .summary = "forget one of them: its backup or task stays failed",
        .help = "  JOB               its id, or that of its backup or task\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    {
        .group = "pause", .usage = "node|app|bucket NAME [--reason TEXT]",
        .arguments_min = 2, .arguments_max = 2,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_pause,
        .summary = "let no job of a node, app or bucket begin; what runs goes on",
        .help = "  NAME              or an id\n"
                "  --reason TEXT     shown to who waits, and in the journal; at most 255 characters\n",
    },
    {
        .group = "resume", .usage = "node|app|bucket NAME [--reason TEXT]",
        .arguments_min = 2, .arguments_max = 2,
        .options = OPTION_REASON,
        .any_account = true,
        .run = command_resume,
        .summary = "let it go on",
        .help = "  NAME              or an id\n"
                "  --reason TEXT     for the journal, at most 255 characters\n",
    },
    {
        .group = "backup", .verb = "create", .usage = "APP [--name NAME] [--bucket BUCKET] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_NAME | OPTION_BUCKET | OPTION_WAIT,
        .run = command_backup_create,
        .summary = "back up an app now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --name NAME       1-63 characters a-z 0-9 and '-'; default: made of the time\n"
                "  --wait            until the backup has ended: exit code 0 if it is completed,\n"
                "                    1 if it failed. Ctrl-C ends the waiting, not the backup.\n",
    },
    {
        .group = "backup", .verb = "list", .usage = "[APP]",
        .arguments_max = 1,
        .run = command_backup_list,
        .summary = "the backups of one app or of all, oldest first",
        .help = "  APP               a name or an id\n",
    },
    {
        .group = "backup", .verb = "show", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = command_backup_show,
        .summary = "one backup with its details",
        .help = "  ID                as `backup list` shows it\n",
    },
    {
        .group = "backup", .verb = "cancel", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .run = command_backup_cancel,
        .summary = "stop a backup that waits or runs",
        .help = "  ID                as `backup list` shows it\n"
                "  --reason TEXT     for the record and the journal, at most 255 characters\n"
                "Its hooks are unwound; it ends as failed, with the detail that it was canceled.\n",
    },
    {
        .group = "backup", .verb = "delete", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = command_backup_delete,
        .summary = "delete a backup, canceling it first if it is running",
        .help = "  ID                as `backup list` shows it\n"
                "The record goes when its data is gone from the bucket: a moment later.\n",
    },
    {
        .group = "restore", .usage = "BACKUP --target DIR [--include GLOB]... | --in-place [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_TARGET | OPTION_INCLUDE | OPTION_IN_PLACE | OPTION_WAIT,
        .run = command_restore,
        .summary = "restore a backup on the node of its app",
        .help = "  BACKUP            an id, as `backup list` shows it\n"
                "  --target DIR      below this directory of the app's node; the node's configuration\n"
                "                    says where that may be (worker.restore_directories)\n"
                "  --include GLOB    only what matches; may be given more than once\n"
                "  --in-place        in the place of the app: its data is exchanged, as a whole, once\n"
                "                    all of the backup is there and verified; what the app's\n"
                "                    excludes leave out of it stays\n"
                "  --wait            until it has ended: exit code 0 if all is restored, 1 if not.\n"
                "                    Ctrl-C ends the waiting, not the restore.\n",
    },
    {
        .group = "task", .verb = "list", .usage = "[APP]",
        .arguments_max = 1,
        .run = command_task_list,
        .summary = "restores, prunes and verifications, newest first",
        .help = "  APP               a name or an id\n",
    },
    {
        .group = "task", .verb = "show", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = command_task_show,
        .summary = "one of them with its details",
        .help = "  ID                as `task list` shows it\n",
    },
    {
        .group = "task", .verb = "cancel", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = command_task_cancel,
        .summary = "stop one of them",
        .help = "  ID                as `task list` shows it\n"
                "A restore in place that is canceled has changed nothing.\n",
    },
    {
        .group = "verify", .usage = "APP [--bucket BUCKET] [--all] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_ALL | OPTION_WAIT,
        .run = command_verify,
        .summary = "read back what is stored of an app, now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --all             read everything, not only worker.verify_sample percent\n"
                "  --wait            until it has ended: exit code 0 if all is sound, 1 if not\n"
                "A backup whose data is gone or damaged turns 'removed'.\n",
    },
    {
        .group = "prune", .usage = "APP [--bucket BUCKET] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_WAIT,
        .run = command_prune,
        .summary = "give back the space of deleted backups, now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --wait            until it has ended: exit code 0 if it is done, 1 if it failed\n",
    },
    {
        .group = "catalog", .verb = "rebuild", .usage = "[APP] [--bucket BUCKET] [--wait]",
        .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_WAIT,
        .run = command_catalog_rebuild,
        .summary = "make lost records of backups again from the buckets",
        .help = "  APP, BUCKET       a name or an id; without, all of them\n"
                "  --wait            until all is read: exit code 0 if it could be, 1 if not\n"
                "Each app's node reads what its repositories hold. Records that are there stay as\n"
                "they are, and what was deleted stays so. Workers do this by themselves when an app\n"
                "has no record at all, as after the loss of Redis.\n",
    },
    {
        .group = "doctor", .usage = "[--repair | --undo FILE]",
        .options = OPTION_REPAIR | OPTION_UNDO,
        .run = command_doctor,
        .summary = "look for what must not be in Redis, and mend it",
        .help = "  --repair          mend what is found. What is replaced is first written to\n"
                "                    doctor-TIME.undo in the state directory.\n"
                "                    A large key that does not belong there is left to a person.\n"
                "  --undo FILE       put back what such a file holds, where it has not changed since\n"
                "Works while the service runs, and on all accounts. Exit code 1: something was found\n"
                "(with --repair: and is not mended; with --undo: and could not be put back). What is\n"
                "looked at, and which of two values counts: docs/redis.md.\n",
    },
    {
        .group = "app", .verb = "list", .usage = "",
        .run = command_app_list,
        .summary = "the apps that can be backed up",
        .help = "Apps are defined by the files in apps.d on their nodes.\n",
    },
    {
        .group = "repository", .verb = "key", .usage = "APP [--bucket BUCKET]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET,
        .run = command_repository_key,
        .summary = "what the stock restic needs to read the backups of an app",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "Works without Redis for the apps of this node. The output is a secret:\n"
                "  eval \"$(appbackupctl repository key shop)\" && restic snapshots\n",
    },
    {
        .group = "token", .verb = "create", .usage = "NAME --role ROLE",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_ROLE,
        .run = command_token_create,
        .summary = "make a token for a caller of the API, and print it, once",
        .help = "  NAME              1-63 characters a-z 0-9 and '-'\n"
                "  --role ROLE       viewer (sees), member (backs up and deletes), admin, owner\n"
                "Only its SHA-256 is kept, in tokens.d, which root and the front end's group may read.\n"
                "It is valid when the front end has read that:\n"
                "  systemctl reload appbackupd\n"
                "Other hosts with a front end need a copy of the file.\n",
    },
    {
        .group = "token", .verb = "list", .usage = "",
        .run = command_token_list,
        .summary = "the tokens of the account, and what they may do",
        .help = "",
    },
    {
        .group = "token", .verb = "revoke", .usage = "NAME",
        .arguments_min = 1, .arguments_max = 1,
        .without_tokens = true,
        .run = command_token_revoke,
        .summary = "remove a token that was made here",
        .help = "  NAME              as `token list` shows it\n"
                "It is refused when the front end has read that: systemctl reload appbackupd\n",
    },
    {
        .group = "config", .verb = "check", .usage = "",
        .any_account = true,
        .run = command_config_check,
        .summary = "say whether front end and worker can use the configuration",
        .help = "Loads all that both load: the file, tokens.d, apps.d, passwords, the master key,\n"
                "certificates, and the keys of buckets, by the rights of whoever calls it. A mistake\n"
                "is told with its file, line and key; the exit code is 5 then.\n",
    },
};
/* clang-format on */

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *group, const char *verb)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].group, group) == 0 &&
            (commands[i].verb == NULL || (verb != NULL && strcmp(commands[i].verb, verb) == 0)))
            return &commands[i];
    }
    return NULL;
}

void command_name(const struct command *command, char name[COMMAND_NAME_SIZE])
{
    (void)snprintf(name, COMMAND_NAME_SIZE, "%s%s%s", command->group,
                   command->verb == NULL ? "" : " ", command->verb == NULL ? "" : command->verb);
}
