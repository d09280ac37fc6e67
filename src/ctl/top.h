/* Top: what there is to say of running jobs from two looks at the queue. */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "core/error.h"

#include <jansson.h>

#include <stdio.h>

/* queue, before: as the store tells it (report of the queue). Each running job of `queue` gets a
 * "rate" in bytes per second and "left_ms"; -1 as long as they are not known. before: NULL for the
 * first look; its rates smooth the new ones. */
enum status top_measure(json_t *queue, const json_t *before, struct error *err) MUST_CHECK;

/* Prints a line of totals, the jobs, and what is paused. */
enum status top_print(json_t *queue, FILE *out, struct error *err) MUST_CHECK;

#endif
