/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef REPOSITORY_UTF8_H
#define REPOSITORY_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the code point at text, 1 to 4; 0 if there is none that is valid. len is at least 1. */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret_rune);

/* rune is valid; returns the end of what it wrote, at most 4 bytes. */
char *utf8_encode(uint32_t rune, char *text);

#endif
