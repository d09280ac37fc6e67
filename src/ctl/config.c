#include "command.h"
#include "output.h"
#include "session.h"

#include <stdio.h>

/* What front end and worker read besides. */
static enum status read_rest(const struct session *session, struct config_apps **ret_apps,
                             struct error *err)
{
    if (config_load_apps(session->config, ret_apps, err) != STATUS_OK ||
        session->check(session->config, *ret_apps, err) != STATUS_OK)
        return FAIL_AS(err, REASON_CONFIGURATION_INVALID);
    return STATUS_OK;
}

/* The file itself was read when the session began. */
static enum status run_config_check(struct session *session, struct error *err)
{
    const struct config *config = session->config;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    if (read_rest(session, &apps, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON) {
        json_auto_t *json =
            json_pack("{s:s, s:I, s:I, s:I}", "config", config->path, "accounts",
                      (json_int_t)config->account_count, "buckets",
                      (json_int_t)config->bucket_count, "apps", (json_int_t)apps->count);
        if (json == NULL)
            return FAIL(err, STATUS_INVALID, "%s: the path is not UTF-8", config->path);
        return output_json(json, err);
    }
    (void)printf("%s: in order: %zu accounts, %zu buckets, %zu apps\n", config->path,
                 config->account_count, config->bucket_count, apps->count);
    return STATUS_OK;
}

/* clang-format off */
const struct command config_commands[] = {
    {
        .group = "config", .verb = "check", .usage = "",
        .any_account = true,
        .run = run_config_check,
        .summary = "say whether front end and worker can use the configuration",
        .help = "Loads all that both load: the file, tokens.d, apps.d, passwords, the master key,\n"
                "certificates, and the keys of buckets, by the rights of whoever calls it. A mistake\n"
                "is told with its file, line and key; the exit code is 5 then.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
