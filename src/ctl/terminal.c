#include "terminal.h"

#include "core/clock.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 20, ROWS_DEFAULT = 24, ROWS_MIN = 5, LINE_SIZE = 1024 };

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

bool terminal_is(FILE *out)
{
    const char *term = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe): one thread */
    return isatty(fileno(out)) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

bool terminal_has_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe): one thread */
    return terminal_is(out) && (no_color == NULL || no_color[0] == '\0');
}

static size_t at_least(size_t min, size_t value, size_t otherwise)
{
    if (value == 0)
        return otherwise;
    return value < min ? min : value;
}

struct terminal_size terminal_size(FILE *out)
{
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    return (struct terminal_size){
        .columns = at_least(COLUMNS_MIN, size.ws_col, COLUMNS_DEFAULT),
        .rows = at_least(ROWS_MIN, size.ws_row, ROWS_DEFAULT),
    };
}

/* Without SA_RESTART: the wait must end. */
static enum status catch_end(struct error *err)
{
    struct sigaction action = {.sa_handler = on_end};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return FAIL_ERRNO(err, "handle SIGINT");
    return STATUS_OK;
}

enum status screen_open(struct screen *screen, struct error *err)
{
    *screen = (struct screen){.is_open = true};
    if (catch_end(err) != STATUS_OK)
        return error_status(err);
    if (isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &screen->before) == 0) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        screen->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    (void)fputs("\033[?25l\033[2J", stdout);
    return STATUS_OK;
}

void screen_close(struct screen *screen)
{
    if (screen->is_raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
    if (screen->is_open)
        (void)fputs("\033[?25h", stdout);
    (void)fflush(stdout);
    *screen = (struct screen){.is_open = false};
}

/* One row and column are kept free: some terminals scroll or wrap at the last one. */
void screen_draw(const char *text)
{
    struct terminal_size size = terminal_size(stdout);
    (void)fputs("\033[H", stdout);
    for (size_t row = 1; row < size.rows && *text != '\0'; row++) {
        char line[LINE_SIZE];
        size_t len = strcspn(text, "\n");
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
        text_cut(line, size.columns - 1);
        (void)fprintf(stdout, "%s\033[K\n", line);
        text += len + (text[len] == '\n');
    }
    (void)fputs("\033[J", stdout);
    (void)fflush(stdout);
}

/* Did somebody press q, or will there be no key any more, since the terminal is gone? */
static bool is_end_key(void)
{
    char key = '\0';
    ssize_t got = read(STDIN_FILENO, &key, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    return got <= 0 || key == 'q' || key == 'Q';
}

bool screen_wait(const struct screen *screen, int64_t ms)
{
    int64_t deadline_ms = clock_mono_ms() + ms;
    struct pollfd key = {.fd = screen->is_raw ? STDIN_FILENO : -1, .events = POLLIN};
    do {
        int ready = poll(&key, 1, clock_left_ms(deadline_ms));
        if (ready > 0 && (key.revents & POLLIN) == 0)
            return false; /* the terminal is gone */
        if (ready > 0 && is_end_key())
            return false;
    } while (ended == 0 && clock_left_ms(deadline_ms) > 0);
    return ended == 0;
}
