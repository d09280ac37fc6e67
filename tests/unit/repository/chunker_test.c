/* Against a second implementation, which follows the definition bit by bit and knows no tables, no
 * strips and no skipping: H(w) = sum of byte_j * x^(8 * (63 - j)) mod P over the last 64 bytes. */
#include "repository/chunker.h"

#include "src/repository/polynomial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

static const uint64_t polynomials[] = {0x3DA3358B4DC173, 0x3eed522d2cf86b};

static uint64_t times_x(uint64_t p, uint64_t modulus)
{
    p <<= 1;
    return (p >> 53 & 1) != 0 ? p ^ modulus : p;
}

static uint64_t times_x_to(uint64_t p, int n, uint64_t modulus)
{
    while (n-- > 0)
        p = times_x(p, modulus);
    return p;
}

static size_t naive_next(const unsigned char *bytes, size_t len, uint64_t polynomial)
{
    uint64_t leaving[256]; /* byte * x^(8 * 64), for what falls out of the window */
    uint64_t digest = 0;
    for (unsigned b = 0; b < 256; b++)
        leaving[b] = times_x_to(b, 8 * 64, polynomial);
    for (size_t n = 0; n < len; n++) {
        if (n == CHUNK_MAX_BYTES || (n >= CHUNK_MIN_BYTES && (digest & ((1 << 20) - 1)) == 0))
            return n;
        digest = times_x_to(digest, 8, polynomial) ^ bytes[n];
        if (n >= 64)
            digest ^= leaving[bytes[n - 64]];
    }
    return len;
}

static void fill(unsigned char *bytes, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(seed >> 56);
    }
}

Test(chunker_next, finds_the_boundaries_of_the_definition)
{
    size_t len = 12 << 20;
    unsigned char *bytes = malloc(len);
    size_t chunks = 0;
    cr_assert(bytes != NULL);
    for (size_t round = 0; round < 2 * sizeof(polynomials) / sizeof(polynomials[0]); round++) {
        struct chunker chunker;
        size_t p = round / 2;
        chunker_init(&chunker, polynomials[p]);
        chunker.is_wide = chunker.is_wide && round % 2 == 0; /* both ways, if there are two */
        fill(bytes, len, 23 + p);
        for (size_t start = 0; start < len;) {
            size_t chunk = chunker_next(&chunker, bytes + start, len - start);
            cr_assert(eq(sz, chunk, naive_next(bytes + start, len - start, polynomials[p])),
                      "at %zu", start);
            start += chunk;
            chunks++;
        }
    }
    cr_assert(chunks > 8, "the data has hardly any boundaries");
    free(bytes);
}

Test(chunker_next, cuts_zeros_at_the_minimum)
{
    struct chunker chunker;
    unsigned char *bytes = calloc(1, 2 << 20);
    chunker_init(&chunker, polynomials[0]);
    cr_assert(eq(sz, chunker_next(&chunker, bytes, 2 << 20), (size_t)CHUNK_MIN_BYTES));
    free(bytes);
}

Test(chunker_next, cuts_at_the_maximum_what_has_no_boundary)
{
    /* A period of one byte has one fingerprint; 1 is not a root of it. */
    struct chunker chunker;
    size_t len = CHUNK_MAX_BYTES + 1000;
    unsigned char *bytes = malloc(len);
    memset(bytes, 1, len);
    chunker_init(&chunker, polynomials[0]);
    cr_assert(eq(sz, chunker_next(&chunker, bytes, len), (size_t)CHUNK_MAX_BYTES));
    cr_assert(
        eq(sz, chunker_next(&chunker, bytes, CHUNK_MAX_BYTES - 1), (size_t)CHUNK_MAX_BYTES - 1));
    free(bytes);
}

Test(chunker_next, takes_short_ends_whole)
{
    struct chunker chunker;
    unsigned char *bytes = calloc(1, CHUNK_MIN_BYTES + 1);
    static const size_t lengths[] = {0, 1, 63, 64, CHUNK_MIN_BYTES - 1, CHUNK_MIN_BYTES};
    chunker_init(&chunker, polynomials[0]);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        cr_expect(eq(sz, chunker_next(&chunker, bytes, lengths[i]), lengths[i]));
    cr_expect(eq(sz, chunker_next(&chunker, bytes, CHUNK_MIN_BYTES + 1), (size_t)CHUNK_MIN_BYTES));
    free(bytes);
}

static void find_at_seams(const struct chunker *chunker)
{
    size_t len = CHUNK_MIN_BYTES + 3 * 16384 + 100;
    unsigned char *bytes = malloc(len);
    static const size_t seams[] = {0,     2048,  4096,  8192,  12288, 14336,
                                   16384, 18432, 20480, 30720, 32768, 49152};
    for (size_t i = 0; i < sizeof(seams) / sizeof(seams[0]); i++) {
        for (size_t n = CHUNK_MIN_BYTES + seams[i] - (i > 0); n < CHUNK_MIN_BYTES + seams[i] + 2;
             n++) {
            memset(bytes, 1, len);
            memset(bytes + n - 64, 0, 64); /* a window of zeros has fingerprint 0 */
            cr_expect(eq(sz, chunker_next(chunker, bytes, len), n));
        }
    }
    free(bytes);
}

/* A boundary at each place around the seams of strips and blocks must be found. */
Test(chunker_next, misses_no_boundary_at_a_seam)
{
    struct chunker chunker;
    chunker_init(&chunker, polynomials[0]);
    find_at_seams(&chunker);
    chunker.is_wide = false;
    find_at_seams(&chunker);
}

Test(polynomial_is_irreducible, knows_the_small_ones)
{
    /* x^2+x+1, x^3+x+1, x^4+x+1, the polynomial of AES */
    static const uint64_t irreducible[] = {0x7, 0xb, 0x13, 0x11b, 0x3DA3358B4DC173};
    /* x^2, x^2+1 = (x+1)^2, (x^2+x+1)^2, AES's with another bit, even */
    static const uint64_t reducible[] = {0, 1, 4, 5, 0x15, 0x11a, 0x119, 0x3DA3358B4DC172};
    for (size_t i = 0; i < sizeof(irreducible) / sizeof(irreducible[0]); i++)
        cr_expect(polynomial_is_irreducible(irreducible[i]), "%lx", irreducible[i]);
    for (size_t i = 0; i < sizeof(reducible) / sizeof(reducible[0]); i++)
        cr_expect(not(polynomial_is_irreducible(reducible[i])), "%lx", reducible[i]);
}

Test(polynomial_is_irreducible, agrees_with_division_by_everything)
{
    for (uint64_t p = 4; p < 1024; p++) {
        bool divisible = false;
        for (uint64_t q = 2; polynomial_degree(q) <= polynomial_degree(p) / 2; q++)
            divisible = divisible || polynomial_mod(p, q) == 0;
        cr_expect(eq(int, polynomial_is_irreducible(p), !divisible), "%lx", p);
    }
}

Test(polynomial_random, is_irreducible_of_degree_53)
{
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        uint64_t p = polynomial_random();
        cr_expect(eq(int, polynomial_degree(p), 53));
        cr_expect(polynomial_is_irreducible(p));
        cr_expect(ne(u64, p, last));
        last = p;
    }
}
