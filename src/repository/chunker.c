/*
 * The boundary of a chunk is the first position n >= 512 KiB at which the fingerprint of the 64
 * bytes before it ends in 20 zero bits. As it depends on those 64 bytes alone, several stretches
 * ("strips") of a chunk can be rolled side by side: each step of a single one waits for the table
 * look-up of the step before, four of them share that wait. A block in which any strip has a hit is
 * then looked through in order; that happens once in a million bytes. Some processors have a faster
 * way to pass over blocks without one: chunker_wide.h.
 */
#include "repository/chunker.h"

#include "chunker_wide.h"
#include "polynomial.h"

enum { SHIFT = DEGREE - 8 };

static const size_t strip_bytes = 4096;
static const size_t block_bytes = 16384; /* four strips */

_Static_assert((int)CHUNKER_MATRICES == (int)WIDE_MATRICES, "a chunker has room for them");

void chunker_init(struct chunker *chunker, uint64_t polynomial)
{
    for (unsigned b = 0; b < 256; b++) {
        chunker->out[b] = polynomial_shift_mod(b, 8 * (WINDOW - 1), polynomial);
        chunker->mod[b] = polynomial_shift_mod(b, DEGREE, polynomial) | (uint64_t)b << DEGREE;
    }
    chunker->is_wide = chunker_wide_is_possible();
    if (chunker->is_wide)
        chunker_wide_init(chunker->wide, polynomial);
}

static inline uint64_t append(const struct chunker *chunker, uint64_t digest, unsigned char byte)
{
    return (digest << 8 | byte) ^ chunker->mod[digest >> SHIFT & 0xff];
}

static inline uint64_t roll(const struct chunker *chunker, uint64_t digest, const unsigned char *at)
{
    return append(chunker, digest ^ chunker->out[at[-WINDOW]], *at);
}

/* The fingerprint of the WINDOW bytes before the position. */
static uint64_t digest_before(const struct chunker *chunker, const unsigned char *at)
{
    uint64_t digest = 0;
    for (const unsigned char *byte = at - WINDOW; byte < at; byte++)
        digest = append(chunker, digest, *byte);
    return digest;
}

/* The first boundary in [from, to), or to. */
static size_t scan(const struct chunker *chunker, const unsigned char *bytes, size_t from,
                   size_t to)
{
    uint64_t digest = digest_before(chunker, bytes + from);
    for (size_t n = from; n < to; n++) {
        if ((digest & boundary_mask) == 0)
            return n;
        digest = roll(chunker, digest, bytes + n);
    }
    return to;
}

/* Is there a boundary in the block of positions from `from`? */
static bool block_has_boundary(const struct chunker *chunker, const unsigned char *from)
{
    uint64_t a = digest_before(chunker, from);
    uint64_t b = digest_before(chunker, from + strip_bytes);
    uint64_t c = digest_before(chunker, from + 2 * strip_bytes);
    uint64_t d = digest_before(chunker, from + 3 * strip_bytes);
    for (const unsigned char *at = from; at < from + strip_bytes; at++) {
        if ((a & boundary_mask) == 0 || (b & boundary_mask) == 0 || (c & boundary_mask) == 0 ||
            (d & boundary_mask) == 0)
            return true;
        a = roll(chunker, a, at);
        b = roll(chunker, b, at + strip_bytes);
        c = roll(chunker, c, at + 2 * strip_bytes);
        d = roll(chunker, d, at + 3 * strip_bytes);
    }
    return false;
}

bool chunker_scan(const struct chunker *chunker, const unsigned char *bytes, size_t len,
                  size_t *position)
{
    size_t next = *position < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : *position;
    size_t end = len;
    if (end > CHUNK_MAX_BYTES)
        end = CHUNK_MAX_BYTES;
    if (end <= next) {
        *position = next;
        return end == CHUNK_MAX_BYTES;
    }
    while (chunker->is_wide && end - next >= WIDE_BLOCK_BYTES &&
           !chunker_wide_has_boundary(chunker->wide, bytes + next))
        next += WIDE_BLOCK_BYTES;
    /* cppcheck-suppress knownConditionTrueFalse; it takes end for its smallest value */
    while (end - next >= block_bytes && !block_has_boundary(chunker, bytes + next))
        next += block_bytes;
    *position = scan(chunker, bytes, next, end);
    return *position < end || end == CHUNK_MAX_BYTES;
}

size_t chunker_next(const struct chunker *chunker, const unsigned char *bytes, size_t len)
{
    size_t position = 0;
    if (len <= CHUNK_MIN_BYTES)
        return len;
    return chunker_scan(chunker, bytes, len, &position) ? position : len;
}
