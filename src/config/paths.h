/* Paths of the configuration. */
#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H

#include <stdbool.h>

/* The path without doubled, trailing and "." parts. NULL: it is not absolute, or has ".." in it
 * (errno EINVAL), or there is no memory (ENOMEM). Caller frees. */
char *path_clean(const char *path);

/* A path as the configuration file has it. It begins at that file's directory unless it is
 * absolute; "credential:NAME" is a file that systemd has given us (LoadCredential=), or what it
 * would have read for that, where we were not started by it. NULL only without memory. Caller
 * frees. */
char *path_from(const char *file, const char *path);

/* Does it say "credential:NAME"? */
bool path_is_credential(const char *path);

#endif
