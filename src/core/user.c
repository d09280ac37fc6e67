#include "core/user.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

enum { ENTRY_BYTES = 16 * 1024, ENTRY_BYTES_MAX = 1024 * 1024, GROUPS_GUESS = 32 };

/* By name, or by number if name is NULL; 0, or an errno. *ret_found is NULL if there is none. */
static int look_up(const char *name, struct passwd *entry, char *bytes, size_t size,
                   struct passwd **ret_found)
{
    int error_number;
    do {
        error_number = name == NULL ? getpwuid_r(geteuid(), entry, bytes, size, ret_found)
                                    : getpwnam_r(name, entry, bytes, size, ret_found);
    } while (error_number == EINTR);
    /* getpwnam(3): these mean "no such user" as well, depending on the database. */
    if (error_number == ENOENT || error_number == ESRCH || error_number == EPERM)
        return 0;
    return error_number;
}

static enum status set_user(const struct passwd *entry, struct user *ret_user, struct error *err)
{
    size_t name_len = strlen(entry->pw_name);
    size_t home_len = strlen(entry->pw_dir);
    if (name_len >= sizeof(ret_user->name) || home_len >= sizeof(ret_user->home))
        return FAIL(err, STATUS_TOO_LARGE, "user %u: its name or home", (unsigned)entry->pw_uid);
    ret_user->uid = entry->pw_uid;
    ret_user->gid = entry->pw_gid;
    memcpy(ret_user->name, entry->pw_name, name_len + 1);
    memcpy(ret_user->home, entry->pw_dir, home_len + 1);
    return STATUS_OK;
}

static enum status set_nameless(struct user *ret_user)
{
    ret_user->uid = geteuid();
    ret_user->gid = getegid();
    (void)snprintf(ret_user->name, sizeof(ret_user->name), "%u", (unsigned)ret_user->uid);
    (void)snprintf(ret_user->home, sizeof(ret_user->home), "/");
    return STATUS_OK;
}

enum status user_find(const char *name, struct user *ret_user, struct error *err)
{
    for (size_t size = ENTRY_BYTES; size <= ENTRY_BYTES_MAX; size *= 2) {
        CLEANUP(freep) char *bytes = malloc(size);
        if (bytes == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "look up a user");
        struct passwd entry, *found = NULL;
        int error_number = look_up(name, &entry, bytes, size, &found);
        if (error_number == ERANGE)
            continue;
        if (error_number != 0) {
            errno = error_number;
            return FAIL_ERRNO(err, "user '%s'", name == NULL ? "" : name);
        }
        if (found != NULL)
            return set_user(found, ret_user, err);
        if (name == NULL)
            return set_nameless(ret_user);
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_UNKNOWN_USER, "there is no user '%s'",
                           name);
    }
    return FAIL(err, STATUS_TOO_LARGE, "the entry of user '%s'", name == NULL ? "" : name);
}

enum status user_groups(const struct user *user, gid_t **ret_groups, size_t *ret_count,
                        struct error *err)
{
    int count = GROUPS_GUESS, found = -1;
    CLEANUP(free_any) gid_t *groups = NULL;
    for (int tries = 0; tries < 4 && found < 0; tries++) { /* it may grow between two calls */
        free(groups);
        groups = calloc((size_t)count, sizeof(*groups));
        if (groups == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "groups of user '%s'", user->name);
        found = getgrouplist(user->name, user->gid, groups, &count);
    }
    if (found < 0)
        return FAIL(err, STATUS_UNAVAILABLE, "groups of user '%s' keep changing", user->name);
    *ret_count = (size_t)found;
    *ret_groups = STEAL(groups);
    return STATUS_OK;
}
