/*
 * Pack reader: many blobs out of the packs, in the order in which they lie there, with few reads.
 *
 * Reads     blobs of one pack with at most 1 MiB between them are fetched by one ranged get of up
 *           to run_bytes_max (a single blob may be longer).
 * Verified  each blob by its MAC and its SHA-256, before it is handed out.
 * Damage    is told blob by blob: a pack that is missing or cut short, a blob that does not verify.
 *           That the bucket cannot be reached is a failure.
 * Memory    a run, and the plaintext of its largest blob that is compressed; 4 MiB for loading
 * Threads   each takes a reader of its own; the repository's index must be loaded, and stay as it
 *           is as long as there are readers or places. Nothing may be saved meanwhile.
 */
#ifndef REPOSITORY_PACK_READER_H
#define REPOSITORY_PACK_READER_H

#include "repository/repository.h"

enum { PACK_READER_GAP_BYTES = 1024 * 1024 };

/* Where a blob lies: a line of the repository's index. */
struct blob_entry;

/* NULL: in no index. */
const struct blob_entry *repository_find_blob(const struct repository *repository,
                                              enum blob_type type, const struct blob_id *id);
uint32_t blob_place_pack(const struct blob_entry *place);   /* number, below pack_count */
uint32_t blob_place_offset(const struct blob_entry *place); /* in the pack */
uint32_t blob_place_plain_bytes(const struct blob_entry *place);
size_t repository_pack_count(const struct repository *repository);

struct pack_reader;

enum status pack_reader_new(const struct repository *repository, size_t run_bytes_max,
                            struct pack_reader **ret_reader, struct error *err) MUST_CHECK;
void pack_reader_free(struct pack_reader *reader); /* NULL is a no-op */
DEFINE_CLEANUP(struct pack_reader *, pack_reader_free)

/* index: of the place in the list. damage: why there are no bytes; NULL if there are. The bytes are
 * borrowed during the call. */
typedef enum status pack_blob_fn(void *context, size_t index, const void *bytes, size_t len,
                                 const struct error *damage, struct error *err);

/* All of one pack, ascending by offset, each once. A failing callback ends it. */
enum status pack_reader_read(struct pack_reader *reader, const struct blob_entry *const *places,
                             size_t count, pack_blob_fn *seen, void *context, struct error *err)
    MUST_CHECK;

/* One blob, into the buffer, whose limit holds. What lies in front of it in its pack is fetched
 * with it and kept for a while: a walk down the trees of a backup, the last entry of each directory
 * first, goes through their packs backwards. CORRUPT: damage. */
enum status pack_reader_load(struct pack_reader *reader, const struct blob_entry *place,
                             struct buffer *buffer, struct error *err) MUST_CHECK;

/* Are these the blob's bytes? */
enum status pack_reader_compare(struct pack_reader *reader, const struct blob_entry *place,
                                const void *bytes, size_t len, bool *ret_same, struct error *err)
    MUST_CHECK;

#endif
