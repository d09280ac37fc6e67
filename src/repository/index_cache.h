/*
 * Index cache: copies of a far repository's index files in a directory of this host, so that each
 * is fetched once.
 *
 * Shapes    <directory>/<repository id>/index/<id>, the bytes as they are in the bucket, sealed;
 *           ".<id>.<digits>" while one is being written. Modes 0700 and 0600.
 * Trust     none: whoever reads compares the bytes with the hash that is their name. What is
 *           damaged is forgotten and fetched again.
 * Bounded   what the repository does not list any more is removed when its index is loaded, and
 *           with it what belongs to repositories that nobody has opened for 30 days.
 * Errors    none: a cache that cannot be read or written is one that holds nothing.
 * Sharing   by any number of processes, each of which may be killed; the directory may be deleted
 *           at any time.
 * Threads   any
 */
#ifndef REPOSITORY_INDEX_CACHE_H
#define REPOSITORY_INDEX_CACHE_H

#include "bucket/object_store.h"
#include "core/buffer.h"
#include "repository/repository.h"

#include <stdbool.h>
#include <stddef.h>

struct index_cache {
    int directory; /* of the copies; -1: none are kept */
};

/* Makes what is missing of the directories. */
void index_cache_open(struct index_cache *cache, const char *directory, const char *repository_id);
void index_cache_close(struct index_cache *cache);

/* Replaces the buffer's contents. False: not there. */
bool index_cache_get(const struct index_cache *cache, const char *id, struct buffer *stored);
void index_cache_put(const struct index_cache *cache, const char *id,
                     const struct object_part *parts, size_t count);
void index_cache_forget(const struct index_cache *cache, const char *id);

/* Removes all but these, which are sorted. */
void index_cache_keep(const struct index_cache *cache, const char (*ids)[BLOB_ID_TEXT_SIZE],
                      size_t count);

#endif
