#include "src/ctl/progress.h"

#include "src/ctl/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

enum { MIB = 1024 * 1024 };

static struct progress_sample running(int64_t percent)
{
    return (struct progress_sample){
        .state = BACKUP_RUNNING,
        .stage = "upload",
        .percent = percent,
        .bytes_done = percent * MIB,
        .bytes_total = 100 * (int64_t)MIB,
    };
}

Test(progress_render_bar, shows_bar_percent_stage_bytes_rate_and_time_left)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress_sample sample = running(25);
    sample.rate = 5 * MIB;

    progress_render_bar(&sample, 120, line);

    cr_assert(eq(str, line,
                 "[##########..............................]  25 %  upload  25 MiB of 100 MiB  "
                 "5.0 MiB/s  15 s left"));
}

Test(progress_render_bar, says_what_a_pending_backup_waits_for)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress_sample sample = {
        .state = BACKUP_PENDING, .reason = "in queue", .bytes_done = -1, .bytes_total = -1};

    progress_render_bar(&sample, 60, line);

    cr_assert(eq(str, line, "[.................................]   0 %  pending  in queue"));
}

Test(progress_render_bar, is_full_at_the_end)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress_sample sample = running(100);
    sample.state = BACKUP_COMPLETED;
    sample.rate = MIB;

    progress_render_bar(&sample, 90, line);

    cr_assert(
        eq(str, line,
           "[########################################] 100 %  completed  100 MiB of 100 MiB"));
}

Test(progress_render_bar, never_exceeds_the_width)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress_sample sample = running(42);
    sample.rate = 1;
    memset(sample.reason, 'r', sizeof(sample.reason) - 1);
    memcpy(sample.reason, "\xc3\xbc\xc3\xbc", 4);

    for (size_t width = 1; width < 300; width++) {
        progress_render_bar(&sample, width, line);
        cr_assert(le(sz, text_width(line), width), "width %zu: %s", width, line);
    }
}

Test(progress_render_line, is_a_plain_sentence)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress_sample sample = running(7);

    progress_render_line(&sample, line);
    cr_assert(eq(str, line, "running (upload) 7 %, 7.0 MiB of 100 MiB"));

    sample = (struct progress_sample){
        .state = BACKUP_PENDING, .reason = "waits", .bytes_done = -1, .bytes_total = -1};
    progress_render_line(&sample, line);
    cr_assert(eq(str, line, "pending: waits"));
}

Test(progress_update, writes_a_line_only_when_something_has_changed)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = {.out = open_memstream(&text, &len), .rate_ms = -1};
    struct progress_sample one = running(1), again = running(1), two = running(2);

    progress_update(&progress, &one, 0);
    progress_update(&progress, &again, 200);
    progress_update(&progress, &two, 400);
    progress_end(&progress);

    (void)fclose(progress.out);
    cr_assert(eq(str, text,
                 "running (upload) 1 %, 1.0 MiB of 100 MiB\n"
                 "running (upload) 2 %, 2.0 MiB of 100 MiB\n"));
    free(text);
}

Test(progress_update, redraws_the_bar_in_place_on_a_terminal)
{
    char *text = NULL;
    size_t len = 0;
    struct progress progress = {
        .out = open_memstream(&text, &len), .terminal = true, .rate_ms = -1};
    struct progress_sample one = running(1), two = running(2);

    progress_update(&progress, &one, 0);
    progress_update(&progress, &two, 400);
    progress_end(&progress);

    (void)fclose(progress.out);
    cr_assert(eq(chr, text[0], '\r'));
    cr_assert(strchr(text + 1, '\r') != NULL);
    cr_assert(strstr(text, "\033[3") == NULL, "no colour was asked for");
    cr_assert(eq(chr, text[len - 1], '\n'));
    cr_assert(strchr(text, '\n') == text + len - 1, "one line only");
    free(text);
}

Test(progress_update, measures_the_rate_between_samples)
{
    struct progress progress = {.out = fopen("/dev/null", "w"), .rate_ms = -1};
    struct progress_sample first = running(10), second = running(20), third = running(20);

    progress_update(&progress, &first, 1000);
    progress_update(&progress, &second, 2000);
    progress_update(&progress, &third, 3000);

    cr_assert(eq(i64, first.rate, 0));
    cr_assert(eq(i64, second.rate, 10 * MIB));
    cr_assert(eq(i64, third.rate, 7 * MIB));
    (void)fclose(progress.out);
}
