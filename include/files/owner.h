/*
 * Owners: names of users and groups by number, each looked up once and remembered, so that a walk
 * of a million files does not ask NSS a million times.
 *
 * Limits    OWNER_CACHE_SIZE users and as many groups; a number that shares its slot with another is
 *           looked up anew.
 */
#ifndef FILES_OWNER_H
#define FILES_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { OWNER_CACHE_SIZE = 64, OWNER_NAME_SIZE = 257 };

struct owner_entry {
    bool used;
    uint32_t id;
    char name[OWNER_NAME_SIZE]; /* "": there is no such name */
};

/* All zeros is an empty one. */
struct owner_cache {
    struct owner_entry users[OWNER_CACHE_SIZE];
    struct owner_entry groups[OWNER_CACHE_SIZE];
};

/* NULL: no such name. Valid until the next call. */
const char *owner_user(struct owner_cache *cache, uid_t id);
const char *owner_group(struct owner_cache *cache, gid_t id);

#endif
