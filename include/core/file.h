/*
 * Files: whole reads with a limit, replacement that survives a crash, paths that cannot be swapped.
 *
 * Durable   means: data synced, renamed into place, directory synced (rename(2), fsync(2)).
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "core/buffer.h"
#include "core/error.h"

#include <stddef.h>
#include <sys/types.h>

#define FILE_GROUP_KEPT ((gid_t)-1) /* the one that the system gives it */

/* Up to max bytes from fd to its end. Errors: TOO_LARGE when there are more. */
enum status file_read_all(int fd, void *bytes, size_t max, size_t *ret_len, struct error *err)
    MUST_CHECK;

/* The whole file, appended to the buffer, whose limit holds. Symbolic links are not followed. On
 * failure the buffer's contents stay as they were. */
enum status file_read(const char *path, struct buffer *buffer, struct error *err) MUST_CHECK;

/* All bytes, or an error: continues after a short write or a signal. */
enum status file_write_all(int fd, const void *bytes, size_t len, struct error *err) MUST_CHECK;

/* Durably gives path these contents, or leaves it as it was. The temporary is "<path>.tmp". */
enum status file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                         struct error *err) MUST_CHECK;

/* Replaces a file that others may read: group is its group, or FILE_GROUP_KEPT. */
enum status file_replace_in_group(const char *path, const void *bytes, size_t len, mode_t mode,
                                  gid_t group, struct error *err) MUST_CHECK;

/* Durably removes; that it does not exist is success. */
enum status file_remove(const char *path, struct error *err) MUST_CHECK;

/* Directories along the path that do not exist are made with this mode. */
enum status file_make_directories(const char *path, mode_t mode, struct error *err) MUST_CHECK;

enum status file_sync_directory_of(const char *path, struct error *err) MUST_CHECK;

#endif
