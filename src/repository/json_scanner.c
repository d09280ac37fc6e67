#include "json_scanner.h"

#include "core/utf8.h"

#include <string.h>

enum { DEPTH_MAX = 64 };

void json_scanner_init(struct json_scanner *scanner, const void *text, size_t len)
{
    static const char nothing[1];
    scanner->start = text == NULL ? nothing : text;
    scanner->at = scanner->start;
    scanner->end = scanner->start + len;
}

void json_scan_set_error(const struct json_scanner *scanner, const char *what, struct error *err)
{
    error_set(err, STATUS_CORRUPT, "JSON at byte %zu: %s", (size_t)(scanner->at - scanner->start),
              what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

char json_scan_peek(struct json_scanner *scanner)
{
    while (scanner->at < scanner->end && is_space(*scanner->at))
        scanner->at++;
    if (scanner->at == scanner->end)
        return '\0';
    return *scanner->at;
}

enum status json_scan_char(struct json_scanner *scanner, char c, struct error *err)
{
    if (json_scan_peek(scanner) != c || scanner->at == scanner->end)
        return FAIL(err, STATUS_CORRUPT, "JSON at byte %zu: '%c' is expected",
                    (size_t)(scanner->at - scanner->start), c);
    scanner->at++;
    return STATUS_OK;
}

/* Past the comma of a list, or its end. */
static enum status next_of(struct json_scanner *scanner, char closing, bool *first, bool *ret_more,
                           struct error *err)
{
    char c = json_scan_peek(scanner);
    *ret_more = c != closing;
    if (c == closing) {
        scanner->at++;
        return STATUS_OK;
    }
    if (!*first && json_scan_char(scanner, ',', err) != STATUS_OK)
        return error_status(err);
    *first = false;
    return STATUS_OK;
}

enum status json_scan_element(struct json_scanner *scanner, bool *first, bool *ret_more,
                              struct error *err)
{
    return next_of(scanner, ']', first, ret_more, err);
}

enum status json_scan_member(struct json_scanner *scanner, bool *first, struct json_slice *ret_key,
                             bool *ret_more, struct error *err)
{
    if (next_of(scanner, '}', first, ret_more, err) != STATUS_OK)
        return error_status(err);
    if (!*ret_more)
        return STATUS_OK;
    if (json_scan_string(scanner, ret_key, err) != STATUS_OK)
        return error_status(err);
    return json_scan_char(scanner, ':', err);
}

/* Past what means nothing special inside a string, eight bytes at a time: most of a tree is ids and
 * times. Stops in front of the eight that a quotation mark, a backslash or a control character is
 * among, or that would go over the end. */
static const char *skip_plain(const char *at, const char *end)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    static const uint64_t tops = UINT64_C(0x8080808080808080);
    while (end - at >= 8) {
        uint64_t bytes = 0;
        memcpy(&bytes, at, sizeof(bytes));
        uint64_t quotes = bytes ^ ones * '"';
        uint64_t escapes = bytes ^ ones * '\\';
        /* What is below a bound borrows from its top bit; bytes from 0x80 on are none of these. */
        uint64_t found = (bytes - ones * 0x20) | (quotes - ones) | (escapes - ones);
        if ((found & ~bytes & tops) != 0)
            break;
        at += 8;
    }
    return at;
}

enum status json_scan_string(struct json_scanner *scanner, struct json_slice *ret_slice,
                             struct error *err)
{
    if (json_scan_peek(scanner) != '"')
        return json_scan_fail(scanner, "a string is expected", err);
    const char *start = ++scanner->at;
    scanner->at = skip_plain(start, scanner->end);
    for (; scanner->at < scanner->end; scanner->at++) {
        unsigned char c = (unsigned char)*scanner->at;
        if (c == '"') {
            *ret_slice = (struct json_slice){.at = start, .len = (size_t)(scanner->at - start)};
            scanner->at++;
            return STATUS_OK;
        }
        if (c < 0x20)
            return json_scan_fail(scanner, "a control character in a string", err);
        if (c == '\\' && ++scanner->at == scanner->end)
            break;
    }
    return json_scan_fail(scanner, "a string without end", err);
}

enum status json_scan_number(struct json_scanner *scanner, uint64_t max, uint64_t *ret_number,
                             struct error *err)
{
    uint64_t number = 0;
    char c = json_scan_peek(scanner);
    if (c < '0' || c > '9')
        return json_scan_fail(scanner, "a whole number is expected", err);
    for (; scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
         scanner->at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*scanner->at - '0'), &number))
            return json_scan_fail(scanner, "a number that is too large", err);
    }
    if (number > max)
        return json_scan_fail(scanner, "a number that is too large", err);
    if (scanner->at < scanner->end && strchr(".eE", *scanner->at) != NULL && *scanner->at != '\0')
        return json_scan_fail(scanner, "a whole number is expected", err);
    *ret_number = number;
    return STATUS_OK;
}

bool json_scan_null(struct json_scanner *scanner)
{
    if (json_scan_peek(scanner) != 'n' || scanner->end - scanner->at < 4 ||
        memcmp(scanner->at, "null", 4) != 0)
        return false;
    scanner->at += 4;
    return true;
}

/* A number, true, false or null, or what claims to be one. */
static enum status skip_word(struct json_scanner *scanner, struct error *err)
{
    const char *start = scanner->at;
    while (scanner->at < scanner->end &&
           ((*scanner->at >= '0' && *scanner->at <= '9') ||
            (*scanner->at >= 'a' && *scanner->at <= 'z') || *scanner->at == '-' ||
            *scanner->at == '+' || *scanner->at == '.' || *scanner->at == 'E'))
        scanner->at++;
    if (scanner->at == start)
        return json_scan_fail(scanner, "a value is expected", err);
    return STATUS_OK;
}

struct nesting {
    char closing[DEPTH_MAX];
    int depth;
};

static enum status open_bracket(const struct json_scanner *scanner, struct nesting *nesting, char c,
                                struct error *err)
{
    if (nesting->depth == DEPTH_MAX)
        return json_scan_fail(scanner, "nested too deep", err);
    nesting->closing[nesting->depth++] = c == '{' ? '}' : ']';
    return STATUS_OK;
}

static enum status skip_token(struct json_scanner *scanner, struct nesting *nesting,
                              struct error *err)
{
    struct json_slice ignored;
    char c = json_scan_peek(scanner);
    if (c == '"')
        return json_scan_string(scanner, &ignored, err);
    if (nesting->depth > 0 && (c == ',' || c == ':')) {
        scanner->at++;
        return STATUS_OK;
    }
    if (c == '{' || c == '[') {
        scanner->at++;
        return open_bracket(scanner, nesting, c, err);
    }
    if (nesting->depth > 0 && c == nesting->closing[nesting->depth - 1]) {
        scanner->at++;
        nesting->depth--;
        return STATUS_OK;
    }
    return skip_word(scanner, err);
}

enum status json_scan_skip(struct json_scanner *scanner, struct error *err)
{
    struct nesting nesting = {.depth = 0};
    do {
        if (skip_token(scanner, &nesting, err) != STATUS_OK)
            return error_status(err);
    } while (nesting.depth > 0);
    return STATUS_OK;
}

enum status json_scan_end(struct json_scanner *scanner, struct error *err)
{
    (void)json_scan_peek(scanner);
    if (scanner->at != scanner->end)
        return json_scan_fail(scanner, "more than one value", err);
    return STATUS_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "uXXXX" behind the backslash. */
static bool read_unit(const char *at, const char *end, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    if (end - at < 5 || at[0] != 'u')
        return false;
    for (int i = 1; i < 5; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return false;
        unit = unit << 4 | (uint32_t)digit;
    }
    *ret_unit = unit;
    return true;
}

/* at stands on the 'u'. Half a surrogate pair becomes U+FFFD, as in Go. */
static const char *decode_unicode(const char *at, const char *end, char **to)
{
    uint32_t rune = 0;
    uint32_t low = 0;
    if (!read_unit(at, end, &rune))
        return NULL;
    at += 5;
    if (rune >= 0xd800 && rune <= 0xdbff && at < end && *at == '\\' &&
        read_unit(at + 1, end, &low) && low >= 0xdc00 && low <= 0xdfff) {
        rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    } else if (rune >= 0xd800 && rune <= 0xdfff) {
        rune = 0xfffd;
    }
    *to = utf8_encode(rune, *to);
    return at;
}

bool json_slice_decode(const struct json_slice *slice, char *to, size_t *ret_len)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *start = to;
    const char *end = slice->at + slice->len;
    for (const char *at = slice->at; at < end;) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        if (++at == end || *at == '\0')
            return false;
        const char *letter = strchr(letters, *at);
        if (letter != NULL) {
            *to++ = meanings[letter - letters];
            at++;
            continue;
        }
        at = decode_unicode(at, end, &to);
        if (at == NULL)
            return false;
    }
    *ret_len = (size_t)(to - start);
    return true;
}
