#include "quote.h"

#include "core/utf8.h"

#include <string.h>

static const uint32_t printable[][2] = {
#include "printable.inc"
};

static const char hex_digits[] = "0123456789abcdef";

bool rune_is_printable(uint32_t rune)
{
    size_t low = 0;
    size_t high = sizeof(printable) / sizeof(printable[0]);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rune > printable[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof(printable) / sizeof(printable[0]) && rune >= printable[low][0];
}

static char *put_hex(char *to, uint32_t value, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        *to++ = hex_digits[value >> shift & 15];
    return to;
}

/* An ASCII character of a JSON string, the way Go has it: safe inside HTML. */
static char *put_json_ascii(char *to, unsigned char c)
{
    switch (c) {
    case '"':
        return stpcpy(to, "\\\"");
    case '\\':
        return stpcpy(to, "\\\\");
    case '\n':
        return stpcpy(to, "\\n");
    case '\r':
        return stpcpy(to, "\\r");
    case '\t':
        return stpcpy(to, "\\t");
    default:
        break;
    }
    if (c < 0x20 || c == '<' || c == '>' || c == '&')
        return put_hex(stpcpy(to, "\\u"), c, 4);
    *to++ = (char)c;
    return to;
}

char *quote_json(char *to, const char *text, size_t len)
{
    *to++ = '"';
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        uint32_t rune = 0;
        size_t n = utf8_decode(text + i, len - i, &rune);
        if (c < 0x80) {
            to = put_json_ascii(to, c);
        } else if (n == 0) {
            to = stpcpy(to, "\\ufffd");
        } else if (rune == 0x2028 || rune == 0x2029) {
            to = put_hex(stpcpy(to, "\\u"), rune, 4);
        } else {
            memcpy(to, text + i, n);
            to += n;
        }
        i += n == 0 ? 1 : n;
    }
    *to++ = '"';
    return to;
}

bool quote_is_lossless(const char *text, size_t len)
{
    uint32_t ignored = 0;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_decode(text + i, len - i, &ignored);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* The backslash of the first layer is written as the second one has it: doubled. */
static char *put_name_ascii(char *to, unsigned char c)
{
    static const char named[] = "abtnvfr"; /* for 7 to 13 */
    if (c == '"')
        return stpcpy(to, "\\\\\\\"");
    if (c == '\\')
        return stpcpy(to, "\\\\\\\\");
    if (c >= '\a' && c <= '\r') {
        to = stpcpy(to, "\\\\");
        *to++ = named[c - '\a'];
        return to;
    }
    if (c < 0x20 || c == 0x7f)
        return put_hex(stpcpy(to, "\\\\x"), c, 2);
    return put_json_ascii(to, c);
}

static char *put_name_rune(char *to, uint32_t rune, const char *bytes, size_t n)
{
    if (!rune_is_printable(rune))
        return rune <= 0xffff ? put_hex(stpcpy(to, "\\\\u"), rune, 4)
                              : put_hex(stpcpy(to, "\\\\U"), rune, 8);
    memcpy(to, bytes, n);
    return to + n;
}

char *quote_name(char *to, const char *name, size_t len)
{
    *to++ = '"';
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)name[i];
        uint32_t rune = 0;
        size_t n = utf8_decode(name + i, len - i, &rune);
        if (c < 0x80)
            to = put_name_ascii(to, c);
        else if (n == 0)
            to = put_hex(stpcpy(to, "\\\\x"), c, 2);
        else
            to = put_name_rune(to, rune, name + i, n);
        i += n == 0 ? 1 : n;
    }
    *to++ = '"';
    return to;
}

static int digit_value(char c)
{
    const char *found = c == '\0' ? NULL : strchr(hex_digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return found == NULL ? -1 : (int)(found - hex_digits);
}

/* digits of the base at text, all of which must be there. */
static bool read_number(const char *text, size_t len, size_t digits, unsigned base,
                        uint32_t *ret_value)
{
    uint32_t value = 0;
    if (digits > len)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        value = value * base + (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

static bool rune_is_valid(uint32_t rune)
{
    return rune <= 0x10ffff && (rune < 0xd800 || rune > 0xdfff);
}

/* text stands behind a backslash. Returns how many characters the escape has, 0 if it is none. */
static size_t read_escape(const char *text, size_t len, char **to)
{
    static const char letters[] = "abfnrtv\\\"";
    static const char meanings[] = "\a\b\f\n\r\t\v\\\"";
    uint32_t value = 0;
    char c = text[0];
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    if (letter != NULL) {
        *(*to)++ = meanings[letter - letters];
        return 1;
    }
    if ((c == 'x' && read_number(text + 1, len - 1, 2, 16, &value)) ||
        (read_number(text, len, 3, 8, &value) && value <= 255)) {
        *(*to)++ = (char)value;
        return 3;
    }
    size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || !read_number(text + 1, len - 1, digits, 16, &value) || !rune_is_valid(value))
        return 0;
    *to = utf8_encode(value, *to);
    return 1 + digits;
}

bool unquote(char *text, size_t len, size_t *ret_len)
{
    char *to = text;
    for (size_t i = 0; i < len;) {
        if (text[i] != '\\') {
            if (text[i] == '"' || text[i] == '\n')
                return false;
            *to++ = text[i++];
            continue;
        }
        size_t n = i + 1 < len ? read_escape(text + i + 1, len - i - 1, &to) : 0;
        if (n == 0)
            return false;
        i += 1 + n;
    }
    *ret_len = (size_t)(to - text);
    return true;
}
