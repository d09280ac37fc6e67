/*
 * Log: one line per event on stderr, "<priority>" in front for journald (sd-daemon(3)), then
 * key=value pairs, values quoted where needed:
 *   <6>msg="backup completed" backup=7d0c… bytes=18874368
 * Library code does not log: it returns a reason, and each failure is logged once, by a loop or
 * main. Secrets never come here. Keeps errno. Safe from several threads: a line is one write(2).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of syslog(3). */
enum log_level {
    LOG_LEVEL_ERROR = 3,   /* an operation failed */
    LOG_LEVEL_WARNING = 4, /* went on; the message says how */
    LOG_LEVEL_NOTICE = 5,  /* start, stop, reload */
    LOG_LEVEL_INFO = 6,    /* one per operation */
    LOG_LEVEL_DEBUG = 7
};

struct log_field {
    const char *key;  /* lower case, a-z and _ */
    const char *text; /* NULL: the number counts */
    int64_t number;
};

#define LOG_TEXT(key_, text_)     ((struct log_field){.key = (key_), .text = (text_)})
#define LOG_NUMBER(key_, number_) ((struct log_field){.key = (key_), .number = (number_)})

/* log_event(LOG_LEVEL_INFO, "job claimed", LOG_TEXT("job", id), LOG_NUMBER("epoch", 3)); */
/* NOLINTNEXTLINE(readability-identifier-naming): it reads like the function that it calls */
#define log_event(level, message, ...)                                     \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/* What is above (less urgent than) the level is dropped. Default: info. */
void log_set_level(enum log_level level);

/* Without journald the "<6>" prefix is noise; the default asks whether stderr is a terminal. */
void log_set_prefix(bool prefix);

/* When nobody reads stderr any more (EPIPE), this descriptor takes its place; -1: none. Whether the
 * prefix is noise is then asked of it at once. */
void log_set_fallback(int fd);

/* A field that stands in every line from here on, e.g. the job's id; the text is copied. */
void log_set_context(const char *key, const char *text);

#endif
