#include "src/worker/job_exit.h"

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

Test(job_exit_of, has_nothing_to_say_about_a_finished_or_lost_claim)
{
    cr_assert(
        eq(int, (int)job_exit_of(exit_status(WORKER_EXIT_FINISHED), false).kind, JOB_EXIT_NONE));
    cr_assert(eq(int, (int)job_exit_of(exit_status(WORKER_EXIT_LOST), false).kind, JOB_EXIT_NONE));
}

Test(job_exit_of, hands_back_what_could_not_be_finished)
{
    struct job_exit unfinished = job_exit_of(exit_status(WORKER_EXIT_UNFINISHED), false);
    struct job_exit config = job_exit_of(exit_status(WORKER_EXIT_CONFIG), false);

    cr_assert(eq(int, (int)unfinished.kind, JOB_EXIT_RETURNS));
    cr_assert(ne(str, unfinished.evidence, ""));
    cr_assert(eq(int, (int)config.kind, JOB_EXIT_RETURNS));
    cr_assert(ne(str, config.evidence, ""));
}

Test(job_exit_of, counts_every_other_end_as_a_kill)
{
    struct job_exit crashed = job_exit_of(SIGSEGV, false);
    struct job_exit killed = job_exit_of(SIGKILL, false);
    struct job_exit exited = job_exit_of(exit_status(1), false);

    cr_assert(eq(int, (int)crashed.kind, JOB_EXIT_KILLED));
    cr_assert(eq(str, crashed.evidence, "killed by signal 11"));
    cr_assert(eq(int, (int)killed.kind, JOB_EXIT_KILLED));
    cr_assert(eq(str, killed.evidence, "killed by signal 9"));
    cr_assert(eq(int, (int)exited.kind, JOB_EXIT_KILLED));
    cr_assert(eq(str, exited.evidence, "exit code 1"));
}

Test(job_exit_of, does_not_blame_a_job_that_its_worker_killed_to_stop)
{
    cr_assert(eq(int, (int)job_exit_of(SIGKILL, true).kind, JOB_EXIT_RETURNS));
    cr_assert(eq(int, (int)job_exit_of(SIGSEGV, true).kind, JOB_EXIT_KILLED));
}

Test(job_exit_add_stage, names_the_stage_if_it_is_known)
{
    struct job_exit end = job_exit_of(SIGKILL, false);

    job_exit_add_stage(&end, "");
    cr_assert(eq(str, end.evidence, "killed by signal 9"));
    job_exit_add_stage(&end, "upload");
    cr_assert(eq(str, end.evidence, "killed by signal 9 in stage upload"));
}

Test(job_exit_add_stage, stays_within_its_bounds)
{
    struct job_exit end = job_exit_of(SIGKILL, false);
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';

    for (int i = 0; i < 10; i++)
        job_exit_add_stage(&end, longest);

    cr_assert(lt(sz, strlen(end.evidence), sizeof(end.evidence)));
}

Test(job_exit_add_output, appends_the_last_words_as_one_line)
{
    static const char output[] =
        "<6>msg=\"job starts\"\nlease.c:12: Assertion `left > 0' failed.\n";
    struct job_exit end = job_exit_of(SIGABRT, false);

    job_exit_add_output(&end, output, sizeof(output) - 1);

    cr_assert(eq(str, end.evidence,
                 "killed by signal 6; last output: <6>msg=\"job starts\" lease.c:12: Assertion "
                 "`left > 0' failed."));
}

Test(job_exit_add_output, says_nothing_of_a_silent_one)
{
    struct job_exit end = job_exit_of(SIGKILL, false);

    job_exit_add_output(&end, "", 0);
    job_exit_add_output(&end, "\n\n", 2);

    cr_assert(eq(str, end.evidence, "killed by signal 9"));
}

Test(job_exit_add_output, begins_with_a_whole_line_where_it_cuts)
{
    char output[1000];
    memset(output, 'x', sizeof(output));
    memcpy(output + sizeof(output) - 11, "\nlast\tline\x01", 11);
    struct job_exit end = job_exit_of(SIGKILL, false);

    job_exit_add_output(&end, output, sizeof(output));

    cr_assert(eq(str, end.evidence, "killed by signal 9; last output: last line "));
}

Test(job_exit_add_output, stays_within_its_bounds)
{
    char output[2000];
    memset(output, 'x', sizeof(output));
    struct job_exit end = job_exit_of(SIGKILL, false);

    for (int i = 0; i < 3; i++)
        job_exit_add_output(&end, output, sizeof(output));

    cr_assert(eq(sz, strlen(end.evidence), sizeof(end.evidence) - 1));
}
