#include "utf8.h"

#include <string.h>

/* The first byte tells the length, and narrows what the second may be. */
static const struct {
    unsigned char first_min, first_max, second_min, second_max;
    size_t len;
} shapes[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Is the rest of the character there, behind a first byte of this shape? */
static bool has_rest(size_t shape, const unsigned char *bytes, size_t len)
{
    if (shapes[shape].len > len)
        return false;
    if (shapes[shape].len > 1 &&
        (bytes[1] < shapes[shape].second_min || bytes[1] > shapes[shape].second_max))
        return false;
    for (size_t i = 2; i < shapes[shape].len; i++)
        if (!is_continuation(bytes[i]))
            return false;
    return true;
}

size_t utf8_character_len(const char *bytes, size_t len)
{
    const unsigned char *raw = (const unsigned char *)bytes;
    if (len == 0)
        return 0;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (raw[0] >= shapes[i].first_min && raw[0] <= shapes[i].first_max)
            return has_rest(i, raw, len) ? shapes[i].len : 0;
    return 0;
}

bool utf8_is_valid(const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t character = utf8_character_len(text + at, len - at);
        if (character == 0)
            return false;
        at += character;
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
