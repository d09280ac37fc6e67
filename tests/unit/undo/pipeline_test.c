/* The stages of an operation, without an application: each notes its letter. */
#include "undo/operation.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static char trace[128];
static const char *failing, *refused; /* a stage's name; NULL: none */

static void note(const char *what)
{
    (void)strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
}

static enum status run(const char *name, struct error *err)
{
    note(name);
    if (failing == NULL || strcmp(failing, name) != 0)
        return STATUS_OK;
    return FAIL(err, STATUS_CONFLICT, "broken");
}

static enum status run_a(void *owner UNUSED, struct error *err)
{
    return run("a", err);
}

static enum status run_b(void *owner UNUSED, struct error *err)
{
    return run("b", err);
}

static enum status run_c(void *owner UNUSED, struct error *err)
{
    return run("c", err);
}

static void undo_a(void *owner UNUSED)
{
    note("-a");
}

static void undo_c(void *owner UNUSED)
{
    note("-c");
}

static enum status on_report(void *context UNUSED, const struct work_report *report,
                             struct error *err)
{
    note("(");
    note(report->stage);
    note(report->confirm ? "!)" : ")");
    if (refused == NULL || strcmp(refused, report->stage) != 0)
        return STATUS_OK;
    return FAIL(err, STATUS_LOST, "not ours");
}

static void describe(void *owner UNUSED, struct work_report *report UNUSED)
{
}

static const struct pipeline_stage stages[] = {
    {"a", run_a, undo_a}, {"b", run_b, NULL}, {"c", run_c, undo_c}};

static const struct work work = {.report = on_report};
static struct work_result result;
static struct operation operation;

static void set_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
    operation = (struct operation){.work = &work, .describe = describe, .result = &result};
}

static void tear_down(void)
{
    work_result_done(&result);
}

TestSuite(pipeline_run, .init = set_up, .fini = tear_down);

Test(pipeline_run, reports_each_stage_before_it_runs)
{
    struct error err = {0};

    cr_assert(eq(int, (int)pipeline_run(stages, 3, &operation, &err), STATUS_OK));

    cr_expect(eq(str, trace, "(a)a(b)b(c)c"));
}

Test(pipeline_run, undoes_the_stage_that_failed_and_those_before_it_newest_first)
{
    struct error err = {0};
    failing = "c";

    cr_assert(eq(int, (int)pipeline_run(stages, 3, &operation, &err), STATUS_CONFLICT));

    cr_expect(eq(str, trace, "(a)a(b)b(c)c-c-a"));
    cr_expect(eq(str, err.text, "c: broken"));
}

Test(pipeline_run, does_not_undo_a_stage_that_was_refused)
{
    struct error err = {0};
    refused = "c";

    cr_assert(eq(int, (int)pipeline_run(stages, 3, &operation, &err), STATUS_LOST));

    cr_expect(eq(str, trace, "(a)a(b)b(c)-a"));
    cr_expect(eq(str, err.text, "c: not ours"));
}

Test(pipeline_run, goes_on_when_it_is_refused_after_the_commit)
{
    struct error err = {0};
    refused = "b";
    operation.committed = true;

    cr_assert(eq(int, (int)pipeline_run(stages, 3, &operation, &err), STATUS_OK));

    cr_expect(eq(str, trace, "(a)a(b)b(c)c"));
}

Test(pipeline_run, asks_for_the_claim_where_nothing_can_be_taken_back)
{
    struct error err = {0};
    operation.stage = "b";

    cr_assert(eq(int, (int)operation_confirm(&operation, &err), STATUS_OK));
    cr_assert(eq(int, (int)operation_report(&operation, &err), STATUS_OK));

    cr_expect(eq(str, trace, "(b!)(b)"));
}
