/*
 * Time: the wall clock says when, the monotonic clock says how long. Both in milliseconds; a name
 * that ends in _ms is one of them, and its header says which.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = sizeof("0000-00-00T00:00:00Z"), CLOCK_DURATION_SIZE = 32 };

int64_t clock_wall_ms(void); /* since the epoch, UTC */
int64_t clock_mono_ms(void); /* since some fixed point; does not jump */
int64_t clock_mono_us(void); /* the monotonic clock in microseconds */

/* RFC 3339 in UTC with whole seconds, the form that the API's clients parse. */
void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* How long, in the unit that a person would take: "12 s", "3 min", "5 h", "9 d"; below 0: "0 s". */
void clock_describe(int64_t ms, char text[CLOCK_DURATION_SIZE]);

/* Milliseconds until a monotonic deadline, never below 0, at most INT_MAX: fit for poll(2). */
int clock_left_ms(int64_t deadline_mono_ms);

#endif
