#include "key_ring.h"

#include "core/id.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

struct entry {
    char bucket[ID_SIZE], app[ID_SIZE];
    struct work_key key;
};

struct key_ring {
    struct entry entries[KEY_RING_MAX];
    size_t next; /* the oldest */
};

enum status key_ring_new(struct key_ring **ret_ring, struct error *err)
{
    int protection = PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    /* cppcheck-suppress invalidFunctionArg; no file is meant */
    struct key_ring *ring = mmap(NULL, sizeof(*ring), protection, flags, -1, 0);
    if (ring == MAP_FAILED)
        return FAIL(err, STATUS_NO_MEMORY, "a ring of %d keys", KEY_RING_MAX);
    if (madvise(ring, sizeof(*ring), MADV_DONTDUMP) != 0 ||
        madvise(ring, sizeof(*ring), MADV_WIPEONFORK) != 0) {
        (void)FAIL_ERRNO(err, "a ring of keys: madvise");
        key_ring_free(ring);
        return error_status(err);
    }
    (void)mlock(ring, sizeof(*ring)); /* where the limit forbids it, swap is as safe as the rest */
    *ret_ring = ring;
    return STATUS_OK;
}

void key_ring_free(struct key_ring *ring)
{
    if (ring == NULL)
        return;
    explicit_bzero(ring, sizeof(*ring));
    (void)munmap(ring, sizeof(*ring));
}

static const struct entry *find(const struct key_ring *ring, const char *bucket, const char *app)
{
    for (size_t i = 0; i < KEY_RING_MAX; i++) {
        const struct entry *entry = &ring->entries[i];
        if (strcmp(entry->bucket, bucket) == 0 && strcmp(entry->app, app) == 0)
            return entry;
    }
    return NULL;
}

void key_ring_find(const struct key_ring *ring, const char *bucket, const char *app,
                   struct work_key *ret_key)
{
    const struct entry *entry = find(ring, bucket, app);
    *ret_key = (struct work_key){0};
    if (entry != NULL)
        *ret_key = entry->key;
}

void key_ring_keep(struct key_ring *ring, const char *bucket, const char *app,
                   const struct work_key *key)
{
    const struct entry *known = find(ring, bucket, app);
    if (known == NULL && !key->known)
        return;
    size_t place = known == NULL ? ring->next : (size_t)(known - ring->entries);
    struct entry *entry = &ring->entries[place];
    explicit_bzero(entry, sizeof(*entry));
    if (!key->known)
        return;
    (void)snprintf(entry->bucket, sizeof(entry->bucket), "%s", bucket);
    (void)snprintf(entry->app, sizeof(entry->app), "%s", app);
    entry->key = *key;
    if (known == NULL)
        ring->next = (ring->next + 1) % KEY_RING_MAX;
}

enum status key_channel_open(const struct work_key *key, int ends[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return FAIL_ERRNO(err, "a channel for keys");
    key_channel_give(ends[0], key);
    return STATUS_OK;
}

void key_channel_take(int end, struct work_key *ret_key)
{
    unsigned char bytes[WORK_KEY_BYTES + 1];
    ssize_t got = end < 0 ? -1 : recv(end, bytes, sizeof(bytes), MSG_DONTWAIT);
    *ret_key = (struct work_key){.known = got == WORK_KEY_BYTES};
    if (ret_key->known)
        memcpy(ret_key->bytes, bytes, WORK_KEY_BYTES);
    explicit_bzero(bytes, sizeof(bytes));
}

void key_channel_give(int end, const struct work_key *key)
{
    if (end < 0 || !key->known)
        return;
    if (send(end, key->bytes, WORK_KEY_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        /* The next job derives it once more. */
    }
}
