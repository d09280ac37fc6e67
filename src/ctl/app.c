#include "command.h"
#include "core/clock.h"
#include "listing.h"
#include "session.h"
#include "store/replies.h"
#include "text.h"

static enum status add_app(struct listing *listing, const redisReply *record, struct error *err)
{
    struct app app = {0};
    char age[TEXT_SIZE];
    if (store_reply_app(record, &app, err) != STATUS_OK)
        return error_status(err);
    if (listing->is_json) {
        json_auto_t *json = NULL;
        if (app_to_json(&app, &json, err) != STATUS_OK)
            return error_status(err);
        return listing_add_json(listing, json, err);
    }
    clock_describe(clock_wall_ms() - app.created_ms, age);
    return listing_add(
        listing, (const char *[]){app.name, app_state_name(app.state), app.node, age, app.id}, err);
}

static enum status run_app_list(struct session *session, struct error *err)
{
    static const char *const titles[] = {"NAME", "STATE", "NODE", "AGE", "ID", NULL};
    struct store_call call = {0};
    store_call_app_list(&call, session->account);
    return listing_run(session, &call, titles, 0, add_app, err);
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
