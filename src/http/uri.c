#include "uri.h"

#include <string.h>

/* Each byte of the target is written twice at most: to the path, and decoded. A NUL follows the
 * path, each segment (at least a '/' makes room for it) and each part of the query (likewise). */
size_t uri_text_size(size_t target_len)
{
    return 2 * target_len + 4;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Writes the decoded bytes and a NUL to *text and moves it behind them. False: malformed. */
static bool decode(const char *bytes, size_t len, bool plus_is_space, char **text)
{
    char *out = *text;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = len - i > 2 ? hex_value(bytes[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(bytes[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        *out++ = c;
    }
    *out++ = '\0';
    *text = out;
    return true;
}

static bool parse_segments(const char *path, size_t len, char **text, struct uri *uri)
{
    const char *end = path + len;
    for (const char *next = path; next < end;) {
        if (*next == '/') {
            next++;
            continue;
        }
        const char *slash = memchr(next, '/', (size_t)(end - next));
        size_t segment_len = (size_t)((slash == NULL ? end : slash) - next);
        if (uri->segment_count == URI_SEGMENTS_MAX)
            return false;
        uri->segments[uri->segment_count++] = *text;
        if (!decode(next, segment_len, false, text))
            return false;
        next += segment_len;
    }
    return true;
}

static bool parse_pair(const char *pair, size_t len, char **text, struct uri *uri)
{
    if (uri->query_count == HTTP_QUERY_MAX)
        return false;
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - pair);
    struct uri_pair *slot = &uri->query[uri->query_count++];

    slot->name = *text;
    if (!decode(pair, name_len, true, text))
        return false;
    if (equals == NULL) {
        slot->value = *text - 1; /* the NUL of the name */
        return true;
    }
    slot->value = *text;
    return decode(equals + 1, len - name_len - 1, true, text);
}

static bool parse_query(const char *query, size_t len, char **text, struct uri *uri)
{
    const char *end = query + len;
    for (const char *next = query; next < end;) {
        const char *ampersand = memchr(next, '&', (size_t)(end - next));
        size_t pair_len = (size_t)((ampersand == NULL ? end : ampersand) - next);
        if (pair_len > 0 && !parse_pair(next, pair_len, text, uri))
            return false;
        next += pair_len + 1;
    }
    return true;
}

/* The path of "http://host/path" begins behind the authority. */
static const char *skip_authority(const char *target)
{
    if (*target == '/')
        return target;
    const char *scheme_end = strstr(target, "://");
    if (scheme_end == NULL)
        return target;
    const char *authority = scheme_end + 3;
    return authority + strcspn(authority, "/?#");
}

bool uri_parse(const char *target, char *text, struct uri *uri)
{
    const char *path = skip_authority(target);
    size_t len = strcspn(path, "#");
    const char *mark = memchr(path, '?', len);
    size_t path_len = mark == NULL ? len : (size_t)(mark - path);

    uri->path = text;
    uri->segment_count = 0;
    uri->query_count = 0;
    memcpy(text, path, path_len);
    text += path_len;
    *text++ = '\0';

    if (parse_segments(path, path_len, &text, uri) &&
        (mark == NULL || parse_query(mark + 1, len - path_len - 1, &text, uri)))
        return true;
    uri->segment_count = 0;
    uri->query_count = 0;
    return false;
}
