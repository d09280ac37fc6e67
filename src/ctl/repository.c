#include "command.h"
#include "core/cleanup.h"
#include "output.h"
#include "session.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char terminal_warning[] =
    "appbackupctl: this is a secret, and it stands on your terminal now; better: "
    "eval \"$(appbackupctl repository key ...)\"\n";

/* Prints an assignment for sh. The value is in single quotes, where only they themselves need care.
 */
static void print_assignment(const char *name, const char *value)
{
    (void)printf("export %s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            (void)fputs("'\\''", stdout);
        else
            (void)fputc(*value, stdout);
    }
    (void)puts("'");
}

static enum status print_key(enum output_form form, const char *location, const char *password,
                             struct error *err)
{
    if (form == OUTPUT_JSON) {
        json_auto_t *json = json_pack("{s:s, s:s}", "repository", location, "password", password);
        if (json == NULL)
            return FAIL(err, STATUS_INVALID, "the location '%s' is not UTF-8", location);
        return output_json(json, err);
    }
    print_assignment("RESTIC_REPOSITORY", location);
    print_assignment("RESTIC_PASSWORD", password);
    if (isatty(STDOUT_FILENO) == 1)
        (void)fputs(terminal_warning, stderr);
    return STATUS_OK;
}

static bool is_defined_here(const struct session *session, const char *id)
{
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    struct error err = {0};
    if (config_load_apps(session->config, &apps, &err) != STATUS_OK)
        return false; /* the files are not ours to read, or wrong: others know the app */
    return config_apps_find(apps, id) != NULL;
}

/* Does a directory hold the repository? An S3 bucket is not asked: its keys are the worker's. */
static bool has_repository(const char *location)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/config", location) >= (int)sizeof(path))
        return false;
    return access(path, F_OK) == 0;
}

/* A key can be made for any name; one for a name that nobody knows would mislead, and says so.
 * Redis is asked last: when everything else is lost, the bucket and the master key must be enough.
 */
static enum status check_exists(struct session *session, const char *argument, const char *id,
                                const char *location, struct error *err)
{
    if (is_defined_here(session, id) || has_repository(location))
        return STATUS_OK;
    struct app app = {0};
    enum status status = session_find_app(session, argument, &app, err);
    bool is_unsure = status_is_transient(status) || status == STATUS_NOT_FOUND;
    if (strncmp(location, "s3:", 3) != 0 || !is_unsure)
        return status;
    (void)fprintf(
        stderr, /* where we could not look: believe it */
        "Nobody here knows app '%s': this is the key of its repository, if there is one.\n",
        argument);
    return STATUS_OK;
}

static enum status run_repository_key(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    const struct bucket_definition *bucket = NULL;
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    char id[ID_SIZE];
    char location[PATH_MAX];

    session_app_id(session, arguments->values[0], id);
    if (session_bucket_definition(session, arguments->bucket, &bucket, err) != STATUS_OK)
        return error_status(err);
    if (bucket_location(bucket, id, location, sizeof(location), err) != STATUS_OK)
        return error_status(err);
    if (check_exists(session, arguments->values[0], id, location, err) != STATUS_OK)
        return error_status(err);
    if (config_repository_passphrase(session->config, id, &passphrase, err) != STATUS_OK) {
        error_set_code(err, REASON_CONFIGURATION_INVALID); /* the master key's file */
        return error_status(err);
    }
    return print_key(arguments->output, location, secret_text(passphrase), err);
}

/* clang-format off */
const struct command repository_commands[] = {
    {
        .group = "repository", .verb = "key", .usage = "APP [--bucket BUCKET]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_BUCKET,
        .run = run_repository_key,
        .summary = "what the stock restic needs to read the backups of an app",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "Works without Redis for the apps of this node. The output is a secret:\n"
                "  eval \"$(appbackupctl repository key shop)\" && restic snapshots\n",
    },
    COMMANDS_END,
};

/* clang-format on */
