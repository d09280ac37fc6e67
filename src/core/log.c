#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
};

static enum log_level threshold = LOG_LEVEL_INFO;
static int prefix_wanted = -1; /* -1: not decided yet */
static int fallback = -1;
static char context_key[16];
static char context_text[64];

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_set_prefix(bool prefix)
{
    prefix_wanted = prefix;
}

void log_set_fallback(int fd)
{
    fallback = fd;
    if (fd >= 0)
        prefix_wanted = !isatty(fd);
}

/* A line is one write(2). */
static bool write_line(const struct line *line)
{
    return write(STDERR_FILENO, line->bytes, line->len) >= 0;
}

void log_set_context(const char *key, const char *text)
{
    (void)snprintf(context_key, sizeof(context_key), "%s", key);
    (void)snprintf(context_text, sizeof(context_text), "%s", text);
}

/* One byte is kept back for the newline; what does not fit is cut. */
static void line_add(struct line *line, const char *bytes, size_t len)
{
    size_t room = sizeof(line->bytes) - 1 - line->len;
    if (len > room)
        len = room;
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
}

static void line_add_quoted(struct line *line, const char *text)
{
    line_add(line, "\"", 1);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[5];
        if (c == '"' || c == '\\')
            line_add(line, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            line_add(line, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            line_add(line, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x", c));
        else
            line_add(line, text, 1);
    }
    line_add(line, "\"", 1);
}

static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == 0x7f)
            return false;
    return true;
}

static void line_add_field(struct line *line, const struct log_field *field)
{
    line_add(line, " ", 1);
    line_add(line, field->key, strlen(field->key));
    line_add(line, "=", 1);
    if (field->text == NULL) {
        char number[24];
        line_add(line, number,
                 (size_t)snprintf(number, sizeof(number), "%lld", (long long)field->number));
    } else if (is_plain(field->text)) {
        line_add(line, field->text, strlen(field->text));
    } else {
        line_add_quoted(line, field->text);
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count)
{
    if (level > threshold)
        return;
    int saved = errno;
    if (prefix_wanted < 0)
        prefix_wanted = !isatty(STDERR_FILENO);

    struct line line = {.len = 0};
    if (prefix_wanted > 0) {
        char priority[] = {'<', (char)('0' + ((unsigned)level & 7u)), '>'};
        line_add(&line, priority, sizeof(priority));
    }
    line_add(&line, "msg=", 4);
    line_add_quoted(&line, message);
    if (context_key[0] != '\0')
        line_add_field(&line, &(struct log_field){.key = context_key, .text = context_text});
    for (size_t i = 0; i < count; i++)
        line_add_field(&line, &fields[i]);
    line.bytes[line.len++] = '\n';
    bool written = write_line(&line);
    if (!written && errno == EPIPE && fallback >= 0 && dup2(fallback, STDERR_FILENO) >= 0)
        written = write_line(&line);
    (void)written; /* nobody is listening: there is no better place to say so */
    errno = saved;
}
