/*
 * Object cache: copies of a far repository's index and snapshot files in a directory of this host,
 * so that each is fetched once. Other folders have no copies: to get is to miss, to put is nothing.
 *
 * Shapes    <directory>/<repository id>/<folder>/<id>, the bytes as they are in the bucket, sealed;
 *           ".<id>.<digits>" while one is being written. Modes 0700 and 0600.
 * Trust     none: whoever reads compares the bytes with the hash that is their name. What is
 *           damaged is forgotten and fetched again.
 * Bounded   what the repository does not list any more is removed when the folder is read whole,
 *           and with it what belongs to repositories that nobody has opened for 30 days.
 * Errors    none: a cache that cannot be read or written is one that holds nothing.
 * Sharing   by any number of processes, each of which may be killed; the directory may be deleted
 *           at any time.
 * Threads   any
 */
#ifndef REPOSITORY_OBJECT_CACHE_H
#define REPOSITORY_OBJECT_CACHE_H

#include "bucket/object_store.h"
#include "core/buffer.h"
#include "object_names.h"

#include <stdbool.h>
#include <stddef.h>

enum { OBJECT_CACHE_FOLDERS = 2 };

struct object_cache {
    int folders[OBJECT_CACHE_FOLDERS]; /* directories of the copies; -1: none are kept */
};

/* Makes a cache that has no copies and takes none. */
void object_cache_init(struct object_cache *cache);
/* Copies are kept from here on, in directories that are made if need be. */
void object_cache_open(struct object_cache *cache, const char *directory,
                       const char *repository_id);
/* No copies are read or kept from here on. */
void object_cache_close(struct object_cache *cache);

/* Replaces the buffer's contents. False: not there. */
bool object_cache_get(const struct object_cache *cache, const char *folder, const char *id,
                      struct buffer *stored);
void object_cache_put(const struct object_cache *cache, const char *folder, const char *id,
                      const struct object_part *parts, size_t count);
void object_cache_forget(const struct object_cache *cache, const char *folder, const char *id);

/* Removes all but these from the folder. */
void object_cache_keep(const struct object_cache *cache, const char *folder,
                       const struct id_list *ids);

#endif
