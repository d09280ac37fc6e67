/*
 * The doctor: looks at all that is in Redis, tells what is wrong with it, and mends it. What is
 * wrong and how it is mended is decided in Redis, place by place, in the function library; here it
 * is asked for, kept and told.
 */
#include "store/doctor.h"

#include "catalog.h"
#include "command.h"
#include "complaints.h"
#include "core/cleanup.h"
#include "ctl/types.h"
#include "output.h"
#include "session.h"
#include "store/replies.h"
#include "table.h"
#include "undo_file.h"

#include <stdio.h>
#include <string.h>

enum {
    ROUNDS_MAX = 10, /* a repair may bring to light what could not be seen before */
    ATTEMPTS_MAX = 5 /* of one repair, when others change its place meanwhile */
};

struct repair {
    struct session *session;
    struct undo_file undo;
    size_t mended;
    json_t *apps; /* object with the ids of those whose buckets have to be looked into */
};

/* --- telling --- */

static enum status print_json(const struct complaints *complaints, struct error *err)
{
    struct output_array array = {0};
    for (size_t i = 0; i < complaints->count; i++) {
        const struct store_finding *finding = &complaints->items[i].finding;
        char where[PLACE_TEXT_SIZE];
        complaint_place_text(&finding->place, where);
        json_auto_t *json = json_pack("{s:s, s:s, s:s}", "where", where, "what", finding->what,
                                      "repair", finding->todo);
        if (json == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a finding");
        if (output_array_add(&array, json, err) != STATUS_OK)
            return error_status(err);
    }
    output_array_end(&array);
    return STATUS_OK;
}

static enum status print_table(const struct complaints *complaints, struct error *err)
{
    static const char *const titles[] = {"WHERE", "WHAT", "REPAIR", NULL};
    CLEANUP(table_done) struct table table;
    table_init(&table, titles, 0);
    for (size_t i = 0; i < complaints->count; i++) {
        const struct store_finding *finding = &complaints->items[i].finding;
        char where[PLACE_TEXT_SIZE];
        complaint_place_text(&finding->place, where);
        if (table_add(&table, (const char *const[]){where, finding->what, finding->todo}, err) !=
            STATUS_OK)
            return error_status(err);
    }
    if (complaints->count > 0)
        table_print(&table, stdout);
    return STATUS_OK;
}

static enum status print(const struct session *session, const struct complaints *complaints,
                         struct error *err)
{
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(complaints, err);
    return print_table(complaints, err);
}

/* --- mending --- */

static enum status plan(struct repair *repair, const struct store_finding *finding,
                        redisReply **ret_reply, struct store_plan *ret_plan, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_doctor_plan(&call, &finding->place);
    if (store_doctor_run(repair->session->store, &call, &reply, err) != STATUS_OK ||
        store_reply_plan(reply, ret_plan, err) != STATUS_OK)
        return error_status(err);
    *ret_reply = STEAL(reply);
    return STATUS_OK;
}

/* *ret_outdated: its place has changed since the plan was made, and nothing was done. */
static enum status carry_out(struct repair *repair, const struct store_finding *finding,
                             const struct store_plan *planned, bool *ret_outdated,
                             struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_doctor_repair(&call, &finding->place, planned, repair->session->actor);
    if (store_doctor_run(repair->session->store, &call, &reply, err) != STATUS_OK)
        return error_status(err);
    if (store_reply_traces(reply, planned->part_count, err) != STATUS_OK) {
        *ret_outdated = error_is(err, REASON_PLAN_OUTDATED);
        return *ret_outdated ? STATUS_OK : err->status;
    }
    *ret_outdated = false;
    repair->mended++;
    return undo_file_add_done(&repair->undo, reply, planned->part_count, err);
}

static enum status mend(struct repair *repair, const struct store_finding *finding,
                        struct error *err)
{
    bool outdated = true;
    for (int i = 0; i < ATTEMPTS_MAX && outdated; i++) {
        CLEANUP(reply_freep) redisReply *reply = NULL;
        struct store_plan planned = {0};
        if (plan(repair, finding, &reply, &planned, err) != STATUS_OK)
            return error_status(err);
        if (planned.part_count == 0)
            return STATUS_OK;
        if (undo_file_add(&repair->undo, finding, &planned, err) != STATUS_OK ||
            carry_out(repair, finding, &planned, &outdated, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK; /* still outdated: the next look finds it again, or not */
}

static enum status mend_all(struct repair *repair, const struct complaints *complaints,
                            struct error *err)
{
    for (size_t i = 0; i < complaints->count; i++) {
        const struct store_finding *finding = &complaints->items[i].finding;
        const char *app = finding->catalog;
        if (mend(repair, finding, err) != STATUS_OK)
            return error_status(err);
        if (app[0] != '\0' && json_object_set_new(repair->apps, app, json_true()) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "catalog of app '%s'", app);
    }
    return STATUS_OK;
}

/* Tasks are asked for when all is mended: the library tidies up a little where it makes one, and no
 * undo file would have that. */
static enum status ask_catalogs(const struct repair *repair, struct error *err)
{
    const char *app = NULL;
    json_t *ignored = NULL;
    size_t sum = 0;
    json_object_foreach(repair->apps, app, ignored)
    {
        size_t tasks = 0;
        if (catalog_ask(repair->session, app, &tasks, err) != STATUS_OK)
            return error_status(err);
        sum += tasks;
    }
    if (json_object_size(repair->apps) > 0) {
        (void)fprintf(stderr,
                      "%zu catalog tasks read from the buckets what is missing. Where no worker "
                      "defines the app or the bucket now, \"appbackupctl catalog rebuild\" does "
                      "that later\n",
                      sum);
    }
    return STATUS_OK;
}

/* Rounds, until a look finds nothing or a round changes nothing. */
static enum status mend_in_rounds(struct repair *repair, const struct complaints *first,
                                  struct error *err)
{
    size_t left = first->count, before = 0;
    if (mend_all(repair, first, err) != STATUS_OK)
        return error_status(err);
    for (int i = 1; i < ROUNDS_MAX && left > 0 && repair->mended > before; i++) {
        CLEANUP(complaints_done) struct complaints others = {0};
        before = repair->mended;
        if (complaints_look(repair->session->store, &others, err) != STATUS_OK ||
            mend_all(repair, &others, err) != STATUS_OK)
            return error_status(err);
        left = others.count;
    }
    if (repair->mended > 0)
        (void)fprintf(stderr, "%zu repairs; what they replaced is in %s\n", repair->mended,
                      repair->undo.path);
    if (left > 0)
        (void)fprintf(stderr, "%zu places are not mended: \"appbackupctl doctor\" says why\n",
                      left);
    repair->session->exit_code = left > 0 ? CTL_EXIT_FAILED : CTL_EXIT_OK;
    return STATUS_OK;
}

/* What was taken out of service is asked for also when the repair fails later: no other doctor finds
 * that it is missing. */
static enum status mend_until_well(struct repair *repair, const struct complaints *first,
                                   struct error *err)
{
    struct error unasked = {0};
    enum status mended = mend_in_rounds(repair, first, err);
    enum status asked = ask_catalogs(repair, &unasked);
    if (asked != STATUS_OK)
        (void)fprintf(stderr, "Records were taken out of service, and no catalog task could be "
                              "asked for: run \"appbackupctl catalog rebuild\"\n");
    if (mended != STATUS_OK || asked == STATUS_OK)
        return mended;
    *err = unasked;
    return asked;
}

static enum status look_and_mend(struct session *session, struct error *err)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    struct repair repair = {.session = session};
    if (complaints_look(session->store, &complaints, err) != STATUS_OK ||
        print(session, &complaints, err) != STATUS_OK)
        return error_status(err);
    if (complaints.count == 0)
        return STATUS_OK;
    if (!session->arguments->repair) {
        session->exit_code = CTL_EXIT_FAILED;
        return STATUS_OK;
    }
    json_auto_t *apps = json_object();
    repair.apps = apps;
    undo_file_init(&repair.undo, session->config->state_directory);
    enum status status = mend_until_well(&repair, &complaints, err);
    undo_file_close(&repair.undo);
    return status;
}

/* --- putting back --- */

struct putting {
    struct session *session;
    size_t done, refused;
};

static enum status put_back(void *context, const struct store_part *part,
                            const struct store_trace *trace, struct error *err)
{
    struct putting *putting = context;
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_doctor_undo(&call, part, trace);
    if (store_doctor_run(putting->session->store, &call, &reply, err) != STATUS_OK)
        return error_status(err);
    if (store_reply_nothing(reply, err) == STATUS_OK) {
        putting->done++;
        return STATUS_OK;
    }
    if (err->status != STATUS_CONFLICT)
        return error_status(err);
    putting->refused++;
    char where[PLACE_TEXT_SIZE];
    complaint_place_text(&part->place, where);
    (void)fprintf(stderr, "left as it is: %s: it has changed since the repair\n", where);
    return STATUS_OK;
}

static enum status undo(struct session *session, struct error *err)
{
    struct putting putting = {.session = session};
    if (undo_file_replay(session->arguments->undo, put_back, &putting, err) != STATUS_OK)
        return error_status(err);
    (void)fprintf(stderr, "%zu values are as before the repair, %zu were left as they are\n",
                  putting.done, putting.refused);
    if (putting.refused > 0)
        session->exit_code = CTL_EXIT_FAILED;
    return STATUS_OK;
}

/* A doctor that has found something has done its work, even if its functions stay where they are. */
static void unload(struct session *session)
{
    struct error err = {0};
    if (store_doctor_unload(session->store, &err) != STATUS_OK)
        (void)fprintf(stderr, "the doctor's functions stay in Redis: %s\n", err.text);
}

/* Who may only read looks with the functions that somebody else has loaded. */
static enum status run_doctor(struct session *session, struct error *err)
{
    const struct arguments *arguments = session->arguments;
    if (arguments->load + arguments->repair + (arguments->undo != NULL) > 1)
        return FAIL(err, STATUS_INVALID, "--repair, --undo or --load: one of them");
    bool only_looks = !arguments->load && !arguments->repair && arguments->undo == NULL;
    bool is_loaded = store_doctor_load(session->store, err) == STATUS_OK;
    if (!is_loaded && !only_looks)
        return error_status(err);
    if (arguments->load)
        return STATUS_OK;
    enum status status = arguments->undo != NULL ? undo(session, err) : look_and_mend(session, err);
    if (is_loaded)
        unload(session);
    return status;
}

/* clang-format off */
const struct command doctor_commands[] = {
    {
        .group = "doctor", .usage = "[--repair | --undo FILE | --load]",
        .options = OPTION_REPAIR | OPTION_UNDO | OPTION_LOAD,
        .run = run_doctor,
        .summary = "look for what must not be in Redis, and mend it",
        .help = "  --repair          mend what is found. What is replaced is first written to\n"
                "                    doctor-TIME.undo in the state directory.\n"
                "                    A large key that does not belong there is left to a person.\n"
                "  --undo FILE       put back what such a file holds, where it has not changed since\n"
                "  --load            only put the doctor's functions into Redis, for calls by hand; the next\n"
                "                    doctor removes them when it is done\n"
                "Works while the service runs, and on all accounts. Exit code 1: something was found\n"
                "(with --repair: and is not mended; with --undo: and could not be put back). What is\n"
                "looked at, and how it is mended: docs/redis.md.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
