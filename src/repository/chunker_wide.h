/*
 * Sixteen strips of a chunk rolled side by side in two registers, on processors that can (AVX-512
 * with GFNI: Intel from Ice Lake, AMD from Zen 4 on).
 *
 * The fingerprint is a linear map of its bytes over GF(2), so what leaves, what comes in and what
 * is reduced are each a product of a byte and a matrix of bits, for which these processors have an
 * instruction; the tables of chunker.c, whose look-ups are what it waits for, are not needed.
 */
#ifndef REPOSITORY_CHUNKER_WIDE_H
#define REPOSITORY_CHUNKER_WIDE_H

#include <stdbool.h>
#include <stdint.h>

/* The fingerprint: the bytes of its window, the degree of its polynomial, and which of its lowest
 * bits are zero at a boundary. */
enum { WINDOW = 64, DEGREE = 53 };

static const uint64_t boundary_mask = (UINT64_C(1) << 20) - 1;

enum {
    WIDE_STRIPS = 16,
    WIDE_STRIP_BYTES = 2048,
    WIDE_BLOCK_BYTES = WIDE_STRIPS * WIDE_STRIP_BYTES
};

bool chunker_wide_is_possible(void); /* on this processor */

/* One map of the fingerprint each: what leaves the window, the reduction, what enters. */
enum { WIDE_LEAVE, WIDE_REDUCE, WIDE_ENTER, WIDE_MATRICES };

void chunker_wide_init(uint64_t matrices[WIDE_MATRICES][8], uint64_t polynomial);

/* Is there a boundary in the block of positions from `from`, behind which there are
 * WIDE_BLOCK_BYTES, and before it a window? */
bool chunker_wide_has_boundary(const uint64_t matrices[WIDE_MATRICES][8],
                               const unsigned char *from);

#endif
