/* Paths: which directory lies in which. Names only, nothing is opened. */
#ifndef CORE_PATH_H
#define CORE_PATH_H

#include "core/error.h"

#include <stdbool.h>

/* Is the path the directory, or below it? The text of both decides; neither ends with '/' unless it
 * is "/", below which is every other absolute path. */
bool path_is_below(const char *path, const char *directory);
/* Is the path below the directory, and not the directory itself? */
bool path_is_inside(const char *path, const char *directory);

/* An absolute path, with the symbolic links resolved in as much of it as is there and may be looked
 * at; the rest stays as it is. NULL only without memory. Caller frees. */
char *path_resolve(const char *path);

/* Does either of two absolute paths lie in the other, once both are resolved, be it over a
 * directory that is mounted a second time? Errors: INVALID: "'/a/b' lies in '/a'", which shows them
 * resolved. */
enum status path_check_apart(const char *one, const char *other, struct error *err) MUST_CHECK;

#endif
