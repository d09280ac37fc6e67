#include "core/utf8.h"

#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

static size_t length_of(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0)
        return 3;
    return lead < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *text, size_t len, uint32_t *ret_rune)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned char lead = (unsigned char)text[0];
    size_t n = length_of(lead);
    if (n == 0 || n > len)
        return 0;
    uint32_t rune = lead & lead_mask[n];
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)text[i];
        if (!is_continuation(next))
            return 0;
        rune = rune << 6 | (next & 0x3f);
    }
    if (rune < smallest[n] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return 0;
    *ret_rune = rune;
    return n;
}

char *utf8_encode(uint32_t rune, char *text)
{
    if (rune < 0x80) {
        *text++ = (char)rune;
        return text;
    }
    int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    *text++ = (char)(lead[more] | rune >> (6 * more));
    while (more-- > 0)
        *text++ = (char)(0x80 | (rune >> (6 * more) & 0x3f));
    return text;
}

bool utf8_is_valid(const char *text)
{
    size_t len = strlen(text);
    uint32_t ignored = 0;
    for (size_t at = 0; at < len;) {
        size_t n = utf8_decode(text + at, len - at, &ignored);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

size_t utf8_count(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        if (!is_continuation((unsigned char)*text))
            count++;
    return count;
}
