#include "progress.h"

#include "core/clock.h"
#include "terminal.h"
#include "text.h"

#include <string.h>

enum {
    BAR_MIN = 10,
    BAR_MAX = 40,
    RATE_MS = 500 /* between two measurements */
};

void progress_init(struct progress *progress, FILE *out)
{
    *progress = (struct progress){
        .out = out,
        .terminal = terminal_is(out),
        .color = terminal_has_color(out),
        .rate_ms = -1,
    };
}

static const char *what(const struct progress_sample *sample)
{
    bool works = sample->state == BACKUP_DISCOVERING || sample->state == BACKUP_RUNNING;
    return works && sample->stage[0] != '\0' ? sample->stage : backup_state_name(sample->state);
}

/* "  12 MiB of 40 MiB  3.1 MiB/s  9 s left", as far as it is known. */
static void describe_bytes(const struct progress_sample *sample, char *text, size_t size)
{
    char done[TEXT_SIZE], total[TEXT_SIZE], rate[TEXT_SIZE], left[TEXT_SIZE];
    text[0] = '\0';
    if (sample->bytes_total < 0)
        return;
    text_bytes(sample->bytes_done, done);
    text_bytes(sample->bytes_total, total);
    (void)snprintf(text, size, "  %s of %s", done, total);
    if (sample->state != BACKUP_RUNNING || sample->rate <= 0)
        return;
    text_bytes(sample->rate, rate);
    clock_describe((sample->bytes_total - sample->bytes_done) / sample->rate * 1000, left);
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used, "  %s/s  %s left", rate, left);
}

void progress_render_bar(const struct progress_sample *sample, size_t width,
                         char line[PROGRESS_LINE_SIZE])
{
    char tail[PROGRESS_LINE_SIZE - BAR_MAX - 8];
    char bytes[4 * TEXT_SIZE];
    describe_bytes(sample, bytes, sizeof(bytes));
    (void)snprintf(tail, sizeof(tail), " %3lld %%  %s%s%s%s", (long long)sample->percent,
                   what(sample), bytes, sample->reason[0] == '\0' ? "" : "  ", sample->reason);

    size_t room = width > text_width(tail) + 2 ? width - text_width(tail) - 2 : 0;
    size_t bar = room < BAR_MIN ? BAR_MIN : room > BAR_MAX ? BAR_MAX : room;
    int64_t percent = sample->percent < 0 ? 0 : sample->percent > 100 ? 100 : sample->percent;
    size_t filled = bar * (size_t)percent / 100;
    char drawing[BAR_MAX + 1];
    memset(drawing, '#', filled);
    memset(drawing + filled, '.', bar - filled);
    drawing[bar] = '\0';
    (void)snprintf(line, PROGRESS_LINE_SIZE, "[%s]%s", drawing, tail);
    text_cut(line, width);
}

void progress_render_line(const struct progress_sample *sample, char line[PROGRESS_LINE_SIZE])
{
    int used = snprintf(line, PROGRESS_LINE_SIZE, "%s", backup_state_name(sample->state));
    size_t at = (size_t)used;
    bool works = strcmp(what(sample), backup_state_name(sample->state)) != 0;
    if (works)
        at += (size_t)snprintf(line + at, PROGRESS_LINE_SIZE - at, " (%s)", sample->stage);
    if (sample->bytes_total >= 0) {
        char done[TEXT_SIZE], total[TEXT_SIZE];
        text_bytes(sample->bytes_done, done);
        text_bytes(sample->bytes_total, total);
        at += (size_t)snprintf(line + at, PROGRESS_LINE_SIZE - at, " %lld %%, %s of %s",
                               (long long)sample->percent, done, total);
    }
    if (sample->reason[0] != '\0')
        (void)snprintf(line + at, PROGRESS_LINE_SIZE - at, ": %s", sample->reason);
}

/* A rate that follows within seconds and does not jump with every sample. */
static void measure(struct progress *progress, struct progress_sample *sample, int64_t now_ms)
{
    int64_t bytes = sample->bytes_done < 0 ? 0 : sample->bytes_done;
    if (progress->rate_ms < 0 || sample->state != BACKUP_RUNNING) {
        progress->rate_ms = now_ms;
        progress->rate_bytes = bytes;
        progress->rate = 0;
        return;
    }
    int64_t elapsed_ms = now_ms - progress->rate_ms;
    if (elapsed_ms >= RATE_MS) {
        double rate = (double)(bytes - progress->rate_bytes) * 1000 / (double)elapsed_ms;
        progress->rate = progress->rate > 0 ? 0.7 * progress->rate + 0.3 * rate : rate;
        progress->rate_ms = now_ms;
        progress->rate_bytes = bytes;
    }
    sample->rate = (int64_t)progress->rate;
}

static const char *color_of(enum backup_state state)
{
    if (state == BACKUP_COMPLETED)
        return "\033[32m";
    return state == BACKUP_FAILED ? "\033[31m" : "\033[36m";
}

void progress_update(struct progress *progress, struct progress_sample *sample, int64_t now_ms)
{
    char line[PROGRESS_LINE_SIZE];
    measure(progress, sample, now_ms);
    if (progress->terminal) /* one column is kept free: some terminals wrap at the last one */
        progress_render_bar(sample, terminal_size(progress->out).columns - 1, line);
    else
        progress_render_line(sample, line);
    if (strcmp(line, progress->last) == 0)
        return;
    memcpy(progress->last, line, sizeof(line));
    const char *on = progress->color ? color_of(sample->state) : "";
    const char *off = progress->color ? "\033[0m" : "";
    if (progress->terminal)
        (void)fprintf(progress->out, "\r%s%s%s\033[K", on, line, off);
    else
        (void)fprintf(progress->out, "%s\n", line);
    (void)fflush(progress->out);
    progress->drawn = progress->terminal;
}

void progress_end(struct progress *progress)
{
    if (progress->drawn)
        (void)fputc('\n', progress->out);
    progress->drawn = false;
}
