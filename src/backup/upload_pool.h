/*
 * Crew: the threads that read files, and the line of entries that they work on. The walk puts
 * entries in at one end; the crew deals with them in any order, several small ones at a time; at
 * the other end they come out in the order of the walk.
 *
 *   calling thread   walk -> crew_push() ........................ crew_next() -> trees
 *   crew             claims files from the line: read, cut, save; a chunk of a large file may be
 *                    offered to the others, so that one file occupies all of them
 *
 * Memory    CREW_LINE_ENTRIES entries; a slab of one chunk for each thread, and half as many more.
 *           (The repository has a pack for each thread that saves.)
 * Failure   of the repository, or no memory: the first one ends the work; the calling thread is
 *           told. A file that cannot be read is no failure, but stands in its entry.
 * Threads   functions with a crew: the calling thread. With a hand: the thread of that hand.
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
    CREW_THREADS_MAX = 64,
    CREW_LINE_ENTRIES = 2048,
    SLAB_BYTES = CHUNK_MAX_BYTES + CHUNK_MIN_BYTES
};

/* A chunk of a file, and what was read behind it. */
struct slab {
    struct slab *next;
    unsigned char *bytes; /* SLAB_BYTES */
    size_t len;
    struct errand *errand; /* once it is offered */
    size_t index;          /* the chunk's, in the file */
};

struct crew;

/* What a thread works with. */
struct hand {
    struct crew *crew;
    struct repository *repository;
    const struct chunker *chunker;
    struct attributes attributes;
    struct slab *slab; /* its own; another one after it was offered */
    bool has_zeros;    /* the id of a chunk of zeros is known: */
    struct blob_id zeros;
    int64_t bytes; /* not told to the caller yet: */
    uint64_t chunks;
};

/* What the threads do. */
struct crew_tasks {
    /* With a whole file of the line. */
    enum status (*read)(struct hand *hand, struct errand *errand, struct error *err);
    /* With a chunk that another thread has offered: slab->len bytes of the file slab->errand. */
    enum status (*save)(struct hand *hand, const struct slab *slab, struct error *err);
};

/* threads: 0 for as many as there are processors. Repository and tasks are borrowed; caller owns
 * *ret_crew: crew_free(). */
enum status crew_new(struct repository *repository, const struct crew_tasks *tasks, size_t threads,
                     struct crew **ret_crew, struct error *err) MUST_CHECK;
/* Waits until each thread has finished the chunk that it has in hand; the others are dropped. */
void crew_free(struct crew *crew); /* NULL is a no-op */
DEFINE_CLEANUP(struct crew *, crew_free)

/* At the end of the line, if it is not full. */
bool crew_is_full(const struct crew *crew);
bool crew_is_empty(const struct crew *crew);
enum status crew_prepare(struct crew *crew, const struct walk_item *item,
                         struct errand **ret_errand, struct error *err) MUST_CHECK;
/* What was prepared; from here on it is the crew's. */
void crew_push(struct crew *crew);

/* What has happened since the last time. */
struct crew_news {
    size_t ready;    /* entries that crew_next() has */
    int64_t bytes;   /* of files, dealt with */
    uint64_t chunks; /* saved or known */
};

/* wait: for at most CREW_WAIT_MS, if there is nothing new. */
enum { CREW_WAIT_MS = 500 };
enum status crew_look(struct crew *crew, bool wait, struct crew_news *ret_news, struct error *err)
    MUST_CHECK;

/* The first in the line, which is one that is ready; it leaves with crew_drop(). */
struct errand *crew_next(struct crew *crew);
void crew_drop(struct crew *crew);

/* For the threads: the place of one blob more among the file's ones. */
enum status crew_reserve_id(struct hand *hand, struct errand *errand, size_t *ret_index,
                            struct error *err) MUST_CHECK;
/* Its id, and so many bytes more of the file are dealt with. */
void crew_set_id(struct hand *hand, struct errand *errand, size_t index, const struct blob_id *id,
                 uint64_t bytes);
/* A slab to go on with, if the one at hand may be offered; NULL: do it yourself. */
struct slab *crew_find_slab(struct hand *hand);
/* The first len bytes of the hand's slab are that chunk; the hand goes on with next. */
void crew_offer(struct hand *hand, struct errand *errand, size_t index, struct slab *next);
/* Has the work ended? */
bool crew_is_stopped(const struct hand *hand);

#endif
