/*
 * A register holds eight fingerprints byte by byte: its n-th quadword is byte n of each of them.
 * They are kept multiplied by x^3, so that the degree of 53 is a whole number of bytes and the
 * eight topmost bits, which the next step has to reduce, are one of them: byte 6.
 *
 * The strips' bytes are needed in the same order, one of each strip in a quadword. They are brought
 * into it a window at a time: as what comes in now, and once more as what leaves a window later.
 *
 * Each step waits for the one before; with two registers there is something to do meanwhile.
 */
#include "chunker_wide.h"

#include "polynomial.h"

#include <string.h>

#if defined(__x86_64__)

/* gcc 12 takes "any value" in its own header for an oversight (its bug 105593). */
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

/* NOLINTNEXTLINE(readability-identifier-naming): it reads like an attribute */
#define wide_target __attribute__((target("avx512f,avx512bw,avx512vbmi,gfni")))

enum { SCALE = 3, TOP = (DEGREE + SCALE) / 8 - 1 };

/* One of each strip, WINDOW times. */
struct columns {
    uint64_t bytes[WINDOW];
};

bool chunker_wide_is_possible(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni");
}

/* Row i of a matrix, which makes bit i of the result, is its byte 7 - i. */
static void set_matrix(uint64_t matrix[8], unsigned power, uint64_t polynomial)
{
    memset(matrix, 0, 8 * sizeof(*matrix));
    for (unsigned bit = 0; bit < 8; bit++) {
        uint64_t image = polynomial_shift_mod(1U << bit, power, polynomial) << SCALE;
        for (unsigned n = 0; n < 64; n++)
            matrix[n / 8] |= (image >> n & 1) << (8 * (7 - n % 8) + bit);
    }
}

void chunker_wide_init(uint64_t matrices[WIDE_MATRICES][8], uint64_t polynomial)
{
    set_matrix(matrices[WIDE_LEAVE], 8 * WINDOW, polynomial);
    set_matrix(matrices[WIDE_REDUCE], DEGREE, polynomial);
    set_matrix(matrices[WIDE_ENTER], 0, polynomial);
}

/* What all steps of a block use; made once for it. */
struct maps {
    __m512i leave, reduce, enter;
    __m512i mask;       /* the bits that are zero at a boundary */
    __m512i strips;     /* where eight strips begin */
    __m512i transposed; /* the order of bytes that makes columns of rows */
};

wide_target static __m512i boundary_bytes(void)
{
    uint64_t bytes[8] = {0};
    for (unsigned n = 0; n < 3; n++)
        bytes[n] = (boundary_mask << SCALE >> 8 * n & 0xff) * UINT64_C(0x0101010101010101);
    return _mm512_loadu_si512(bytes);
}

wide_target static __m512i transposed_order(void)
{
    unsigned char order[64];
    for (unsigned n = 0; n < sizeof(order); n++)
        order[n] = (unsigned char)(n % 8 * 8 + n / 8);
    return _mm512_loadu_si512(order);
}

wide_target static struct maps make_maps(const uint64_t matrices[WIDE_MATRICES][8])
{
    const long long strip = WIDE_STRIP_BYTES;
    return (struct maps){.leave = _mm512_loadu_si512(matrices[WIDE_LEAVE]),
                         .reduce = _mm512_loadu_si512(matrices[WIDE_REDUCE]),
                         .enter = _mm512_loadu_si512(matrices[WIDE_ENTER]),
                         .mask = boundary_bytes(),
                         .strips = _mm512_set_epi64(7 * strip, 6 * strip, 5 * strip, 4 * strip,
                                                    3 * strip, 2 * strip, strip, 0),
                         .transposed = transposed_order()};
}

/* The next WINDOW bytes of each of eight strips. */
wide_target static inline void read_columns(const struct maps *maps, struct columns *columns,
                                            const unsigned char *at)
{
    for (size_t n = 0; n < WINDOW; n += 8) {
        __m512i rows = _mm512_i64gather_epi64(maps->strips, at + n, 1);
        _mm512_storeu_si512(&columns->bytes[n], _mm512_permutexvar_epi8(maps->transposed, rows));
    }
}

wide_target static inline void read_both(const struct maps *maps, struct columns columns[2],
                                         const unsigned char *at)
{
    read_columns(maps, &columns[0], at);
    read_columns(maps, &columns[1], at + WIDE_BLOCK_BYTES / 2);
}

/* The eight bytes, each of them in all places of its strip. */
wide_target static inline __m512i spread(uint64_t bytes)
{
    return _mm512_set1_epi64((long long)bytes);
}

/* The byte on top leaves at the one end, the new one enters at the other. */
wide_target static inline __m512i append(__m512i digests, __m512i reduce, __m512i entering)
{
    const __m512i top = _mm512_permutexvar_epi64(_mm512_set1_epi64(TOP), digests);
    const __m512i shifted = _mm512_alignr_epi64(digests, _mm512_setzero_si512(), 7);
    const __m512i reduced = _mm512_gf2p8affine_epi64_epi8(top, reduce, 0);
    return _mm512_ternarylogic_epi64(shifted, reduced, entering, 0x96); /* exclusive or */
}

/* Where each of the three bytes with the lowest 20 bits is zero there, by strips; in the lowest 8
 * bits. */
wide_target static inline uint64_t boundaries(__m512i digests, __m512i mask)
{
    uint64_t zeros = _mm512_testn_epi8_mask(digests, mask);
    return zeros & zeros >> 8 & zeros >> 16;
}

wide_target static inline __m512i step(const struct maps *maps, uint64_t past, uint64_t now,
                                       __m512i digests)
{
    const __m512i entering = _mm512_gf2p8affine_epi64_epi8(spread(now), maps->enter, 0);
    const __m512i leaving = _mm512_gf2p8affine_epi64_epi8(spread(past), maps->leave, 0);
    return append(digests, maps->reduce, _mm512_xor_si512(entering, leaving));
}

/* WINDOW steps. Were there boundaries before one of them? As boundaries(). */
wide_target static inline uint64_t roll(const struct maps *maps, const struct columns past[2],
                                        const struct columns now[2], __m512i digests[2])
{
    __m512i first = digests[0];
    __m512i second = digests[1];
    uint64_t found = 0;
    for (size_t i = 0; i < WINDOW; i++) {
        found |= boundaries(first, maps->mask) | boundaries(second, maps->mask);
        first = step(maps, past[0].bytes[i], now[0].bytes[i], first);
        second = step(maps, past[1].bytes[i], now[1].bytes[i], second);
    }
    digests[0] = first;
    digests[1] = second;
    return found & 0xff;
}

wide_target bool chunker_wide_has_boundary(const uint64_t matrices[WIDE_MATRICES][8],
                                           const unsigned char *from)
{
    const struct maps maps = make_maps(matrices);
    static const struct columns nothing[2];
    struct columns columns[2][2];
    __m512i digests[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

    read_both(&maps, columns[0], from - WINDOW);
    (void)roll(&maps, nothing, columns[0], digests);
    for (size_t n = 0; n < WIDE_STRIP_BYTES / WINDOW; n++) {
        read_both(&maps, columns[(n + 1) % 2], from + n * WINDOW);
        if (roll(&maps, columns[n % 2], columns[(n + 1) % 2], digests) != 0)
            return true;
    }
    return false;
}

#else

bool chunker_wide_is_possible(void)
{
    return false;
}

void chunker_wide_init(uint64_t matrices[WIDE_MATRICES][8], uint64_t polynomial)
{
    (void)matrices;
    (void)polynomial;
}

bool chunker_wide_has_boundary(const uint64_t matrices[WIDE_MATRICES][8], const unsigned char *from)
{
    (void)matrices;
    (void)from;
    return true;
}

#endif
