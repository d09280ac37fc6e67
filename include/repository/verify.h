/*
 * Verification: is all that a repository needs there, and is it what was written?
 *
 * Looks     verification_new() lists the packs: one that the index names and that is gone or too
 *           short is damage. verification_read_pack() reads one: the hash that is its name, its
 *           header, and the MAC and hash of every blob in it. verification_check_tree() walks what
 *           a snapshot refers to: each blob is in the index, in a pack that is there, and not among
 *           those found damaged.
 * Damage    is a finding and no failure, and is seen twice: the second time after a second look
 *           (bucket/object_store.h). A failure is what keeps from looking: the bucket is away, or
 *           does not list what it has.
 * Memory    the index; 24 bytes a pack; 8 to 16 bytes for each tree; the largest directory; a
 *           window of 8 MiB or the largest blob
 * Order     lock (shared), repository_load_index(), then this; packs before trees
 * Threads   the repository's
 */
#ifndef REPOSITORY_VERIFY_H
#define REPOSITORY_VERIFY_H

#include "core/cancel.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "repository/repository.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERIFICATION_TEXT_SIZE = 256, VERIFICATION_DAMAGES_MAX = 16 };

struct verification;

/* The repository is borrowed. Caller owns *ret_verification. */
enum status verification_new(struct repository *repository, struct verification **ret_verification,
                             struct error *err) MUST_CHECK;
void verification_free(struct verification *verification);
DEFINE_CLEANUP(struct verification *, verification_free)

/* The packs that the index names, by number; bytes 0: one that is not there. */
size_t verification_pack_count(const struct verification *verification);
uint64_t verification_pack_bytes(const struct verification *verification, size_t pack);

const struct blob_id *verification_pack_id(const struct verification *verification, size_t pack);
/* Has something been found wrong with what is in it? */
bool verification_pack_is_bad(const struct verification *verification, size_t pack);

enum status verification_read_pack(struct verification *verification, size_t pack,
                                   struct error *err) MUST_CHECK;

/* problem: the first that was found; "" for none. */
enum status verification_check_tree(struct verification *verification, const struct blob_id *root,
                                    const struct cancel *cancel,
                                    char problem[VERIFICATION_TEXT_SIZE], struct error *err)
    MUST_CHECK;

/* How many, and the texts of the first VERIFICATION_DAMAGES_MAX. */
size_t verification_damage_count(const struct verification *verification);
const char *verification_damage(const struct verification *verification, size_t number);

#endif
