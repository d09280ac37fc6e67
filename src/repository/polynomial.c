#include "polynomial.h"

#include "core/error.h"
#include "crypto.h"

#include <stdlib.h>

enum { DEGREE = 53 };

int polynomial_degree(uint64_t p)
{
    return p == 0 ? -1 : 63 - __builtin_clzll(p);
}

uint64_t polynomial_mod(uint64_t p, uint64_t modulus)
{
    int degree = polynomial_degree(modulus);
    for (int above = polynomial_degree(p) - degree; above >= 0;
         above = polynomial_degree(p) - degree)
        p ^= modulus << above;
    return p;
}

uint64_t polynomial_shift_mod(uint64_t p, unsigned shift, uint64_t modulus)
{
    p = polynomial_mod(p, modulus);
    while (shift-- > 0)
        p = polynomial_mod(p << 1, modulus);
    return p;
}

static uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t modulus)
{
    uint64_t product = 0;
    for (; b != 0; b >>= 1) {
        if ((b & 1) != 0)
            product ^= a;
        a = polynomial_mod(a << 1, modulus);
    }
    return product;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = polynomial_mod(a, b);
        a = b;
        b = rest;
    }
    return a;
}

/* Ben-Or: irreducible if it has no factor in common with x^(2^i) - x for i up to half its degree.
 */
bool polynomial_is_irreducible(uint64_t polynomial)
{
    int degree = polynomial_degree(polynomial);
    if (degree < 2 || degree > 62)
        return false;
    uint64_t power = 2; /* x */
    for (int i = 0; i < degree / 2; i++) {
        power = multiply_mod(power, power, polynomial);
        if (greatest_common_divisor(polynomial, power ^ 2) != 1)
            return false;
    }
    return true;
}

uint64_t polynomial_random(void)
{
    for (;;) {
        struct error err = {0};
        uint64_t candidate = 0;
        if (crypto_random(&candidate, sizeof(candidate), &err) != STATUS_OK)
            abort(); /* without random numbers there is no encryption either */
        candidate &= (UINT64_C(1) << (DEGREE + 1)) - 1;
        candidate |= UINT64_C(1) << DEGREE | 1;
        if (polynomial_is_irreducible(candidate))
            return candidate;
    }
}
