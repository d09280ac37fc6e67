/*
 * Content: one regular file, streamed through the chunker into the repository. One buffer for all
 * files; what grows with a file is only the list of its blobs (32 bytes for about 1 MiB).
 *
 * Length    a file is read up to the size it had when it was opened, so that one which grows faster
 *           than it is read comes to an end.
 * Holes     are not read (SEEK_DATA), and not hashed where a chunk lies wholly within one.
 */
#ifndef STAGE_CONTENT_H
#define STAGE_CONTENT_H

#include "core/error.h"
#include "repository/chunker.h"
#include "repository/repository.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { CONTENT_BUFFER_BYTES = 2 * CHUNK_MAX_BYTES };

/* So many bytes more are in the repository. A failure ends the reading. */
typedef enum status content_progress_fn(void *context, uint64_t bytes, struct error *err);

struct content {
    struct repository *repository; /* borrowed */
    content_progress_fn *progress;
    void *context;
    struct chunker chunker;
    unsigned char *bytes; /* CONTENT_BUFFER_BYTES */
    struct blob_id *ids;  /* the file's blobs, until the next one is read */
    size_t count, capacity;
    uint64_t size;  /* bytes read of it */
    bool has_zeros; /* the id of a chunk of zeros is known: */
    struct blob_id zeros;
};

enum status content_init(struct content *content, struct repository *repository,
                         content_progress_fn *progress, void *context, struct error *err)
    MUST_CHECK;
void content_done(struct content *content); /* all zeros is fine */

/* Fills ids, count and size. *ret_lost: why the file could not be read, with status OK if it was.
 * Errors: of the repository and of progress. */
enum status content_read(struct content *content, int fd, const struct stat *info,
                         struct error *ret_lost, struct error *err) MUST_CHECK;

#endif
