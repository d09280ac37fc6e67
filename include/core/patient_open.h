/*
 * Patient open: waits for a file that somebody holds a lease of. File servers do, and let go within
 * milliseconds once another process opens the file; the kernel takes the lease away from one that
 * does not, after /proc/sys/fs/lease-break-time. An open with O_NONBLOCK, which a fifo or a device
 * calls for, does not wait, but sets all that going: it is tried again until the file can be had.
 *
 * Limits    a time for one file, and one for all that are opened with the same patience: whoever
 *           holds leases of many files holds nobody for longer than that
 * Source    fcntl(2), F_SETLEASE
 */
#ifndef CORE_PATIENT_OPEN_H
#define CORE_PATIENT_OPEN_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    int64_t file_ms;                /* the longest wait for one file */
    int64_t left_ms;                /* for all that are still to come */
    bool (*is_over)(void *context); /* asked while it waits: true ends the wait; NULL: never */
    void *context;
};

/* What openat(2) returns. EWOULDBLOCK: there still is a lease. */
int patient_openat(int directory, const char *name, int flags, struct patience *patience);

/* How long the kernel lets a lease stand that somebody waits for, and a second more. */
int64_t patient_open_lease_ms(void);

#endif
