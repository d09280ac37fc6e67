/*
 * Excludes: which entries of a volume a backup leaves out. An excluded directory is left out with
 * all that is below it. This is what `exclude:` of an app's file means.
 *
 * Pattern   *.tmp           no '/': matches the name of an entry, at any depth
 *           cache/pages     a '/' inside: matches the end of an entry's path, at any depth
 *           /var/cache      a leading '/': matches the whole path, seen from the root of a volume
 *                           (<volume>/var/cache) or of the host (/var/cache)
 *           build/          a trailing '/': only directories
 * Wildcards * ? [a-z] [!a-z] match within one name, as in fnmatch(3); a leading '.' is nothing
 *           special; '\' takes the next character as it is. ** as a whole component matches any
 *           number of directories, also none: src/ ** /node_modules (written without the spaces).
 * Bytes     names are compared as bytes; upper and lower case differ.
 * Limits    EXCLUDE_PATTERNS_MAX patterns of at most EXCLUDE_PATTERN_MAX bytes
 * Errors    INVALID: empty, too long, too many, an empty, "." or ".." component, or a leading '!'
 *           (there is no negation: a file whose name begins so is written "\!")
 */
#ifndef FILES_EXCLUDE_H
#define FILES_EXCLUDE_H

#include "core/cleanup.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXCLUDE_PATTERNS_MAX = 1024, EXCLUDE_PATTERN_MAX = 1024 };

struct exclude;

/* patterns: NULL-terminated, or NULL for none; copied. Caller owns *ret_exclude. */
enum status exclude_new(const char *const *patterns, struct exclude **ret_exclude,
                        struct error *err) MUST_CHECK;
void exclude_free(struct exclude *exclude); /* NULL is a no-op */
DEFINE_CLEANUP(struct exclude *, exclude_free)

/* path: absolute, of an entry below the volume; volume_len: how much of it is the volume's own
 * path, without the '/' behind it. */
bool exclude_matches(const struct exclude *exclude, const char *path, size_t volume_len,
                     bool is_directory);

#endif
