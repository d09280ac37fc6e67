#include "command.h"
#include "core/clock.h"
#include "output.h"
#include "session.h"
#include "store/calls.h"
#include "store/replies.h"
#include "table.h"
#include "text.h"

#include <stdio.h>

static enum status add_row(struct table *table, const struct app *app, struct error *err)
{
    char age[TEXT_SIZE];
    clock_describe(clock_wall_ms() - app->created_ms, age);
    return table_add(
        table, (const char *[]){app->name, app_state_name(app->state), app->node, age, app->id},
        err);
}

static enum status add_json(struct output_array *array, const struct app *app, struct error *err)
{
    json_auto_t *json = NULL;
    if (app_to_json(app, &json, err) != STATUS_OK)
        return err->status;
    return output_array_add(array, json, err);
}

static enum status list(const redisReply *reply, enum output_form form, struct table *table,
                        struct error *err)
{
    struct output_array array = {0};
    size_t count = 0;
    if (store_reply_count(reply, &count, err) != STATUS_OK)
        return err->status;
    for (size_t i = 0; i < count; i++) {
        struct app app = {0};
        if (store_reply_app(reply->element[i], &app, err) != STATUS_OK)
            return err->status;
        enum status status =
            form == OUTPUT_JSON ? add_json(&array, &app, err) : add_row(table, &app, err);
        if (status != STATUS_OK)
            return status;
    }
    if (form == OUTPUT_JSON)
        output_array_end(&array);
    else
        table_print(table, stdout);
    return STATUS_OK;
}

static enum status run_app_list(struct session *session, struct error *err)
{
    static const char *const titles[] = {"NAME", "STATE", "NODE", "AGE", "ID", NULL};
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_app_list(&call, session->account);
    enum status status = store_run(session->store, &call, &reply, err);
    store_call_done(&call);
    if (status != STATUS_OK)
        return status;

    struct table table;
    table_init(&table, titles, 0);
    status = list(reply, session->arguments->output, &table, err);
    table_done(&table);
    return status;
}

/* clang-format off */
const struct command app_commands[] = {
    {
        .group = "app", .verb = "list", .usage = "",
        .run = run_app_list,
        .summary = "the apps that can be backed up",
        .help = "Apps are defined by the files in apps.d on their nodes.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
