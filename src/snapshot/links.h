/*
 * Links: which hard-linked files have been copied already, and where to.
 *
 * Limits    the memory of one path per file whose other names are still to come
 */
#ifndef SNAPSHOT_LINKS_H
#define SNAPSHOT_LINKS_H

#include "core/error.h"

#include <stddef.h>
#include <sys/stat.h>

struct link;

struct links {
    struct link **buckets;
    size_t bucket_count, count;
};

void links_done(struct links *links); /* all zeros is fine */

/* The path under which this file was added, or NULL. Borrowed until the next call. */
const char *links_find(const struct links *links, const struct stat *info);

/* The file has its first copy, at this path ("<directory>/<name>"). */
enum status links_add(struct links *links, const struct stat *info, const char *directory,
                      const char *name, struct error *err) MUST_CHECK;

/* One more of its names has been seen; after the last the file is forgotten. */
void links_count(struct links *links, const struct stat *info);

#endif
