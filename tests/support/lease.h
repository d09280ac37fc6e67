/* Lease: a process that holds a write lease of a file, as file servers do (fcntl(2), F_SETLEASE). */
#ifndef TESTS_SUPPORT_LEASE_H
#define TESTS_SUPPORT_LEASE_H

#include <stdbool.h>
#include <sys/types.h>

/* Returns when it has the lease. lets_go: once somebody else opens the file. */
pid_t lease_hold(const char *path, bool lets_go);
void lease_end(pid_t holder);

#endif
