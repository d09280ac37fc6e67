#include "files/owner.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

enum { LOOKUP_BYTES = 16 * 1024 }; /* a group with very many members has no name for us */

static void remember(struct owner_entry *entry, uint32_t id, const char *name)
{
    size_t len = name == NULL ? 0 : strlen(name);
    *entry = (struct owner_entry){.used = true, .id = id};
    if (len < sizeof(entry->name))
        memcpy(entry->name, name == NULL ? "" : name, len + 1);
}

static const char *name_of(const struct owner_entry *entry)
{
    return entry->name[0] == '\0' ? NULL : entry->name;
}

const char *owner_user(struct owner_cache *cache, uid_t id)
{
    struct owner_entry *entry = &cache->users[id % OWNER_CACHE_SIZE];
    if (!entry->used || entry->id != id) {
        char bytes[LOOKUP_BYTES];
        struct passwd record;
        struct passwd *found = NULL;
        (void)getpwuid_r(id, &record, bytes, sizeof(bytes), &found);
        remember(entry, id, found == NULL ? NULL : found->pw_name);
    }
    return name_of(entry);
}

const char *owner_group(struct owner_cache *cache, gid_t id)
{
    struct owner_entry *entry = &cache->groups[id % OWNER_CACHE_SIZE];
    if (!entry->used || entry->id != id) {
        char bytes[LOOKUP_BYTES];
        struct group record;
        struct group *found = NULL;
        (void)getgrgid_r(id, &record, bytes, sizeof(bytes), &found);
        remember(entry, id, found == NULL ? NULL : found->gr_name);
    }
    return name_of(entry);
}
