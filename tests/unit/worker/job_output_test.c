#include "src/worker/job_exit.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct job_output output = {.fd = -1};
static int jobs_end = -1;

static void start(void)
{
    struct error err = {0};
    cr_redirect_stderr();
    cr_assert(eq(int, (int)job_output_open(&output, &jobs_end, &err), (int)STATUS_OK), "%s",
              err.text);
}

static void stop(void)
{
    job_output_close(&output);
    (void)close(jobs_end);
}

TestSuite(job_output, .init = start, .fini = stop);

static void say(const char *text)
{
    cr_assert(eq(sz, (size_t)write(jobs_end, text, strlen(text)), strlen(text)));
}

static void expect_tail(const char *text)
{
    cr_assert(eq(sz, output.len, strlen(text)));
    cr_assert(memcmp(output.tail, text, output.len) == 0);
}

Test(job_output, goes_on_unchanged_and_is_kept)
{
    job_output_pass_on(&output); /* nothing yet: it does not wait */
    say("<6>msg=\"one\"\n");
    job_output_pass_on(&output);
    say("two\a\n");
    job_output_pass_on(&output);

    expect_tail("<6>msg=\"one\"\ntwo\a\n");
    cr_assert_stderr_eq_str("<6>msg=\"one\"\ntwo\a\n");
}

Test(job_output, keeps_only_the_end)
{
    char text[JOB_OUTPUT_TAIL + 501] = "";
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + i % 26);

    say("first");
    job_output_pass_on(&output);
    say(text);
    job_output_pass_on(&output);
    expect_tail(text + 500);
    say("last");
    job_output_pass_on(&output);

    cr_assert(eq(sz, output.len, (size_t)JOB_OUTPUT_TAIL));
    cr_assert(memcmp(output.tail + output.len - 5, text + sizeof(text) - 2, 1) == 0);
    cr_assert(memcmp(output.tail + output.len - 4, "last", 4) == 0);
}

Test(job_output, is_closed_when_the_job_has_ended_and_its_tail_stays)
{
    say("last words");
    (void)close(jobs_end);

    job_output_pass_on(&output);

    cr_assert(eq(int, output.fd, -1));
    expect_tail("last words");
    job_output_pass_on(&output);
}

Test(job_output, is_not_inherited)
{
    cr_assert(eq(int, fcntl(output.fd, F_GETFD), FD_CLOEXEC));
    cr_assert(eq(int, fcntl(jobs_end, F_GETFD), FD_CLOEXEC));
}
