/*
 * Content: a regular file, read and cut into chunks, into the repository. What grows with a file is
 * only the list of its blobs (32 bytes for about 1 MiB).
 *
 * Small     a small file is one chunk: one read, one blob.
 * Length    a file is read up to the size it had when it was opened, so that one which grows faster
 *           than it is read comes to an end.
 * Holes     are not read (SEEK_DATA), and not hashed where a chunk lies wholly within one.
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
