/*
 * Points in time as restic writes them: RFC 3339, up to nine digits of fraction, in the local zone
 * of the process, so that trees come out the same as restic's on the same machine.
 */
#ifndef REPOSITORY_TIMESTAMP_H
#define REPOSITORY_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { TIMESTAMP_MAX = 40 };

/* Returns the end of what it wrote, at most TIMESTAMP_MAX characters; no quotation marks, no NUL.
 * Years are kept within 0000 to 9999. */
char *timestamp_write(char *to, struct timespec time);

bool timestamp_read(const char *text, size_t len, struct timespec *ret_time);

#endif
