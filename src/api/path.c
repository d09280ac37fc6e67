#include "path.h"

#include "core/hex.h"
#include "slice.h"

#include <ctype.h>
#include <string.h>

/* The next segment from *at that is not empty; length 0 at the end. */
static struct slice next_segment(const char **at)
{
    *at += strspn(*at, "/");
    struct slice segment = {*at, strcspn(*at, "/")};
    *at += segment.len;
    return segment;
}

static unsigned char decode_one(const struct slice *segment, size_t *at)
{
    const char *text = segment->text + *at;
    unsigned char byte = 0;
    if (*text == '%' && segment->len - *at >= 3) {
        const char digits[] = {(char)tolower((unsigned char)text[1]),
                               (char)tolower((unsigned char)text[2]), '\0'};
        if (hex_decode(digits, &byte, 1)) {
            *at += 3;
            return byte;
        }
    }
    (*at)++;
    return (unsigned char)*text;
}

static bool is_same_segment(const struct slice *pattern, const struct slice *segment)
{
    if (pattern->len > 0 && pattern->text[0] == ':')
        return segment->len > 0;
    size_t at = 0;
    for (size_t i = 0; i < pattern->len; i++)
        if (at >= segment->len || decode_one(segment, &at) != (unsigned char)pattern->text[i])
            return false;
    return at == segment->len;
}

static bool matches(const char *pattern, const char *path)
{
    for (;;) {
        struct slice wanted = next_segment(&pattern);
        struct slice segment = next_segment(&path);
        if (!is_same_segment(&wanted, &segment))
            return false;
        if (wanted.len == 0)
            return true;
    }
}

void path_write_allow(const struct http_route *routes, size_t count, const char *path,
                      char allow[PATH_ALLOW_SIZE])
{
    static const struct {
        enum http_method method;
        const char *text;
    } methods[] = {
        {HTTP_METHOD_GET, "GET, HEAD"},
        {HTTP_METHOD_POST, "POST"},
        {HTTP_METHOD_PUT, "PUT"},
        {HTTP_METHOD_DELETE, "DELETE"},
    };

    allow[0] = '\0';
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        bool taken = false;
        for (size_t j = 0; j < count && !taken; j++)
            taken = routes[j].method == methods[i].method && matches(routes[j].pattern, path);
        if (!taken)
            continue;
        if (allow[0] != '\0')
            strcat(allow, ", ");
        strcat(allow, methods[i].text); /* all of them together fit */
    }
}
