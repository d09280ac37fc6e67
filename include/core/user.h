/*
 * User: an account of this machine. It is looked up before it is needed, since no look-up is safe
 * between fork and exec.
 *
 * Errors    NOT_FOUND: no such user; UNAVAILABLE: the user database does not answer
 * Source    getpwnam(3), getgrouplist(3)
 */
#ifndef CORE_USER_H
#define CORE_USER_H

#include "core/cleanup.h"
#include "core/error.h"

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

enum { USER_NAME_SIZE = 257 };

struct user {
    uid_t uid;
    gid_t gid;
    char name[USER_NAME_SIZE];
    char home[PATH_MAX];
};

/* NULL: who we are; that one is found even if the machine has no name for it (a container). */
enum status user_find(const char *name, struct user *ret_user, struct error *err) MUST_CHECK;

/* All groups of the user, the primary one among them. Caller frees *ret_groups. */
enum status user_groups(const struct user *user, gid_t **ret_groups, size_t *ret_count,
                        struct error *err) MUST_CHECK;

#endif
