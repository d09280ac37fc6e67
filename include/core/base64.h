/* Base64, the padded standard alphabet (RFC 4648 section 4), strict. */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters for len bytes, without a NUL. */
#define BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Returns the end of what it wrote: BASE64_LEN(len) characters, no NUL. */
char *base64_encode(const void *bytes, size_t len, char *text);

/* bytes has room for text_len / 4 * 3 and may be text itself. False: not Base64. */
bool base64_decode(const char *text, size_t text_len, unsigned char *bytes, size_t *ret_len);

#endif
