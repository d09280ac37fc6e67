/*
 * Progress: how a backup goes on, for who waits. On a terminal a bar that is redrawn in place,
 * elsewhere a line whenever the state, the stage, the reason or the percentage has changed.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include "model/backup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PROGRESS_LINE_SIZE = 512, PROGRESS_STAGE_SIZE = 32, PROGRESS_REASON_SIZE = 128 };

struct progress_sample {
    enum backup_state state;
    char stage[PROGRESS_STAGE_SIZE];   /* "" unknown */
    char reason[PROGRESS_REASON_SIZE]; /* what it waits for; "" nothing */
    int64_t percent;
    int64_t bytes_done, bytes_total; /* -1 unknown */
    int64_t rate;                    /* bytes per second; 0 unknown */
};

struct progress {
    FILE *out;
    bool terminal;
    bool color;
    bool drawn; /* a bar stands in the current line */
    char last[PROGRESS_LINE_SIZE];
    int64_t rate_ms, rate_bytes; /* where the rate was measured last */
    double rate;
};

/* Looks at out, NO_COLOR and TERM. */
void progress_init(struct progress *progress, FILE *out);

/* now_ms: monotonic. Sets sample->rate. */
void progress_update(struct progress *progress, struct progress_sample *sample, int64_t now_ms);

/* Ends the bar's line, so that other output can follow. */
void progress_end(struct progress *progress);

/* The line without control characters; at most `width` columns. */
void progress_render_bar(const struct progress_sample *sample, size_t width,
                         char line[PROGRESS_LINE_SIZE]);
void progress_render_line(const struct progress_sample *sample, char line[PROGRESS_LINE_SIZE]);

#endif
