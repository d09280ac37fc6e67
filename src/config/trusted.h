/* Trusted files decide what runs with our rights. They are opened once, and checked by their
 * descriptor. */
#ifndef CONFIG_TRUSTED_H
#define CONFIG_TRUSTED_H

#include "core/error.h"

#include <sys/types.h>

/* Opens what has this name in the directory, where symbolic links are refused; with AT_FDCWD the
 * name is a path that an admin chose. It must be of the type, S_IFREG or S_IFDIR, be owned by root
 * or by us, and be writable by nobody else. path: what errors call it. Errors: FORBIDDEN, INVALID,
 * and what open(2) gives. */
enum status trusted_open(int directory, const char *name, mode_t type, const char *path,
                         int *ret_fd, struct error *err) MUST_CHECK;

#endif
