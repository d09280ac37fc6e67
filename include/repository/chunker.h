/*
 * Chunker: content-defined boundaries, the same as restic's for a repository's polynomial.
 *
 * Limits    chunks of 512 KiB to 8 MiB, but for a file's last one
 * Source    restic's chunker: Rabin fingerprint over a window of 64 bytes, 20 zero bits
 */
#ifndef REPOSITORY_CHUNKER_H
#define REPOSITORY_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_MIN_BYTES = 512 * 1024, CHUNK_MAX_BYTES = 8 * 1024 * 1024, CHUNKER_MATRICES = 3 };

struct chunker {
    uint64_t out[256], mod[256]; /* tables of the polynomial */
    bool is_wide;                /* this processor has what chunker_wide.c needs: the same maps as
                                    bit matrices, one for each byte of the result */
    uint64_t wide[CHUNKER_MATRICES][8];
};

void chunker_init(struct chunker *chunker, uint64_t polynomial);

/* The length of the chunk that starts at bytes; len is what follows up to the end of the file, or
 * at least CHUNK_MAX_BYTES. Never 0 unless len is 0. */
size_t chunker_next(const struct chunker *chunker, const unsigned char *bytes, size_t len);

/* Looks for the end of a chunk that is still being read: *position, 0 at first, is how far it has
 * been looked at. True: the chunk ends there. False: it goes on, unless these were the last bytes
 * of the file. */
bool chunker_scan(const struct chunker *chunker, const unsigned char *bytes, size_t len,
                  size_t *position);

#endif
