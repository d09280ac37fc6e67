#include "core/log.h"

#include "journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
};

/* The stages of a job come and go while other threads log. */
struct context {
    size_t count;

    struct {
        char key[LOG_CONTEXT_KEY_SIZE];
        char text[LOG_CONTEXT_TEXT_SIZE];
    } items[LOG_CONTEXT_MAX];
};

static enum log_level threshold = LOG_LEVEL_INFO;
static int prefix_wanted = -1; /* -1: not decided yet */
static int in_journal = -1;    /* the same */
static int fallback = -1;
static struct context context;
static pthread_mutex_t context_mutex = PTHREAD_MUTEX_INITIALIZER;

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_set_prefix(bool prefix)
{
    prefix_wanted = prefix;
}

static bool is_journal(int fd)
{
    return journal_has(getenv("JOURNAL_STREAM"), fd); /* NOLINT(concurrency-mt-unsafe): not set */
}

void log_set_fallback(int fd)
{
    fallback = fd;
    if (fd < 0)
        return;
    prefix_wanted = !isatty(fd);
    in_journal = is_journal(fd) || is_journal(STDERR_FILENO);
}

/* A line is one write(2). */
static bool write_line(const struct line *line)
{
    return write(STDERR_FILENO, line->bytes, line->len) >= 0;
}

void log_set_context(const char *key, const char *text)
{
    (void)pthread_mutex_lock(&context_mutex);
    size_t at = 0;
    while (at < context.count && strcmp(context.items[at].key, key) != 0)
        at++;
    if (text != NULL && at < LOG_CONTEXT_MAX) {
        (void)snprintf(context.items[at].key, LOG_CONTEXT_KEY_SIZE, "%s", key);
        (void)snprintf(context.items[at].text, LOG_CONTEXT_TEXT_SIZE, "%s", text);
        if (at == context.count)
            context.count++;
    } else if (text == NULL && at < context.count) {
        context.count--;
        memmove(&context.items[at], &context.items[at + 1],
                (context.count - at) * sizeof(context.items[0]));
    }
    (void)pthread_mutex_unlock(&context_mutex);
}

static void copy_context(struct context *copy)
{
    (void)pthread_mutex_lock(&context_mutex);
    *copy = context;
    (void)pthread_mutex_unlock(&context_mutex);
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

enum { NUMBER_SIZE = 24 };

/* The field's text, or its number as one. */
static const char *text_of(const struct log_field *field, char number[NUMBER_SIZE])
{
    if (field->text != NULL)
        return field->text;
    (void)snprintf(number, NUMBER_SIZE, "%lld", (long long)field->number);
    return number;
}

static void line_add_field(struct line *line, const struct log_field *field)
{
    char number[NUMBER_SIZE];
    const char *text = text_of(field, number);
    line_add(line, " ", 1);
    line_add(line, field->key, strlen(field->key));
    line_add(line, "=", 1);
    if (is_plain(text))
        line_add(line, text, strlen(text));
    else
        line_add_quoted(line, text);
}

/* What is said, in the order in which it is: the context in front. */
struct event {
    enum log_level level;
    const struct log_message *message;
    struct context context;
    const struct log_field *fields;
    size_t count;
};

static bool is_said_by_event(const struct event *event, const char *key)
{
    for (size_t i = 0; i < event->count; i++)
        if (strcmp(event->fields[i].key, key) == 0)
            return true;
    return false;
}

typedef void field_fn(void *output, const struct log_field *field);

/* Each key once: what the event says itself takes the place of the context's. */
static void each_field(const struct event *event, field_fn *on_field, void *output)
{
    for (size_t i = 0; i < event->context.count; i++) {
        const struct log_field field = {.key = event->context.items[i].key,
                                        .text = event->context.items[i].text};
        if (!is_said_by_event(event, field.key))
            on_field(output, &field);
    }
    for (size_t i = 0; i < event->count; i++)
        on_field(output, &event->fields[i]);
}

static void on_line_field(void *output, const struct log_field *field)
{
    line_add_field(output, field);
}

static void on_journal_field(void *output, const struct log_field *field)
{
    char number[NUMBER_SIZE];
    journal_add_field(output, field->key, text_of(field, number));
}

/* MESSAGE= is what people see: the pairs stand there as well. */
static bool send_event(const struct event *event)
{
    struct journal_entry entry;
    entry.len = 0;
    struct line line = {.len = 0};
    const char *text = event->message->text;
    line_add(&line, text, strlen(text));
    each_field(event, on_line_field, &line);
    const char priority = (char)('0' + ((unsigned)event->level & 7u));
    const char *program = program_invocation_short_name;
    journal_add(&entry, "MESSAGE", line.bytes, line.len);
    journal_add(&entry, "PRIORITY", &priority, 1);
    journal_add(&entry, "SYSLOG_IDENTIFIER", program, strlen(program));
    if (event->message->id != NULL)
        journal_add(&entry, "MESSAGE_ID", event->message->id, strlen(event->message->id));
    each_field(event, on_journal_field, &entry);
    return journal_send(JOURNAL_SOCKET, &entry);
}

static void write_event(const struct event *event)
{
    struct line line = {.len = 0};
    if (prefix_wanted > 0) {
        char priority[] = {'<', (char)('0' + ((unsigned)event->level & 7u)), '>'};
        line_add(&line, priority, sizeof(priority));
    }
    line_add(&line, "msg=", 4);
    line_add_quoted(&line, event->message->text);
    each_field(event, on_line_field, &line);
    line.bytes[line.len++] = '\n';
    bool written = write_line(&line);
    if (!written && errno == EPIPE && fallback >= 0 && dup2(fallback, STDERR_FILENO) >= 0)
        written = write_line(&line);
    (void)written; /* nobody is listening: there is no better place to say so */
}

void log_write_message(enum log_level level, const struct log_message *message,
                       const struct log_field *fields, size_t count)
{
    if (level > threshold)
        return;
    int saved = errno;
    if (prefix_wanted < 0)
        prefix_wanted = !isatty(STDERR_FILENO);
    if (in_journal < 0)
        in_journal = is_journal(STDERR_FILENO);
    struct event event = {.level = level, .message = message, .fields = fields, .count = count};
    copy_context(&event.context);
    if (in_journal == 0 || !send_event(&event))
        write_event(&event);
    errno = saved;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count)
{
    log_write_message(level, &(const struct log_message){.text = message}, fields, count);
}
