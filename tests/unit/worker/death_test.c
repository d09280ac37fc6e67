#include "src/worker/death.h"

#include "worker/worker.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <string.h>

/* As wait(2) packs it on Linux. */
static int exit_status(int code)
{
    return code << 8;
}

Test(death_of, has_nothing_to_say_about_a_finished_or_lost_claim)
{
    cr_assert(eq(int, (int)death_of(exit_status(WORKER_EXIT_FINISHED), false).kind, DEATH_NONE));
    cr_assert(eq(int, (int)death_of(exit_status(WORKER_EXIT_LOST), false).kind, DEATH_NONE));
}

Test(death_of, hands_back_what_could_not_be_finished)
{
    struct death unfinished = death_of(exit_status(WORKER_EXIT_UNFINISHED), false);
    struct death config = death_of(exit_status(WORKER_EXIT_CONFIG), false);

    cr_assert(eq(int, (int)unfinished.kind, DEATH_RETURNS));
    cr_assert(ne(str, unfinished.evidence, ""));
    cr_assert(eq(int, (int)config.kind, DEATH_RETURNS));
    cr_assert(ne(str, config.evidence, ""));
}

Test(death_of, counts_every_other_end_as_a_kill)
{
    struct death crashed = death_of(SIGSEGV, false);
    struct death killed = death_of(SIGKILL, false);
    struct death exited = death_of(exit_status(1), false);

    cr_assert(eq(int, (int)crashed.kind, DEATH_KILLED));
    cr_assert(eq(str, crashed.evidence, "killed by signal 11"));
    cr_assert(eq(int, (int)killed.kind, DEATH_KILLED));
    cr_assert(eq(str, killed.evidence, "killed by signal 9"));
    cr_assert(eq(int, (int)exited.kind, DEATH_KILLED));
    cr_assert(eq(str, exited.evidence, "exit code 1"));
}

Test(death_of, does_not_blame_a_job_that_its_worker_killed_to_stop)
{
    cr_assert(eq(int, (int)death_of(SIGKILL, true).kind, DEATH_RETURNS));
    cr_assert(eq(int, (int)death_of(SIGSEGV, true).kind, DEATH_KILLED));
}

Test(death_add_stage, names_the_stage_if_it_is_known)
{
    struct death death = death_of(SIGKILL, false);

    death_add_stage(&death, "");
    cr_assert(eq(str, death.evidence, "killed by signal 9"));
    death_add_stage(&death, "upload");
    cr_assert(eq(str, death.evidence, "killed by signal 9 in stage upload"));
}

Test(death_add_stage, stays_within_its_bounds)
{
    struct death death = death_of(SIGKILL, false);
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';

    for (int i = 0; i < 10; i++)
        death_add_stage(&death, longest);

    cr_assert(lt(sz, strlen(death.evidence), sizeof(death.evidence)));
}

Test(death_add_output, appends_the_last_words_as_one_line)
{
    static const char output[] =
        "<6>msg=\"job starts\"\nlease.c:12: Assertion `left > 0' failed.\n";
    struct death death = death_of(SIGABRT, false);

    death_add_output(&death, output, sizeof(output) - 1);

    cr_assert(eq(str, death.evidence,
                 "killed by signal 6; last output: <6>msg=\"job starts\" lease.c:12: Assertion "
                 "`left > 0' failed."));
}

Test(death_add_output, says_nothing_of_a_silent_one)
{
    struct death death = death_of(SIGKILL, false);

    death_add_output(&death, "", 0);
    death_add_output(&death, "\n\n", 2);

    cr_assert(eq(str, death.evidence, "killed by signal 9"));
}

Test(death_add_output, begins_with_a_whole_line_where_it_cuts)
{
    char output[1000];
    memset(output, 'x', sizeof(output));
    memcpy(output + sizeof(output) - 11, "\nlast\tline\x01", 11);
    struct death death = death_of(SIGKILL, false);

    death_add_output(&death, output, sizeof(output));

    cr_assert(eq(str, death.evidence, "killed by signal 9; last output: last line "));
}

Test(death_add_output, stays_within_its_bounds)
{
    char output[2000];
    memset(output, 'x', sizeof(output));
    struct death death = death_of(SIGKILL, false);

    for (int i = 0; i < 3; i++)
        death_add_output(&death, output, sizeof(output));

    cr_assert(eq(sz, strlen(death.evidence), sizeof(death.evidence) - 1));
}
