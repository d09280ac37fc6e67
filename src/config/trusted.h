/* Files that decide what runs with our rights: opened once, checked on the descriptor. */
#ifndef CONFIG_TRUSTED_H
#define CONFIG_TRUSTED_H

#include "core/error.h"

#include <sys/types.h>

/* name in the directory, where symbolic links are refused, or with AT_FDCWD a path that an admin
 * chose; of the type S_IFREG or S_IFDIR, owned by root or by us, writable by nobody else. path is
 * for the errors: FORBIDDEN, INVALID, what open(2) gives. */
enum status trusted_open(int directory, const char *name, mode_t type, const char *path,
                         int *ret_fd, struct error *err) MUST_CHECK;

#endif
