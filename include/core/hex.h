/* Lower-case hexadecimal, both ways. */
#ifndef CORE_HEX_H
#define CORE_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* Writes 2 * len digits and a NUL. */
void hex_encode(const unsigned char *bytes, size_t len, char *text);

/* True if text is exactly 2 * len lower-case digits; only then bytes are complete. */
bool hex_decode(const char *text, unsigned char *bytes, size_t len);

#endif
