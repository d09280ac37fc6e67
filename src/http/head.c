#include "head.h"

#include <string.h>
#include <strings.h>

bool head_is_token(char c)
{
    static const uint64_t bits[2] = {0x3ff6cfa00000000, 0x57ffffffc7fffffe};
    unsigned char byte = (unsigned char)c;
    return byte < 128 && (bits[byte >> 6] >> (byte & 63) & 1) != 0;
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum head_scan head_scan(const char *bytes, size_t len, size_t *scanned)
{
    const char *line = bytes + *scanned; /* always the begin of one */
    const char *end = bytes + len;
    while (line < end) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        if (feed == NULL)
            return HEAD_PARTIAL;
        if (feed == line || feed[-1] != '\r')
            return HEAD_BROKEN;
        *scanned = (size_t)(feed + 1 - bytes);
        if (feed - line == 1)
            return line == bytes ? HEAD_BROKEN : HEAD_COMPLETE;
        line = feed + 1;
    }
    return HEAD_PARTIAL;
}

static enum http_method method_of(const char *name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_METHOD_GET},         {"HEAD", HTTP_METHOD_HEAD},
        {"POST", HTTP_METHOD_POST},       {"PUT", HTTP_METHOD_PUT},
        {"PATCH", HTTP_METHOD_PATCH},     {"DELETE", HTTP_METHOD_DELETE},
        {"OPTIONS", HTTP_METHOD_OPTIONS},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    return HTTP_METHOD_OTHER;
}

/* "HTTP/1.1": one digit on each side. */
static bool parse_version(const char *text, size_t len, struct head *head)
{
    static const char major[] = "HTTP/1.";
    if (len != sizeof(major) || memcmp(text, major, sizeof(major) - 1) != 0)
        return false;
    char digit = text[len - 1];
    if (digit < '0' || digit > '9')
        return false;
    head->minor = digit == '0' ? 0 : 1;
    head->is_kept = head->minor == 1;
    return true;
}

/* line_end: the CR of the first line. */
static bool parse_request_line(char *text, const char *line_end, struct head *head)
{
    char *space = text;
    while (head_is_token(*space))
        space++;
    if (space == text || *space != ' ')
        return false;
    char *target = space + 1;
    char *target_end = target;
    while ((unsigned char)*target_end > ' ' && *target_end != 0x7f)
        target_end++;
    if (target_end == target || *target_end != ' ')
        return false;
    *space = '\0';
    *target_end = '\0';
    head->method = method_of(text);
    head->target = target;
    return parse_version(target_end + 1, (size_t)(line_end - target_end - 1), head);
}

/* Digits only. What has more of them than a number holds is larger than any limit. */
static bool parse_length(const char *text, uint64_t *ret_length)
{
    uint64_t length = 0;
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');
        length = length > (UINT64_MAX - digit) / 10 ? UINT64_MAX : length * 10 + digit;
    }
    *ret_length = length;
    return true;
}

static bool take_length(struct head *head, const char *value)
{
    bool is_repeated = head->has_length;
    head->has_length = true;
    return !is_repeated && parse_length(value, &head->length);
}

static bool take_coding(struct head *head, const char *value)
{
    bool is_repeated = head->is_chunked;
    head->is_chunked = true;
    return !is_repeated && strcasecmp(value, "chunked") == 0;
}

static bool take_expectation(struct head *head, const char *value)
{
    head->expects_continue = strcasecmp(value, "100-continue") == 0;
    return head->expects_continue;
}

/* Has the list, whose words are separated by commas, this word? */
static bool has_word(const char *list, const char *word)
{
    size_t word_len = strlen(word);
    while (*list != '\0') {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ", \t");
        if (len == word_len && strncasecmp(list, word, len) == 0)
            return true;
        list += len;
    }
    return false;
}

/* What a reader of messages has to know of the connection, and of where the body ends. */
struct reading {
    struct head *head;
    bool has_host;
    bool is_closed;
};

static bool take_connection(struct reading *reading, const char *value)
{
    if (has_word(value, "close"))
        reading->is_closed = true;
    else if (has_word(value, "keep-alive"))
        reading->head->is_kept = true;
    return true;
}

static bool take_host(struct reading *reading)
{
    bool is_repeated = reading->has_host;
    reading->has_host = true;
    return !is_repeated;
}

static bool take_field(struct reading *reading, const char *name, const char *value)
{
    switch (name[0] | 0x20) { /* most fields are none of these */
    case 'c':
        if (strcasecmp(name, "Content-Length") == 0)
            return take_length(reading->head, value);
        return strcasecmp(name, "Connection") != 0 || take_connection(reading, value);
    case 't':
        return strcasecmp(name, "Transfer-Encoding") != 0 || take_coding(reading->head, value);
    case 'h':
        return strcasecmp(name, "Host") != 0 || take_host(reading);
    case 'e':
        return strcasecmp(name, "Expect") != 0 || take_expectation(reading->head, value);
    default:
        return true;
    }
}

/* The parts of a field: name, colon, blanks, value, blanks. False: malformed. */
struct line {
    size_t name_len;
    size_t value_start;
    size_t value_end;
};

static bool split_line(const char *line, size_t len, struct line *ret_line)
{
    size_t name_len = 0;
    while (name_len < len && head_is_token(line[name_len]))
        name_len++;
    if (name_len == 0 || name_len == len || line[name_len] != ':')
        return false;
    size_t start = name_len + 1;
    while (start < len && is_blank(line[start]))
        start++;
    for (size_t i = start; i < len; i++)
        if (is_control(line[i]))
            return false;
    while (len > start && is_blank(line[len - 1]))
        len--;
    *ret_line = (struct line){name_len, start, len};
    return true;
}

bool head_line_is_field(const char *line, size_t len)
{
    struct line parts;
    return split_line(line, len, &parts);
}

/* Puts name and value side by side at *out, which is never behind the line. */
static bool parse_field(struct reading *reading, const char *line, size_t len, char **out)
{
    struct line parts;
    if (!split_line(line, len, &parts))
        return false;
    size_t value_len = parts.value_end - parts.value_start;
    char *name = *out;
    char *value = name + parts.name_len + 1;
    memmove(name, line, parts.name_len);
    name[parts.name_len] = '\0';
    memmove(value, line + parts.value_start, value_len);
    value[value_len] = '\0';
    *out = value + value_len + 1;
    reading->head->field_count++;
    return take_field(reading, name, value);
}

/* Only HTTP/1.0 knows requests without a Host (RFC 9112 section 3.2). */
static bool names_its_host(const struct reading *reading)
{
    return reading->has_host || reading->head->minor == 0;
}

static bool framing_is_sound(const struct head *head)
{
    return !head->is_chunked || (!head->has_length && head->minor == 1);
}

bool head_parse(char *text, size_t len, struct head *ret_head)
{
    *ret_head = (struct head){.method = HTTP_METHOD_OTHER};
    char *line_end = memchr(text, '\r', len);
    if (line_end == NULL || line_end[1] != '\n' || !parse_request_line(text, line_end, ret_head))
        return false;

    struct reading reading = {.head = ret_head};
    char *out = line_end;
    ret_head->fields = out;
    const char *end = text + len - 2; /* the empty line */
    for (const char *line = line_end + 2; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        if (feed == NULL || !parse_field(&reading, line, (size_t)(feed - 1 - line), &out))
            return false;
        line = feed + 1;
    }
    if (reading.is_closed)
        ret_head->is_kept = false;
    return names_its_host(&reading) && framing_is_sound(ret_head);
}

const char *head_field(const struct head *head, const char *name)
{
    const char *field = head->fields;
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = field + strlen(field) + 1;
        if (strcasecmp(field, name) == 0)
            return value;
        field = value + strlen(value) + 1;
    }
    return NULL;
}
