#include "command.h"
#include "output.h"

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
enum status command_config_check(struct session *session, struct error *err)
{
    const struct config *config = session->config;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    if (read_rest(session, &apps, err) != STATUS_OK)
        return err->status;
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
