/*
 * Repository: a restic repository, format 2, in an object store: keys, index, packs, blobs.
 *
 * Rules     Packs go before index before snapshot, each durable before the next. Every blob is
 *           decrypted, decompressed and compared with its id before it is stored. Blob ids are
 *           SHA-256 of the plaintext. Reads check every hash and MAC.
 * Limits    blob plaintext 2 GiB - 1; index 50,000 blobs, 10 min or a quarter of what was stored
 *           (64 MiB at least, 8 GiB at most) a file, so that a crash loses little
 * Memory    about 60 bytes a blob in the index; a pack of up to 16 MiB + one blob for each type
 *           and each thread that saves at the same time
 * Errors    NOT_FOUND no repository here; FORBIDDEN wrong passphrase; CORRUPT; LOCKED; those of
 *           bucket/object_store.h
 * Threads   repository_save_blob(), repository_has_blob() and the statistics: any, at the same
 *           time; what several save at once is stored once. Everything else: one thread; while it
 *           flushes, no other saves.
 * Source    restic's repository format (its doc/design), checked against restic 0.14
 */
#ifndef REPOSITORY_REPOSITORY_H
#define REPOSITORY_REPOSITORY_H

#include "bucket/object_store.h"
#include "core/buffer.h"
#include "core/cancel.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "repository/blob_id.h"
#include "repository/saving.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repository;

/* The store is borrowed and must outlive the repository. Caller owns *ret_repository. */
enum status repository_open(struct object_store *store, const char *passphrase,
                            struct repository **ret_repository, struct error *err) MUST_CHECK;
/* CONFLICT if anything of a repository is there already. */
enum status repository_create(struct object_store *store, const char *passphrase,
                              struct repository **ret_repository, struct error *err) MUST_CHECK;
/* Opens a repository, or makes it. Finishes a creation that was cut off: without config and
 * without data a key that the passphrase opens is used, one that it does not open is left alone.
 * CORRUPT: data, but no config. Of several that create at the same time one does; the others open
 * what it made. */
enum status repository_open_or_create(struct object_store *store, const char *passphrase,
                                      struct repository **ret_repository, struct error *err)
    MUST_CHECK;

/* The master key of an open repository. With it the repository opens without passphrase and without
 * scrypt, which costs a tenth of a second or more. It is a secret: for memory only, to be wiped. */
enum { REPOSITORY_KEY_BYTES = 64 };

void repository_get_key(const struct repository *repository,
                        unsigned char ret_key[REPOSITORY_KEY_BYTES]);
/* FORBIDDEN: it does not open this repository's config, as when the repository was replaced. */
enum status repository_open_with_key(struct object_store *store,
                                     const unsigned char key[REPOSITORY_KEY_BYTES],
                                     struct repository **ret_repository, struct error *err)
    MUST_CHECK;

/* What was not flushed is lost, as after a crash. Releases a lock that is still held. */
void repository_close(struct repository *repository);
DEFINE_CLEANUP(struct repository *, repository_close)

/* For a store that takes its time to answer: trees are fetched with their neighbours, and copies of
 * the index and snapshot files are kept below this directory of the host (NULL: nowhere), which is
 * made if need be, holds nothing that the store does not, as sealed as there, and may be deleted at
 * any time. That it cannot be used is no failure. */
void repository_expect_latency(struct repository *repository, const char *cache_directory);
/* From here on all is read from the store itself: for those who want to know what is there. */
void repository_distrust_copies(struct repository *repository);

uint64_t repository_polynomial(const struct repository *repository);

/* Lock, as restic does: look, write, wait 200 ms, look again. A lock of a process of this host that
 * no longer lives is removed first. LOCKED: somebody else's; the text says whose and since when. */
enum status repository_lock(struct repository *repository, bool exclusive,
                            const struct cancel *cancel, struct error *err) MUST_CHECK;
/* Locks in two steps, so that the 200 ms can be put to use: start looks for other locks and writes
 * ours; finish waits for the rest of the time and looks again. What was read in between is as good
 * as read under the lock if finish succeeds, and worth nothing if it fails; then, and by
 * repository_unlock(), the lock is gone. */
enum status repository_start_lock(struct repository *repository, bool exclusive,
                                  const struct cancel *cancel, struct error *err) MUST_CHECK;
enum status repository_finish_lock(struct repository *repository, const struct cancel *cancel,
                                   struct error *err) MUST_CHECK;
/* Would repository_lock() find somebody else's lock in its way now? Then LOCKED, with the text
 * that it would have. None is taken; those of dead processes of this host are removed. */
enum status repository_check_locks(struct repository *repository, bool exclusive, struct error *err)
    MUST_CHECK;
/* Call often while working: renews when 5 min have passed, fails with LOST when no renewal was
 * possible for 22.5 min. */
enum status repository_refresh_lock(struct repository *repository, struct error *err) MUST_CHECK;
enum status repository_unlock(struct repository *repository, struct error *err) MUST_CHECK;

/* Under the lock, or between the start and the finish of it, before blobs are looked up, saved or
 * loaded. It may be another thread than the one that deals with the lock meanwhile. */
enum status repository_load_index(struct repository *repository, const struct cancel *cancel,
                                  struct error *err) MUST_CHECK;

bool repository_has_blob(struct repository *repository, enum blob_type type,
                         const struct blob_id *id);

/* Before anything is saved; COMPRESSION_AUTO otherwise. */
void repository_set_compression(struct repository *repository, enum compression compression);

/* Before anything is saved; EXTRA_VERIFY_SAMPLE otherwise. */
void repository_set_extra_verify(struct repository *repository, enum extra_verify extra_verify);

/* How many packs are stored at the same time, each by a thread of its own and out of memory of its
 * own: what is asked of a bucket that answers late. At least 1, which is the default. Before
 * anything is saved. */
void repository_set_uploads(struct repository *repository, size_t count);

/* Stores the blob unless it is known, also if another thread is just at it; *ret_known says which.
 * The id is computed here. After a failure, also that of an upload behind the caller's back,
 * nothing more can be saved through this handle. */
enum status repository_save_blob(struct repository *repository, enum blob_type type,
                                 const void *bytes, size_t len, struct blob_id *ret_id,
                                 bool *ret_known, struct error *err) MUST_CHECK;

/* Replaces the buffer's contents by the plaintext. */
enum status repository_load_blob(struct repository *repository, enum blob_type type,
                                 const struct blob_id *id, struct buffer *buffer, struct error *err)
    MUST_CHECK;

/* Everything saved so far is durable and in a durable index: before a snapshot is saved. */
enum status repository_flush(struct repository *repository, struct error *err) MUST_CHECK;

/* Before a snapshot is saved: is what it will need still there? UNAVAILABLE, with the reason
 * "bucket_unreachable": the place or the config is another one by now, what was stored is gone, or
 * all that there was before is. Where the store takes its time (repository_expect_latency()) three
 * questions are asked in all. */
enum status repository_check_stored(struct repository *repository, struct error *err) MUST_CHECK;

void repository_get_statistics(struct repository *repository,
                               struct repository_statistics *ret_statistics);

#endif
