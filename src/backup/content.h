/*
 * Content: a regular file, read and cut into chunks, into the repository. What grows with a file is
 * only the list of its blobs (32 bytes for about 1 MiB).
 *
 * Small     a small file is one chunk: one read, one blob.
 * Length    a file is read up to the size it had when it was opened, so that one which grows faster
 *           than it is read comes to an end. One whose size says 0 is read to its end, if that is
 *           within 1 GiB.
 * Holes     are not read (SEEK_DATA) on the file systems that are known to tell the truth, and not
 *           hashed where a chunk lies wholly within one; they cost neither time nor memory. Elsewhere
 *           all is read.
 * Leases    a file that somebody holds a lease of is waited for (core/patient_open.h).
 * Limits    UPLOAD_ENTRY_BYTES_MAX, UPLOAD_ENTRY_CHUNKS_MAX: what is larger is not in the backup
 * Threads   both tasks run in the thread that they are given.
 */
#ifndef BACKUP_CONTENT_H
#define BACKUP_CONTENT_H

#include "upload_pool.h"

/* The tasks open, read and save a file and read its extended attributes. All that is found out
 * about it, also that it cannot be read, stands in the entry. Errors: those of the repository;
 * NO_MEMORY. */
extern const struct upload_tasks content_tasks;

#endif
