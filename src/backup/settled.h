/*
 * Settled: can a file whose times are those that an earlier backup has seen have another content
 * than that backup has read? It can, if it was changed so lately before it was read, or while it
 * was, that a later change did not show in its times:
 *
 *   tick      the kernel takes times from a clock that moves every few milliseconds
 *   coarse    some file systems keep whole seconds (ext4 with small inodes), or every other (FAT)
 *   mapped    a program that writes to a mapped file gives it new times once, and then not again
 *             until the kernel has written the pages out; on tmpfs never again
 *
 * Such a file is read again, once: the backup that does so begins later. It costs reading what was
 * changed in the minute before the earlier backup, and during it.
 *
 * Source    Documentation/admin-guide/sysctl/vm.rst: dirty_expire_centisecs,
 *           dirty_writeback_centisecs
 */
#ifndef BACKUP_SETTLED_H
#define BACKUP_SETTLED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* How long a write to a mapped file below this directory may go unseen; INT64_MAX: for ever. */
int64_t settled_unseen_ms(int directory);

struct settled {
    struct timespec began; /* the earlier backup */
    struct timespec now;   /* times that are still to come were set by hand, and say nothing */
    int64_t unseen_ms;
};

bool settled_is(const struct settled *settled, const struct stat *info);

#endif
