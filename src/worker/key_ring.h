/*
 * Key ring: the keys of repositories that jobs have opened, so that the next job of the same app
 * need not derive them again: that is a tenth of a second of work, and more for a repository that
 * restic made. A key channel brings a key to a job process and back: a pair of connected sockets,
 * the job's end inherited; at most one message each way, which is there at once or not at all:
 * nobody waits.
 *
 * Secrecy   Keys are in memory only, in pages that are not swapped (as far as the limit of locked
 *           memory allows), not dumped, and wiped in a fork; they are wiped when the ring is
 *           released. Nothing of a key goes to an argv, the environment, Redis or a disk.
 * Limits    The ring has KEY_RING_MAX keys; the oldest goes when another comes.
 */
#ifndef WORKER_KEY_RING_H
#define WORKER_KEY_RING_H

#include "access/work.h"
#include "core/cleanup.h"
#include "core/error.h"

enum { KEY_RING_MAX = 256 };

struct key_ring;

enum status key_ring_new(struct key_ring **ret_ring, struct error *err) MUST_CHECK;
void key_ring_free(struct key_ring *ring); /* NULL is a no-op */
DEFINE_CLEANUP(struct key_ring *, key_ring_free)

/* Finds a key by the ids of bucket and app. ret_key->known says whether there is one. */
void key_ring_find(const struct key_ring *ring, const char *bucket, const char *app,
                   struct work_key *ret_key);
/* Replaces what was known; a key that is not known is forgotten. */
void key_ring_keep(struct key_ring *ring, const char *bucket, const char *app,
                   const struct work_key *key);

/* ends[0] is the supervisor's, ends[1] the job's, with the key in it if that is known. Both are
 * close-on-exec. */
enum status key_channel_open(const struct work_key *key, int ends[2], struct error *err) MUST_CHECK;

/* What the other end has given; ret_key->known is false if that was nothing. */
void key_channel_take(int end, struct work_key *ret_key);
/* Gives the key to the other end; if that is gone, nobody learns the key. */
void key_channel_give(int end, const struct work_key *key);

#endif
