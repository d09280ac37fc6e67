/* Terminal: what output may do on it, and a screen that is redrawn in place. Plain ANSI. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <termios.h>

/* Is it a terminal that can redraw a line? One with TERM=dumb cannot. */
bool terminal_is(FILE *out);
/* May text be coloured on it? It may not where NO_COLOR is set. */
bool terminal_has_color(FILE *out);

struct terminal_size {
    size_t columns, rows;
};

/* The size of the terminal; 80 x 24 when it is not known. */
struct terminal_size terminal_size(FILE *out);

/* The screen of stdout. Keys come unechoed, one by one, when stdin is a terminal too. */
struct screen {
    struct termios before;
    bool is_raw;
    bool is_open;
};

/* Opens the screen. While it is open, SIGINT and SIGTERM end screen_wait(). */
enum status screen_open(struct screen *screen, struct error *err) MUST_CHECK;
void screen_close(struct screen *screen); /* all zeros is fine */

/* Draws lines of text, cut where the screen ends. */
void screen_draw(const char *text);

/* Waits for so long. False: somebody wants to end, by q or a signal. */
bool screen_wait(const struct screen *screen, int64_t ms);

#endif
