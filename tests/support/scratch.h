/*
 * Scratch: a temporary directory of one test, removed with all that is in it. If the test dies, a
 * watcher removes it (and unmounts what is mounted below it) all the same.
 */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <limits.h>
#include <stddef.h>

struct scratch {
    char path[64];
    int watcher_fd; /* the watcher waits for its end */
    int watcher_pid;
};

/* Mode 0755, so that other users can be let in. Ends the test if it cannot. */
void scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);

/* "<scratch>/<name>", in one of a few static buffers: for immediate use. */
const char *scratch_path(const struct scratch *scratch, const char *name);

/* Writes a file below it; the mode is set whatever the umask is. */
void scratch_write(const struct scratch *scratch, const char *name, const char *text, int mode);

/* Its contents, cut to size - 1 bytes; "" if there is no such file. */
void scratch_read(const struct scratch *scratch, const char *name, char *text, size_t size);

/* Runs a shell command in the directory; ends the test if it fails. "change_byte FILE OFFSET" in it
 * damages a file: what is written over it by hand may be what is there. */
void scratch_shell(const struct scratch *scratch, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/* Like scratch_shell(), but gives its output, without the last newline. Caller frees. */
char *scratch_output(const struct scratch *scratch, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

#endif
