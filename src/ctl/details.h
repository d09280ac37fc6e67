/* Details: the lines of one record that all kinds of records have. */
#ifndef CTL_DETAILS_H
#define CTL_DETAILS_H

#include <jansson.h>

#include <stdint.h>
#include <stdio.h>

/* "created     2026-01-31T12:00:00Z (3 m ago)"; nothing for a time that is not known. */
void details_print_time(const char *label, int64_t wall_ms);

/* Each entry of an array like stateDetails: its title and its text. */
void details_print(FILE *out, const char *label, const json_t *details);

/* Each text of an array. */
void details_print_texts(const char *label, const json_t *texts);

#endif
