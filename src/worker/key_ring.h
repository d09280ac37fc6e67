/*
 * Key ring: the keys of repositories that jobs have opened, so that the next job of the same app
 * need not derive them again: that is a tenth of a second of work, and more for a repository that
 * restic made.
 *
 * Secrecy   in memory only, in pages that are not swapped (as far as the limit of locked memory
 *           allows), not dumped, and wiped in a fork; wiped when released.
 * Limits    KEY_RING_MAX keys; the oldest goes when another comes.
 */
#ifndef WORKER_KEY_RING_H
#define WORKER_KEY_RING_H

#include "core/cleanup.h"
#include "core/error.h"
#include "stage/backup.h"

enum { KEY_RING_MAX = 256 };

struct key_ring;

enum status key_ring_new(struct key_ring **ret_ring, struct error *err) MUST_CHECK;
void key_ring_free(struct key_ring *ring); /* NULL is a no-op */
DEFINE_CLEANUP(struct key_ring *, key_ring_free)

/* By ids. ret_key->known says whether there is one. */
void key_ring_find(const struct key_ring *ring, const char *bucket, const char *app,
                   struct stage_key *ret_key);
/* Replaces what was known; a key that is not known is forgotten. */
void key_ring_keep(struct key_ring *ring, const char *bucket, const char *app,
                   const struct stage_key *key);

#endif
