/*
 * Upload pool: the threads that read files, and the line of entries that they work on. The walk
 * puts entries in at one end; the pool deals with them in any order, several small ones at a time;
 * at the other end they come out in the order of the walk.
 *
 *   calling thread   walk -> upload_pool_push() .............. upload_pool_next() -> trees
 *   pool             claims files from the line: read, cut, save; a chunk of a large file may be
 *                    offered to the others, so that one file occupies all of them
 *
 * Memory    UPLOAD_LINE_ENTRIES entries; a buffer of one chunk for each thread, and half as many
 *           more. (The repository has a pack for each thread that saves.)
 * Failure   of the repository, or no memory: the first one ends the work; the calling thread is
 *           told. A file that cannot be read is no failure, but stands in its entry.
 * Threads   functions with a struct upload_pool are for the calling thread, those with a struct
 *           upload_thread for that thread.
 */
#ifndef BACKUP_UPLOAD_POOL_H
#define BACKUP_UPLOAD_POOL_H

#include "core/error.h"
#include "files/attributes.h"
#include "repository/chunker.h"
#include "repository/repository.h"
#include "upload_entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UPLOAD_THREADS_MAX = 64,
    UPLOAD_LINE_ENTRIES = 2048,
    CHUNK_BUFFER_BYTES = CHUNK_MAX_BYTES + CHUNK_MIN_BYTES
};

/* A chunk of a file, and what was read behind it. */
struct chunk_buffer {
    struct chunk_buffer *next;
    unsigned char *bytes; /* CHUNK_BUFFER_BYTES */
    size_t len;
    struct upload_entry *entry; /* once it is offered */
    size_t index;               /* the chunk's, in the file */
};

struct upload_pool;

/* What a thread works with. */
struct upload_thread {
    struct upload_pool *pool;
    struct repository *repository;
    const struct chunker *chunker;
    struct attributes attributes;
    struct chunk_buffer *buffer; /* its own; another one after it was offered */
    bool has_zeros;              /* the id of a chunk of zeros is known: */
    struct blob_id zeros;
    bool has_large_zeros; /* and that of one of CHUNK_MAX_BYTES: */
    struct blob_id large_zeros;
    struct patience patience; /* with files that are leased */
    int64_t bytes;            /* not told to the caller yet: */
    uint64_t chunks;
};

/* What the threads do. */
struct upload_tasks {
    /* Reads a file of the line and saves it. */
    enum status (*read)(struct upload_thread *thread, struct upload_entry *entry,
                        struct error *err);
    /* Saves a chunk that another thread has offered: buffer->len bytes of the file
     * buffer->entry. */
    enum status (*save)(struct upload_thread *thread, const struct chunk_buffer *buffer,
                        struct error *err);
};

/* threads: 0 for as many as there are processors. Repository and tasks are borrowed; caller owns
 * *ret_pool: upload_pool_free(). */
enum status upload_pool_new(struct repository *repository, const struct upload_tasks *tasks,
                            size_t threads, struct upload_pool **ret_pool, struct error *err)
    MUST_CHECK;
/* Waits until each thread has finished the chunk that it has in hand; the others are dropped. */
void upload_pool_free(struct upload_pool *pool); /* NULL is a no-op */
DEFINE_CLEANUP(struct upload_pool *, upload_pool_free)

bool upload_pool_is_full(const struct upload_pool *pool);
bool upload_pool_is_empty(const struct upload_pool *pool);
/* Prepares the entry behind the end of the line, which must not be full. */
enum status upload_pool_prepare(struct upload_pool *pool, const struct walk_item *item,
                                struct upload_entry **ret_entry, struct error *err) MUST_CHECK;
/* Puts what was prepared into the line; from here on it is the pool's. */
void upload_pool_push(struct upload_pool *pool);

/* What has happened since the last look. */
struct upload_news {
    size_t ready;    /* entries that upload_pool_next() has */
    int64_t bytes;   /* of files, dealt with */
    uint64_t chunks; /* saved or known */
};

enum { UPLOAD_WAIT_MS = 500 };
/* Publishes what was pushed. wait: if there is nothing new, it waits at most UPLOAD_WAIT_MS. Fails
 * with the first failure of a thread. */
enum status upload_pool_look(struct upload_pool *pool, bool wait, struct upload_news *ret_news,
                             struct error *err) MUST_CHECK;

/* The first entry of the line, which must be ready; it leaves with upload_pool_drop(). */
struct upload_entry *upload_pool_next(struct upload_pool *pool);
void upload_pool_drop(struct upload_pool *pool);

/* Reserves the place of one blob more among the blobs of a file, so many times in a row. */
enum status upload_pool_reserve_id(struct upload_thread *thread, struct upload_entry *entry,
                                   uint64_t times, size_t *ret_index, struct error *err) MUST_CHECK;
/* Sets the id of that blob, with which so many bytes more of the file are dealt with. */
void upload_pool_set_id(struct upload_thread *thread, struct upload_entry *entry, size_t index,
                        const struct blob_id *id, uint64_t bytes);
/* A buffer to go on with, if the thread may offer its own to the others; NULL: it saves the chunk
 * itself. */
struct chunk_buffer *upload_pool_find_buffer(struct upload_thread *thread);
/* Offers the first len bytes of the thread's buffer, which are that chunk, to the others; the
 * thread goes on with next. */
void upload_pool_offer(struct upload_thread *thread, struct upload_entry *entry, size_t index,
                       struct chunk_buffer *next);
/* Has the work ended? */
bool upload_pool_is_stopped(const struct upload_thread *thread);

#endif
