/*
 * Key channel: a job process finds in it the key that its supervisor remembers, and gives back the
 * one that it had to derive. A pair of connected sockets, the job's end inherited; at most one
 * message each way, which is there at once or not at all: nobody waits. Nothing of a key goes to an
 * argv, the environment, Redis or a disk.
 */
#ifndef WORKER_KEY_CHANNEL_H
#define WORKER_KEY_CHANNEL_H

#include "core/error.h"
#include "stage/backup.h"

/* ends[0] is the supervisor's, ends[1] the job's, with the key in it if that is known. Both are
 * close-on-exec. */
enum status key_channel_open(const struct stage_key *key, int ends[2], struct error *err)
    MUST_CHECK;

/* What the other end has given; ret_key->known is false if that was nothing. */
void key_channel_take(int end, struct stage_key *ret_key);
/* The other end may be gone: then nobody learns the key. */
void key_channel_give(int end, const struct stage_key *key);

#endif
