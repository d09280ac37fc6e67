/* Polynomials over GF(2), bit n of a word being the coefficient of x^n. */
#ifndef REPOSITORY_POLYNOMIAL_H
#define REPOSITORY_POLYNOMIAL_H

#include <stdbool.h>
#include <stdint.h>

int polynomial_degree(uint64_t p);                     /* -1 for 0 */
uint64_t polynomial_mod(uint64_t p, uint64_t modulus); /* modulus is not 0 */

/* p * x^shift mod modulus, whose degree is below 63. */
uint64_t polynomial_shift_mod(uint64_t p, unsigned shift, uint64_t modulus);

bool polynomial_is_irreducible(uint64_t p);

/* For the chunker of a new repository: random, irreducible, of degree 53. */
uint64_t polynomial_random(void);

#endif
