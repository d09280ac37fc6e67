/*
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the character at text, 1 to 4; 0 if there is none that is valid. len is at least 1. */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret_rune);

/* rune is valid; returns the end of what it wrote, at most 4 bytes. */
char *utf8_encode(uint32_t rune, char *text);

bool utf8_is_valid(const char *text);

/* Characters, not bytes; the text must be valid. */
size_t utf8_count(const char *text);

#endif
