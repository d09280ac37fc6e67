#include "command.h"

#include <string.h>

/* clang-format off */
const struct command commands[] = {
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
        .group = "backup", .verb = "delete", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = command_backup_delete,
        .summary = "delete a backup, canceling it first if it is running",
        .help = "  ID                as `backup list` shows it\n"
                "The record goes when its data is gone from the bucket: a moment later.\n",
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
};
/* clang-format on */

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *group, const char *verb)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].group, group) == 0 && strcmp(commands[i].verb, verb) == 0)
            return &commands[i];
    return NULL;
}
