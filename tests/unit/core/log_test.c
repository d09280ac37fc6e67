/* Lines as a reader of stderr gets them, through a pipe. */
#include "core/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_stderr, read_end;
static char text[16384];

static void set_up(void)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    saved_stderr = dup(STDERR_FILENO);
    read_end = ends[0];
    cr_assert(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    (void)close(ends[1]);
    log_set_prefix(false);
}

/* What has been logged since the last call. */
static const char *logged(void)
{
    ssize_t got = read(read_end, text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void tear_down(void)
{
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    (void)close(read_end);
}

TestSuite(log, .init = set_up, .fini = tear_down);

Test(log, writes_one_line_of_pairs)
{
    log_text(LOG_LEVEL_INFO, "job claimed", LOG_TEXT("job", "7d0c"), LOG_NUMBER("epoch", -3));

    cr_expect(eq(str, (char *)logged(), "msg=\"job claimed\" job=7d0c epoch=-3\n"));

    log_write(LOG_LEVEL_INFO, "alone", NULL, 0);
    cr_expect(eq(str, (char *)logged(), "msg=\"alone\"\n"));
}

Test(log, puts_the_priority_in_front_for_journald)
{
    log_set_prefix(true);

    log_text(LOG_LEVEL_ERROR, "e", LOG_NUMBER("n", 1));
    log_text(LOG_LEVEL_WARNING, "w", LOG_NUMBER("n", 1));

    cr_expect(eq(str, (char *)logged(), "<3>msg=\"e\" n=1\n<4>msg=\"w\" n=1\n"));
}

Test(log, quotes_what_would_break_the_line)
{
    static const struct {
        const char *value, *written;
    } rows[] = {
        {"plain-7/x:y", "plain-7/x:y"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"C:\\ x", "\"C:\\\\ x\""},
        {"line\nmsg=forged", "\"line\\nmsg=forged\""},
        {"\x1b[31mred\x7f\r\t", "\"\\x1b[31mred\\x7f\\x0d\\x09\""},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[128] = "msg=\"m\" v=";
        (void)strcat(strcat(expected, rows[i].written), "\n");

        log_text(LOG_LEVEL_INFO, "m", LOG_TEXT("v", rows[i].value));

        cr_expect(eq(str, (char *)logged(), expected));
    }
    log_write(LOG_LEVEL_INFO, "forged\n<0>msg", NULL, 0);
    cr_expect(eq(str, (char *)logged(), "msg=\"forged\\n<0>msg\"\n"));
}

Test(log, cuts_a_line_that_is_too_long)
{
    static char huge[10000];
    memset(huge, 'x', sizeof(huge) - 1);

    log_text(LOG_LEVEL_INFO, "m", LOG_TEXT("v", huge), LOG_TEXT("w", huge));

    size_t len = strlen(logged());
    cr_expect(le(sz, len, 4096));
    cr_expect(eq(int, text[len - 1], '\n'));
    cr_expect(eq(ptr, strchr(text, '\n'), text + len - 1), "one line");
}

Test(log, drops_what_is_less_urgent_than_the_level)
{
    log_text(LOG_LEVEL_DEBUG, "hidden by default", LOG_NUMBER("n", 1));
    cr_expect(eq(str, (char *)logged(), ""));

    log_set_level(LOG_LEVEL_DEBUG);
    log_text(LOG_LEVEL_DEBUG, "d", LOG_NUMBER("n", 1));
    cr_expect(eq(str, (char *)logged(), "msg=\"d\" n=1\n"));

    log_set_level(LOG_LEVEL_ERROR);
    log_text(LOG_LEVEL_WARNING, "w", LOG_NUMBER("n", 1));
    log_text(LOG_LEVEL_ERROR, "e", LOG_NUMBER("n", 1));
    cr_expect(eq(str, (char *)logged(), "msg=\"e\" n=1\n"));
}

Test(log, repeats_its_context_in_every_line)
{
    char job[] = "job 1";
    log_set_context("job", job);
    job[0] = 'X'; /* it was copied */

    log_write(LOG_LEVEL_INFO, "m", NULL, 0);

    cr_expect(eq(str, (char *)logged(), "msg=\"m\" job=\"job 1\"\n"));
}

Test(log, says_each_key_once_and_forgets_what_it_is_told_to)
{
    log_set_context("job", "1");
    log_set_context("stage", "upload");
    log_set_context("job", "2");

    log_text(LOG_LEVEL_INFO, "m", LOG_TEXT("stage", "commit"), LOG_NUMBER("n", 1));
    cr_expect(eq(str, (char *)logged(), "msg=\"m\" job=2 stage=commit n=1\n"));

    log_set_context("job", NULL);
    log_set_context("never", NULL);
    log_write(LOG_LEVEL_INFO, "m", NULL, 0);
    cr_expect(eq(str, (char *)logged(), "msg=\"m\" stage=upload\n"));
}

Test(log, has_no_id_in_its_lines)
{
    static const struct log_message message = {"020a57d982295073a54d5b50e3b951f9", "m"};

    log_write_message(LOG_LEVEL_INFO, &message, NULL, 0);

    cr_expect(eq(str, (char *)logged(), "msg=\"m\"\n"));
}

Test(log, writes_a_line_where_the_journal_does_not_listen)
{
    struct stat info;
    char stream[64];
    cr_assert(fstat(STDERR_FILENO, &info) == 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)info.st_dev,
                   (unsigned long long)info.st_ino);
    cr_assert(access("/run/systemd/journal/socket", F_OK) == 0 ||
              setenv("JOURNAL_STREAM", stream, 1) == 0);

    log_write(LOG_LEVEL_INFO, "m", NULL, 0);

    cr_expect(eq(str, (char *)logged(), "msg=\"m\"\n"));
}

Test(log, keeps_errno_even_if_nobody_listens)
{
    (void)close(STDERR_FILENO);
    errno = ENOENT;

    log_write(LOG_LEVEL_ERROR, "m", NULL, 0);

    cr_expect(eq(int, errno, ENOENT));
}

Test(log, goes_to_the_fallback_when_nobody_reads_stderr_any_more)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_fallback(ends[1]);
    log_write(LOG_LEVEL_INFO, "heard", NULL, 0);
    cr_expect(eq(str, (char *)logged(), "<6>msg=\"heard\"\n"));
    (void)close(read_end);

    log_write(LOG_LEVEL_INFO, "one", NULL, 0);
    log_write(LOG_LEVEL_INFO, "two", NULL, 0);

    read_end = ends[0];
    cr_expect(eq(str, (char *)logged(), "<6>msg=\"one\"\n<6>msg=\"two\"\n"));
}
