#include "s3_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VALUE_SIZE = 128, DIGITS_MAX = 18 };

/* "Name: value\r\n": copies the value without the blanks around it if it is that header. One that
 * does not fit is "". */
static bool is_header(const char *line, size_t len, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return false;
    line += name_len + 1;
    len -= name_len + 1;
    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    size_t used = 0;
    while (used < len && line[used] >= ' ' && line[used] <= '~')
        used++;
    while (used > 0 && line[used - 1] == ' ')
        used--;
    (void)snprintf(value, size, "%.*s", used < size ? (int)used : 0, line);
    return true;
}

/* Reads digits up to a character that ends them; NULL: there is no such number. */
static const char *read_number(const char *text, char end, uint64_t *ret_number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || text[digits] != end)
        return NULL;
    *ret_number = strtoull(text, NULL, 10);
    return text + digits + (end == '\0' ? 0 : 1);
}

static void read_length(struct s3_head *head, const char *value)
{
    uint64_t length = 0;
    if (read_number(value, '\0', &length) == NULL || (head->has_length && length != head->length))
        head->is_contradictory = true;
    head->has_length = true;
    head->length = length;
}

/* "first-last/total", with "*" for a range that there is not, or for a total that is not known. */
static bool read_span(struct s3_head *head, const char *text)
{
    bool is_span = strncmp(text, "*/", 2) != 0;
    if (is_span) {
        text = read_number(text, '-', &head->first);
        text = text == NULL ? NULL : read_number(text, '/', &head->last);
    } else {
        text += 2;
    }
    if (text == NULL || (is_span && head->last < head->first))
        return false;
    head->has_range = is_span;
    head->has_total = strcmp(text, "*") != 0;
    return !head->has_total || (read_number(text, '\0', &head->total) != NULL &&
                                (!is_span || head->last < head->total));
}

static void read_range(struct s3_head *head, const char *value)
{
    static const char unit[] = "bytes";
    size_t len = sizeof(unit) - 1;
    bool is_repeated = head->has_range || head->has_total;
    if (is_repeated || strncasecmp(value, unit, len) != 0 ||
        (value[len] != ' ' && value[len] != '=') || !read_span(head, value + len + 1))
        head->is_contradictory = true;
}

/* "aws-chunked" is how an upload came to the server; some send it back with the object. */
static bool is_plain(const char *encoding)
{
    static const char *const plain[] = {"", "identity", "aws-chunked", "aws-chunked,"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcasecmp(encoding, plain[i]) == 0)
            return true;
    return false;
}

void s3_head_line(struct s3_head *head, const char *line, size_t len)
{
    char value[VALUE_SIZE];
    if (len >= 5 && strncmp(line, "HTTP/", 5) == 0)
        *head = (struct s3_head){.date = ""};
    else if (is_header(line, len, "Date", head->date, sizeof(head->date)) ||
             is_header(line, len, "Location", head->location, sizeof(head->location)))
        return;
    else if (is_header(line, len, "Content-Length", value, sizeof(value)))
        read_length(head, value);
    else if (is_header(line, len, "Content-Range", value, sizeof(value)))
        read_range(head, value);
    else if (is_header(line, len, "Transfer-Encoding", value, sizeof(value)))
        head->is_chunked = true;
    else if (is_header(line, len, "Content-Encoding", value, sizeof(value)))
        head->is_encoded = head->is_encoded || !is_plain(value);
}
