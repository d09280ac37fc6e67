/*
 * What an open repository holds; shared by the files of this folder that work on one.
 *
 *   blob_writer.c    hash, look up, compress, seal, verify -> pack in memory -> pack_writer.c
 *   packer.c         who may fill which of the packs in memory
 *   uploads.c        full packs on their way, by threads of their own
 *   pack_writer.c    header, hash, put; when enough packs wait, an index file
 *   blob_reader.c    look up, get the range, open, expand, compare
 *   unpacked.c       the small files: index, snapshots, locks
 */
#ifndef REPOSITORY_INTERNAL_H
#define REPOSITORY_INTERNAL_H

#include "blob_index.h"
#include "config.h"
#include "index_file.h"
#include "object_cache.h"
#include "object_names.h"
#include "pack.h"
#include "repository/blob_id.h"
#include "repository/saving.h"
#include "sealer.h"
#include "text_stream.h"

#include <pthread.h>
#include <stdbool.h>

enum {
    INDEX_BLOBS = 50000, /* so many blobs, or so long, and an index file is written */
    INDEX_AGE_MS = 10 * 60 * 1000,
    INDEX_PART = 4, /* or a quarter of what this process has stored, but not below and not above: */
    INDEX_BYTES_LEAST = 64 * 1024 * 1024,
    INDEX_TEXT_MAX = 512 * 1024 * 1024,
    UPLOADS_MAX = 16,
    BLOB_BYTES_MAX = INT32_MAX,
    SMALL_TEXT_MAX = 16 * 1024 * 1024 /* of a snapshot or a lock */
};

struct read_ahead;

/* What one thread at a time saves blobs of one type with: its own contexts, and the pack that it is
 * filling, in memory. There are as many as threads have saved at the same time. */
struct packer {
    struct packer *next, *next_idle; /* the latter also among uploads */
    enum blob_type type;
    struct sealer sealer;
    bool full;            /* it goes to uploads.c when it is given back */
    bool numbered;        /* pack is a number that no stored pack has */
    uint32_t pack;        /* its number in the index */
    unsigned char *bytes; /* allocated once, when first needed */
    size_t len;
    struct blob_entry **entries; /* its blobs, in the index; PACK_ENTRIES_MAX */
    size_t count;
};

/* Packs that are stored, but not yet in an index file. */
#define INDEX_BYTES_MOST (UINT64_C(8) << 30)

struct unindexed {
    struct index_pack *packs;
    size_t count;
    size_t blobs;
    uint64_t bytes;
    int64_t since_ms; /* monotonic: when the first of them was stored */
};

void unindexed_done(struct unindexed *unindexed); /* all zeros is fine */

struct uploads {
    size_t wanted; /* threads */
    pthread_t threads[UPLOADS_MAX];
    size_t running;
    struct packer *first, **end; /* full ones that wait, linked by next_idle */
    size_t count;                /* of those, and of those that are being stored */
    bool stopping;
    pthread_cond_t work; /* one waits, or the end has come */
    pthread_cond_t done; /* one has been dealt with */
};

struct held_lock {
    bool held;
    bool exclusive;
    struct blob_id id;
    int64_t settled_ms; /* monotonic: when to look again for others */
    int64_t renewed_ms; /* CLOCK_BOOTTIME: goes on while the machine sleeps */
    int64_t tried_ms;
};

struct repository {
    struct object_store *store; /* borrowed */
    struct crypto_keys keys;
    struct repository_config config;
    enum compression compression;
    enum extra_verify extra_verify;
    /* These belong to the calling thread, which also holds the lock and reads. */
    struct sealer sealer;
    struct held_lock lock;
    struct buffer scratch;         /* sealed bytes on their way in */
    struct read_ahead *read_ahead; /* NULL: blobs are fetched one by one */
    struct object_cache cache;
    /* All that save use these, for moments: nothing is computed, read or written with the mutex
     * held. */
    pthread_mutex_t mutex;
    struct blob_index index;
    size_t packs_before; /* of those in the index: they were there when it was loaded */
    struct packer *packers, *idle[2]; /* all of them; by enum blob_type */
    struct uploads uploads;
    struct unindexed unindexed;
    struct repository_statistics statistics;
    struct error
        failure; /* a blob, pack or index could not be stored: nothing can be saved any more */
};

static inline void repository_guard(struct repository *repository)
{
    (void)pthread_mutex_lock(&repository->mutex);
}

static inline void repository_release(struct repository *repository)
{
    (void)pthread_mutex_unlock(&repository->mutex);
}

/* blob_reader.c: the stored bytes of a blob, not opened yet. Replaces *sealed. */
enum status repository_fetch_sealed(struct repository *repository, enum blob_type type,
                                    const struct blob_id *id, struct buffer *sealed,
                                    uint32_t *ret_plain_length, struct error *err) MUST_CHECK;
/* How long the plaintext of a blob is; 0: no such blob is known. */
uint32_t repository_blob_length(struct repository *repository, enum blob_type type,
                                const struct blob_id *id);

/* blob_writer.c: saves, unless known, a text that is finished and has this hash. */
enum status repository_save_stream(struct repository *repository, enum blob_type type,
                                   struct text_stream *stream, const struct blob_id *id,
                                   struct error *err) MUST_CHECK;
enum status repository_check_writable(struct repository *repository, struct error *err) MUST_CHECK;
/* repository_check_writable() for a caller that holds the mutex. */
enum status repository_check_guarded(const struct repository *repository, struct error *err)
    MUST_CHECK;

/* packer.c. One that nobody else has until it is given back; the last one given is the first
 * taken, so that few threads fill few packs. */
enum status packer_take(struct repository *repository, enum blob_type type,
                        struct packer **ret_packer, struct error *err) MUST_CHECK;
/* A full one goes to the uploads first. */
void packer_give(struct repository *repository, struct packer *packer);
void packer_make_idle_guarded(struct repository *repository, struct packer *packer);
/* An empty one: those that hold something are filled first. */
void packer_make_idle_last_guarded(struct repository *repository, struct packer *packer);
void packers_done(struct repository *repository);
/* Is there anything saved that is not in an index file yet? */
bool repository_is_dirty(struct repository *repository);

/* pack_writer.c: pack = parts that hold the sealed blobs || header, as *one* object. */
enum status repository_store_open_pack(struct repository *repository, struct packer *packer,
                                       struct error *err) MUST_CHECK;
enum status repository_store_single_pack(struct repository *repository, struct packer *packer,
                                         struct blob_entry *entry, const struct segment *segments,
                                         size_t count, struct error *err) MUST_CHECK;
/* After a failure the index in memory may know blobs that are stored nowhere: the end of saving. */
enum status repository_latch(struct repository *repository, struct error *err) MUST_CHECK;
enum status repository_write_index(struct repository *repository, struct sealer *sealer,
                                   struct error *err) MUST_CHECK;

/* unpacked.c. The text is appended to the buffer, whose limit holds. With a sealer of its own any
 * thread may load. */
enum status unpacked_load_with(const struct repository *repository, struct sealer *sealer,
                               const char *folder, const char *id, struct buffer *text,
                               struct error *err) MUST_CHECK;
enum status unpacked_load(struct repository *repository, const char *folder, const char *id,
                          struct buffer *text, struct error *err) MUST_CHECK;
enum status unpacked_save(struct repository *repository, const char *folder, const void *text,
                          size_t len, struct blob_id *ret_id, struct error *err) MUST_CHECK;
/* The stream is made with UNPACKED_PREFIX and is not finished yet. */
#define UNPACKED_PREFIX "\x02"
enum status unpacked_save_stream(struct repository *repository, struct sealer *sealer,
                                 const char *folder, struct text_stream *stream,
                                 struct blob_id *ret_id, struct error *err) MUST_CHECK;
#endif
