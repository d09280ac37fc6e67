#include "src/worker/helper_process.h"

#include "fake_system.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { ROUTINE_MS = 600, AGAIN_MS = 30, DEADLINE_MS = 300, FAILURE = 1 << 8 };

static bool is_needed;

static int never_called(const struct node_config *node)
{
    (void)node;
    return 1;
}

static bool may_be_needed(const struct node_config *node, const struct slots *slots)
{
    (void)node;
    (void)slots;
    return is_needed;
}

static const struct helper_kind kind = {
    .name = "test",
    .main = never_called,
    .is_needed = may_be_needed,
    .routine_ms = ROUTINE_MS,
    .again_ms = AGAIN_MS,
    .deadline_ms = DEADLINE_MS,
};

static struct node_config node;
static struct slots slots;
static struct helper helper;

static void set_up(void)
{
    is_needed = true;
    helper_init(&helper, &kind);
}

TestSuite(helper_process, .init = set_up);

static void run_with(bool needs_redis, bool stopping)
{
    const struct helper_terms terms = {.system = &fake_system,
                                       .node = &node,
                                       .slots = &slots,
                                       .needs_redis = needs_redis,
                                       .stopping = stopping};
    helpers_run(&helper, 1, &terms);
}

static void run_at(int64_t ms)
{
    fake.now_ms = ms;
    run_with(false, false);
}

static void end_at(int64_t ms, int status)
{
    fake.now_ms = ms;
    fake_end_process(helper.pid, status);
    helpers_reap(&helper, 1, &fake_system);
}

Test(helper_process, waits_until_it_is_asked_for)
{
    run_at(5000000);
    cr_assert(eq(int, fake.process_count, 0));

    helper_ask(&helper);
    run_at(5000000);
    run_at(5000001);

    cr_assert(eq(int, fake.process_count, 1));
    cr_assert(eq(int, helper.pid, FAKE_FIRST_PID));
}

Test(helper_process, is_asked_for_by_the_start_where_its_row_says_so)
{
    struct helper_kind at_start = kind;
    at_start.at_start = true;
    helper_init(&helper, &at_start);

    run_at(0);

    cr_assert(eq(int, fake.process_count, 1));
}

Test(helper_process, comes_again_after_its_routine_when_all_was_well)
{
    helper_ask(&helper);
    run_at(1000);
    end_at(1100, 0);

    run_at(1100 + ROUTINE_MS - 1);
    cr_assert(eq(int, fake.process_count, 1));
    run_at(1100 + ROUTINE_MS);
    cr_assert(eq(int, fake.process_count, 2));
}

Test(helper_process, comes_again_sooner_when_it_has_failed)
{
    helper_ask(&helper);
    run_at(1000);
    end_at(1100, FAILURE);

    run_at(1100 + AGAIN_MS - 1);
    cr_assert(eq(int, fake.process_count, 1));
    run_at(1100 + AGAIN_MS);
    cr_assert(eq(int, fake.process_count, 2));
}

Test(helper_process, comes_no_more_where_its_row_says_never)
{
    struct helper_kind once = kind;
    once.routine_ms = HELPER_NEVER;
    helper_init(&helper, &once);
    helper_ask(&helper);
    run_at(1000);
    end_at(1100, 0);

    run_at(INT64_MAX - 1);

    cr_assert(eq(int, fake.process_count, 1));
}

Test(helper_process, is_not_forgotten_when_it_is_asked_for_while_it_runs)
{
    helper_ask(&helper);
    run_at(1000);
    helper_ask(&helper);
    run_at(1050);
    cr_assert(eq(int, fake.process_count, 1), "one at a time");

    end_at(1100, FAILURE);
    run_at(1100);

    cr_assert(eq(int, fake.process_count, 2));
}

Test(helper_process, is_killed_when_it_is_overdue_and_comes_again_as_one_that_failed)
{
    helper_ask(&helper);
    run_at(1000);
    run_at(1000 + DEADLINE_MS - 1);
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 0));

    run_at(1000 + DEADLINE_MS);
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 1));
    end_at(1000 + DEADLINE_MS, SIGKILL);
    run_at(1000 + DEADLINE_MS + AGAIN_MS);

    cr_assert(eq(int, fake.process_count, 2));
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 1), "its deadline is its own");
}

Test(helper_process, may_take_its_time_where_it_has_no_deadline)
{
    struct helper_kind patient = kind;
    patient.deadline_ms = HELPER_NEVER;
    helper_init(&helper, &patient);
    helper_ask(&helper);
    run_at(1000);

    run_at(INT64_MAX - 1);

    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 0));
}

Test(helper_process, is_not_started_when_there_is_nothing_to_do)
{
    is_needed = false;
    helper_ask(&helper);
    run_at(1000);
    is_needed = true;
    run_at(1000 + ROUTINE_MS - 1);
    cr_assert(eq(int, fake.process_count, 0));

    run_at(1000 + ROUTINE_MS);

    cr_assert(eq(int, fake.process_count, 1));
}

Test(helper_process, that_cannot_be_started_is_tried_again)
{
    fake.fork_fails = true;
    helper_ask(&helper);
    run_at(1000);
    fake.fork_fails = false;
    run_at(1000 + HELPER_START_AGAIN_MS - 1);
    cr_assert(eq(int, fake.process_count, 0));
    cr_assert(eq(int, helper.pid, 0));

    run_at(1000 + HELPER_START_AGAIN_MS);

    cr_assert(eq(int, fake.process_count, 1));
}

Test(helper_process, waits_for_redis_where_its_row_says_so)
{
    struct helper_kind asker = kind;
    asker.needs_redis = true;
    helper_init(&helper, &asker);
    helper_ask(&helper);

    run_with(false, false);
    cr_assert(eq(int, fake.process_count, 0));
    run_with(true, false);
    cr_assert(eq(int, fake.process_count, 1));
}

Test(helper_process, is_killed_but_not_started_by_a_supervisor_that_stops)
{
    helper_ask(&helper);
    run_at(1000);
    fake.now_ms = 1000 + DEADLINE_MS;
    run_with(false, true);
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 1));

    end_at(2000, SIGKILL);
    fake.now_ms = 5000000;
    run_with(false, true);

    cr_assert(eq(int, fake.process_count, 1));
}

/* A row that lacks something would only be noticed when its turn comes. */
Test(helper_kinds, are_complete_and_told_apart)
{
    for (size_t i = 0; i < HELPER_COUNT; i++) {
        const struct helper_kind *row = &helper_kinds[i];
        cr_assert(ne(ptr, (void *)(uintptr_t)row->name, NULL));
        cr_expect(row->main != NULL, "%s", row->name);
        cr_expect(lt(i64, 0, row->routine_ms), "%s", row->name);
        cr_expect(lt(i64, 0, row->again_ms), "%s", row->name);
        cr_expect(lt(i64, 0, row->deadline_ms), "%s", row->name);
        for (size_t k = 0; k < i; k++)
            cr_expect(
                ne(str, (char *)(uintptr_t)row->name, (char *)(uintptr_t)helper_kinds[k].name));
    }
}

/* What a dead supervisor's jobs have frozen is thawed whether or not Redis is there. */
Test(helper_kinds, let_the_recovery_begin_at_the_start_without_redis)
{
    cr_assert(helper_kinds[HELPER_RECOVERY].at_start);
    cr_assert(helper_kinds[HELPER_RECOVERY].survives);
    cr_assert(not(helper_kinds[HELPER_RECOVERY].needs_redis));
    cr_assert(eq(i64, helper_kinds[HELPER_RECOVERY].deadline_ms, HELPER_NEVER));
}
