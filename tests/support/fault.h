/*
 * Fault injection: a test program linked with WRAP symbol... puts __wrap_symbol() in front of a
 * function and asks here whether this call is the one that has to fail.
 *
 *   fault_arm("fsync", 2, ENOSPC);     the second fsync() from now on fails, once
 *   int __wrap_fsync(int fd) { return fault_hits("fsync") ? -1 : __real_fsync(fd); }
 */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include <stdbool.h>

void fault_arm(const char *name, int nth, int error_number);
void fault_disarm(void);

/* Counts the call; true, with errno set, if it is the armed one. */
bool fault_hits(const char *name);

#endif
