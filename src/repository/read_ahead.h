/*
 * Read-ahead: blobs of a far store with what lies around them in their packs. A backup goes through
 * the trees of the one before in nearly the order in which they lie there, a few hundred bytes each
 * time: one by one, each would cost a round trip.
 *
 * Reads     blocks of 1 MiB, of which the last 8 are kept; the size of a pack is asked for once
 * Threads   one thread
 */
#ifndef REPOSITORY_READ_AHEAD_H
#define REPOSITORY_READ_AHEAD_H

#include "bucket/object_store.h"
#include "repository/blob_id.h"

#include <stddef.h>
#include <stdint.h>

struct read_ahead;

/* NULL: no memory, and nothing to be read ahead. The store is borrowed. */
struct read_ahead *read_ahead_new(struct object_store *store);
void read_ahead_free(struct read_ahead *ahead);

/* len bytes of the pack at offset. */
enum status read_ahead_get(struct read_ahead *ahead, const struct blob_id *pack, uint64_t offset,
                           size_t len, void *bytes, struct error *err) MUST_CHECK;

/* What was fetched does not verify: the next get asks the store again. */
void read_ahead_forget(struct read_ahead *ahead, const struct blob_id *pack);

#endif
