/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef MODEL_UTF8_H
#define MODEL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length (1-4) of the valid character at the start of the bytes; 0 if there is none. */
size_t utf8_character_len(const char *bytes, size_t len);

bool utf8_is_valid(const char *text);

/* Characters, not bytes; the text must be valid. */
size_t utf8_count(const char *text);

#endif
