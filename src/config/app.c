#include "core/path.h"
#include "paths.h"
#include "sections.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *key;
    size_t offset; /* of a struct raw_hook_list */
} stages[HOOK_STAGE_COUNT] = {
    [HOOK_PRE_BACKUP]    = {"hooks.pre_backup",    offsetof(struct raw_hooks, pre_backup)},
    [HOOK_PRE_SNAPSHOT]  = {"hooks.pre_snapshot",  offsetof(struct raw_hooks, pre_snapshot)},
    [HOOK_POST_SNAPSHOT] = {"hooks.post_snapshot", offsetof(struct raw_hooks, post_snapshot)},
    [HOOK_POST_BACKUP]   = {"hooks.post_backup",   offsetof(struct raw_hooks, post_backup)},
    [HOOK_PRE_RESTORE]   = {"hooks.pre_restore",   offsetof(struct raw_hooks, pre_restore)},
    [HOOK_POST_RESTORE]  = {"hooks.post_restore",  offsetof(struct raw_hooks, post_restore)},
};

/* clang-format on */

static enum status no_memory(const struct document *document, struct error *err)
{
    return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
}

/* Makes an array of texts with NULL behind them. After a failure, the owner frees what is there. */
static enum status copy_texts(const struct document *document, const struct raw_texts *raw,
                              char ***ret_texts, struct error *err)
{
    *ret_texts = calloc((size_t)raw->count + 1, sizeof(**ret_texts));
    if (*ret_texts == NULL)
        return no_memory(document, err);
    for (size_t i = 0; i < raw->count; i++) {
        (*ret_texts)[i] = strdup(raw->items[i]);
        if ((*ret_texts)[i] == NULL)
            return no_memory(document, err);
    }
    return STATUS_OK;
}

static enum status read_account(const struct document *document, const struct raw_app *raw,
                                const struct config *config, struct app *app, struct error *err)
{
    const struct account *account = NULL;
    if (raw->account != NULL)
        account = tenants_find_account(config, raw->account);
    else if (config->account_count == 1)
        account = &config->accounts[0];
    if (account == NULL && raw->account == NULL) {
        return document_refuse(document, "account", err,
                               "required, since there are %zu accounts, but missing",
                               config->account_count);
    }
    if (account == NULL)
        return document_refuse(document, "account", err,
                               "the name or id of an account is expected, not '%s'", raw->account);
    memcpy(app->account, account->id, ID_SIZE);
    return STATUS_OK;
}

static enum status read_identity(const struct document *document, const struct raw_app *raw,
                                 const char *default_name, const struct config *config,
                                 struct app *app, struct error *err)
{
    const char *name = raw->name == NULL ? default_name : raw->name;
    if (!name_is_label(name)) {
        return document_refuse(document, "name", err,
                               "1 to 63 characters of a-z, 0-9 and '-', with no '-' at either "
                               "end, not '%s'",
                               name);
    }
    memcpy(app->name, name, strlen(name) + 1);
    memcpy(app->node, config->node, strlen(config->node) + 1);
    app->state = APP_READY;
    if (read_account(document, raw, config, app, err) != STATUS_OK)
        return error_status(err);
    app_id(app->account, app->name, app->id);
    return STATUS_OK;
}

/* Data that lies in two volumes would be saved, and restored, twice. */
static enum status check_volume_is_apart(const struct document *document, char *const *volumes,
                                         size_t index, struct error *err)
{
    for (size_t i = 0; i < index; i++) {
        size_t below = path_is_below(volumes[i], volumes[index]) ? i : index;
        size_t above = below == i ? index : i;
        if (path_is_below(volumes[below], volumes[above])) {
            return document_refuse(document, KEY("volumes[%zu]", index), err,
                                   "separate directories are expected, and '%s' lies in '%s'",
                                   volumes[below], volumes[above]);
        }
    }
    return STATUS_OK;
}

static enum status read_volumes(const struct document *document, const struct raw_texts *raw,
                                struct app_definition *app, struct error *err)
{
    app->volumes = calloc((size_t)raw->count + 1, sizeof(app->volumes[0]));
    if (app->volumes == NULL)
        return no_memory(document, err);
    for (size_t i = 0; i < raw->count; i++) {
        app->volumes[i] = path_clean(raw->items[i]);
        if (app->volumes[i] == NULL && errno == ENOMEM)
            return no_memory(document, err);
        if (app->volumes[i] == NULL) {
            return document_refuse(document, KEY("volumes[%zu]", i), err,
                                   "an absolute path without '..' is expected, not '%s'",
                                   raw->items[i]);
        }
        if (check_volume_is_apart(document, app->volumes, i, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static enum status read_hook(const struct document *document, const char *key,
                             const struct raw_hook *raw, struct app_hook *hook, struct error *err)
{
    if (copy_texts(document, &raw->command, &hook->command, err) != STATUS_OK)
        return error_status(err);
    const char *program = raw->command.items[0]; /* the schema wants one at least */
    if (*program != '/')
        return document_refuse(document, KEY("%s.command[0]", key), err,
                               "an absolute path is expected, not '%s'", program);
    hook->name = strdup(raw->name == NULL ? base_name(program) : raw->name);
    hook->user = raw->user == NULL ? NULL : strdup(raw->user);
    if (hook->name == NULL || (hook->user == NULL && raw->user != NULL))
        return no_memory(document, err);
    int64_t timeout_s = 0;
    if (number_read(document, KEY("%s.timeout_s", key), raw->timeout_s, &number_hook_timeout_s,
                    &timeout_s, err) != STATUS_OK)
        return error_status(err);
    hook->timeout_ms = timeout_s * 1000;
    hook->abort_on_failure = raw_choice(raw->on_failure, DEFAULT_HOOK_ON_FAILURE) != 0;
    return STATUS_OK;
}

static enum status read_hooks(const struct document *document, const char *key,
                              const struct raw_hook_list *raw, struct app_hooks *hooks,
                              struct error *err)
{
    if (raw->count == 0)
        return STATUS_OK;
    hooks->items = calloc(raw->count, sizeof(hooks->items[0]));
    if (hooks->items == NULL)
        return no_memory(document, err);
    for (size_t i = 0; i < raw->count; i++) {
        hooks->count++; /* before it is read: a half-read one is released with the others */
        if (read_hook(document, KEY("%s[%zu]", key, i), &raw->items[i], &hooks->items[i], err) !=
            STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_stages(const struct document *document, const struct raw_hooks *raw,
                               struct app_definition *app, struct error *err)
{
    for (size_t i = 0; raw != NULL && i < HOOK_STAGE_COUNT; i++) {
        struct raw_hook_list hooks;
        memcpy(&hooks, (const char *)raw + stages[i].offset, sizeof(hooks));
        if (read_hooks(document, stages[i].key, &hooks, &app->hooks[i], err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status app_read(const struct document *document, const struct raw_app *raw,
                     const char *default_name, const struct config *config,
                     struct app_definition **ret_app, struct error *err)
{
    CLEANUP(app_definition_freep) struct app_definition *app = calloc(1, sizeof(*app));
    if (app == NULL)
        return no_memory(document, err);
    if (read_identity(document, raw, default_name, config, &app->app, err) != STATUS_OK)
        return error_status(err);
    if (read_volumes(document, &raw->volumes, app, err) != STATUS_OK)
        return error_status(err);
    if (copy_texts(document, &raw->excludes, &app->excludes, err) != STATUS_OK)
        return error_status(err);
    if (read_stages(document, raw->hooks, app, err) != STATUS_OK)
        return error_status(err);
    app->app.refuses_second =
        raw_choice(raw->concurrent_backups, DEFAULT_APP_CONCURRENT_BACKUPS) != 0;
    app->exclude_caches = raw_choice(raw->exclude_caches, DEFAULT_APP_EXCLUDE_CACHES) != 0;
    app->snapshot = (enum app_snapshot_driver)raw_choice(raw->snapshot, DEFAULT_APP_SNAPSHOT);
    *ret_app = STEAL(app);
    return STATUS_OK;
}
