#include "chunks.h"

#include "head.h"

#include <stdbool.h>
#include <string.h>

enum line_result { LINE_PARTIAL, LINE_TAKEN, LINE_BROKEN };

/* line: room for CHUNK_LINE_BYTES_MAX; without its end, and with a NUL behind. */
static enum line_result take_line(struct evbuffer *input, char *line, size_t *ret_len)
{
    size_t eol_len = 0;
    struct evbuffer_ptr feed = evbuffer_search_eol(input, NULL, &eol_len, EVBUFFER_EOL_LF);
    if (feed.pos < 0)
        return evbuffer_get_length(input) < CHUNK_LINE_BYTES_MAX ? LINE_PARTIAL : LINE_BROKEN;
    size_t len = (size_t)feed.pos + 1;
    if (len < 2 || len > CHUNK_LINE_BYTES_MAX)
        return LINE_BROKEN;
    (void)evbuffer_remove(input, line, len);
    if (line[len - 2] != '\r')
        return LINE_BROKEN;
    line[len - 2] = '\0';
    *ret_len = len - 2;
    return LINE_TAKEN;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static const char *skip_token(const char *text)
{
    while (head_is_token(*text))
        text++;
    return text;
}

/* NULL: it does not end, or has a control character in it. */
static const char *skip_quoted(const char *text)
{
    for (text++; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return NULL;
    }
    return text + 1;
}

/* "=value", if there is one. NULL: malformed. */
static const char *skip_extension_value(const char *text)
{
    const char *equals = skip_blanks(text);
    if (*equals != '=')
        return text;
    const char *value = skip_blanks(equals + 1);
    if (*value == '"')
        return skip_quoted(value);
    const char *end = skip_token(value);
    return end == value ? NULL : end;
}

/* ";name" or ";name=value", any number of them, up to the end of the line. */
static bool are_extensions(const char *text)
{
    while (*text != '\0') {
        text = skip_blanks(text);
        if (*text != ';')
            return false;
        const char *name = skip_blanks(text + 1);
        const char *name_end = skip_token(name);
        if (name_end == name)
            return false;
        text = skip_extension_value(name_end);
        if (text == NULL)
            return false;
    }
    return true;
}

static bool parse_size(const char *line, size_t len, uint64_t *ret_size)
{
    uint64_t size = 0;
    const char *text = line;
    for (int digit = 0; (digit = hex_value(*text)) >= 0; text++) {
        if (size > UINT64_MAX >> 4)
            return false;
        size = size << 4 | (uint64_t)digit;
    }
    if (text == line || !are_extensions(text) || strlen(line) != len)
        return false;
    *ret_size = size;
    return true;
}

static enum chunks_result take_size(struct chunks *chunks, struct evbuffer *input)
{
    char line[CHUNK_LINE_BYTES_MAX];
    size_t len = 0;
    enum line_result result = take_line(input, line, &len);
    if (result == LINE_PARTIAL)
        return CHUNKS_NEED_MORE;
    if (result == LINE_BROKEN || !parse_size(line, len, &chunks->left))
        return CHUNKS_BROKEN;
    chunks->place = chunks->left == 0 ? CHUNKS_TRAILER : CHUNKS_DATA;
    return CHUNKS_HAVE_DATA;
}

static enum chunks_result take_data_end(struct chunks *chunks, struct evbuffer *input)
{
    char end[2];
    ev_ssize_t len = evbuffer_copyout(input, end, sizeof(end));
    if (len >= 1 && end[0] != '\r')
        return CHUNKS_BROKEN;
    if (len < 2)
        return CHUNKS_NEED_MORE;
    if (end[1] != '\n')
        return CHUNKS_BROKEN;
    (void)evbuffer_drain(input, sizeof(end));
    chunks->place = CHUNKS_SIZE;
    return CHUNKS_HAVE_DATA;
}

static enum chunks_result take_trailer(struct chunks *chunks, struct evbuffer *input)
{
    char line[CHUNK_LINE_BYTES_MAX];
    size_t len = 0;
    enum line_result result = take_line(input, line, &len);
    if (result == LINE_PARTIAL)
        return CHUNKS_NEED_MORE;
    if (result == LINE_BROKEN)
        return CHUNKS_BROKEN;
    if (len == 0)
        return CHUNKS_ENDED;
    chunks->trailer_bytes += len;
    if (chunks->trailer_bytes > CHUNK_LINE_BYTES_MAX || !head_line_is_field(line, len))
        return CHUNKS_BROKEN;
    return CHUNKS_HAVE_DATA;
}

/* A step that has done its part says "data", and the place says whether that is so. */
static enum chunks_result step(struct chunks *chunks, struct evbuffer *input)
{
    switch (chunks->place) {
    case CHUNKS_SIZE:
        return take_size(chunks, input);
    case CHUNKS_DATA_END:
        return take_data_end(chunks, input);
    case CHUNKS_TRAILER:
        return take_trailer(chunks, input);
    case CHUNKS_DATA:
        break;
    }
    return CHUNKS_HAVE_DATA;
}

enum chunks_result chunks_next(struct chunks *chunks, struct evbuffer *input)
{
    enum chunks_result result = CHUNKS_HAVE_DATA;
    while (result == CHUNKS_HAVE_DATA && chunks->place != CHUNKS_DATA)
        result = step(chunks, input);
    return result;
}

void chunks_taken(struct chunks *chunks, size_t len)
{
    chunks->left -= len;
    if (chunks->left == 0)
        chunks->place = CHUNKS_DATA_END;
}
