#include "links.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 256 };

struct link {
    struct link *next;
    dev_t device;
    ino_t inode;
    nlink_t names_left;
    char path[];
};

static size_t bucket_of(size_t bucket_count, dev_t device, ino_t inode)
{
    uint64_t mixed = ((uint64_t)inode ^ ((uint64_t)device << 40)) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (bucket_count - 1); /* the count is a power of 2 */
}

/* The pointer that points to the file's link, or to the NULL where it belongs. */
static struct link **slot_of(const struct links *links, const struct stat *info)
{
    struct link **slot =
        &links->buckets[bucket_of(links->bucket_count, info->st_dev, info->st_ino)];
    while (*slot != NULL && ((*slot)->inode != info->st_ino || (*slot)->device != info->st_dev))
        slot = &(*slot)->next;
    return slot;
}

static enum status grow(struct links *links, struct error *err)
{
    size_t bucket_count = links->bucket_count == 0 ? FIRST_BUCKETS : links->bucket_count * 2;
    struct link **buckets = calloc(bucket_count, sizeof(struct link *));
    if (buckets == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a table of %zu hard links", bucket_count);
    for (size_t i = 0; i < links->bucket_count; i++) {
        while (links->buckets[i] != NULL) {
            struct link *link = links->buckets[i];
            links->buckets[i] = link->next;
            size_t bucket = bucket_of(bucket_count, link->device, link->inode);
            link->next = buckets[bucket];
            buckets[bucket] = link;
        }
    }
    free(links->buckets);
    links->buckets = buckets;
    links->bucket_count = bucket_count;
    return STATUS_OK;
}

const char *links_find(const struct links *links, const struct stat *info)
{
    if (links->count == 0)
        return NULL;
    const struct link *link = *slot_of(links, info);
    return link == NULL ? NULL : link->path;
}

enum status links_add(struct links *links, const struct stat *info, const char *directory,
                      const char *name, struct error *err)
{
    if (links->count >= links->bucket_count && grow(links, err) != STATUS_OK)
        return error_status(err);
    size_t size = strlen(directory) + 1 + strlen(name) + 1;
    struct link *link = malloc(sizeof(*link) + size);
    if (link == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a hard link");
    *link = (struct link){
        .device = info->st_dev, .inode = info->st_ino, .names_left = info->st_nlink - 1};
    (void)snprintf(link->path, size, "%s/%s", directory, name);
    *slot_of(links, info) = link;
    links->count++;
    return STATUS_OK;
}

void links_count(struct links *links, const struct stat *info)
{
    struct link **slot = slot_of(links, info);
    struct link *link = *slot;
    if (link == NULL || --link->names_left > 0)
        return;
    *slot = link->next;
    free(link);
    links->count--;
}

void links_done(struct links *links)
{
    for (size_t i = 0; i < links->bucket_count; i++) {
        while (links->buckets[i] != NULL) {
            struct link *link = links->buckets[i];
            links->buckets[i] = link->next;
            free(link);
        }
    }
    free(links->buckets);
    *links = (struct links){.buckets = NULL};
}
