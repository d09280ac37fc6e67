#include "core/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char padding = '=';

char *base64_encode(const void *bytes, size_t len, char *text)
{
    const unsigned char *next = bytes;
    for (; len >= 3; len -= 3, next += 3) {
        *text++ = alphabet[next[0] >> 2];
        *text++ = alphabet[(next[0] & 3) << 4 | next[1] >> 4];
        *text++ = alphabet[(next[1] & 15) << 2 | next[2] >> 6];
        *text++ = alphabet[next[2] & 63];
    }
    if (len == 0)
        return text;
    unsigned char second = len == 2 ? next[1] : 0;
    *text++ = alphabet[next[0] >> 2];
    *text++ = alphabet[(next[0] & 3) << 4 | second >> 4];
    *text = padding;
    if (len == 2)
        *text = alphabet[(second & 15) << 2];
    text++;
    *text++ = padding;
    return text;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Four characters, of which the last `missing` are '='. */
static bool decode_group(const char *text, size_t missing, unsigned char *bytes)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4 - missing; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            return false;
        bits |= (uint32_t)value << (18 - 6 * i);
    }
    for (size_t i = 0; i < 3 - missing; i++)
        bytes[i] = (unsigned char)(bits >> (16 - 8 * i));
    /* bits behind the last byte must be zero: one text per value */
    return missing == 0 || (bits & (missing == 1 ? 0xffu : 0xffffu)) == 0;
}

bool base64_decode(const char *text, size_t text_len, unsigned char *bytes, size_t *ret_len)
{
    if (text_len % 4 != 0)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < text_len; i += 4) {
        size_t missing = 0;
        if (i + 4 == text_len && text[i + 3] == padding)
            missing = text[i + 2] == padding ? 2 : 1;
        char group[4]; /* bytes may be text */
        memcpy(group, text + i, sizeof(group));
        if (!decode_group(group, missing, bytes + len))
            return false;
        len += 3 - missing;
    }
    *ret_len = len;
    return true;
}
