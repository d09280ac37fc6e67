/*
 * Loop device: a real file system of its own for one test, in a sparse file. It is unmounted and
 * gone at the end, also when the test dies (see scratch.h). As root.
 */
#ifndef TESTS_SUPPORT_LOOP_DEVICE_H
#define TESTS_SUPPORT_LOOP_DEVICE_H

#include "tests/support/scratch.h"

enum loop_device_kind { LOOP_DEVICE_BTRFS, LOOP_DEVICE_XFS, LOOP_DEVICE_EXT4 };

struct loop_device {
    struct scratch scratch; /* holds the file and the mount point */
    char path[96];          /* where it is mounted; mode 0755 */
};

/* 512 MiB, XFS with reflink=1. Ends the test if it cannot. */
void loop_device_open(struct loop_device *device, enum loop_device_kind kind);
/* Returns when the kernel's coarse clock is past this moment: what happens to a file from then on gives
 * it times that none has yet. Since Linux 6.13 a file's times may be finer than that clock, and ahead of
 * it, so that one tick of it is not enough. A matter of milliseconds. */
void loop_device_wait_for_tick(void);

void loop_device_close(struct loop_device *device);

#endif
