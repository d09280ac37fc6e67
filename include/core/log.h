/*
 * Log: one line per event on stderr, "<priority>" in front for journald (sd-daemon(3)), then
 * key=value pairs, values quoted where needed:
 *   <6>msg="backup completed" backup=7d0c… bytes=18874368
 * When stderr, or what stands in for it, is the journal ($JOURNAL_STREAM), the same goes there
 * field by field: BACKUP_ID=, APP_ID=, JOB_ID=, STAGE=, ATTEMPT=, CORRELATION_ID=, others as
 * APPBACKUP_<KEY>=, and MESSAGE_ID= where the message has one.
 *
 * Keys      The same thing has the same key everywhere: backup, app, job, task, bucket, correlation
 *           are ids (app_name, bucket_name: what people call them); code is a reason code, reason a
 *           sentence, *_ms a time.
 * Callers   Library code does not log: it returns a reason, and each failure is logged once, by a
 *           loop or main. Secrets never come here.
 * Errno     is kept
 * Threads   any: a line is one write(2)
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

/* What is said of an event that people wait for: systemd/appbackup.catalog explains the id. */
struct log_message {
    const char *id; /* MESSAGE_ID: 32 hexadecimal digits; NULL: none */
    const char *text;
};

#define LOG_TEXT(key_, text_)     ((struct log_field){.key = (key_), .text = (text_)})
#define LOG_NUMBER(key_, number_) ((struct log_field){.key = (key_), .number = (number_)})

/* log_text(LOG_LEVEL_INFO, "job claimed", LOG_TEXT("job", id), LOG_NUMBER("epoch", 3)); */
/* NOLINTNEXTLINE(readability-identifier-naming): it reads like the function that it calls */
#define log_text(level, message, ...)                                      \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

void log_write_message(enum log_level level, const struct log_message *message,
                       const struct log_field *fields, size_t count);

/* What is above (less urgent than) the level is dropped. Default: info. */
void log_set_level(enum log_level level);

/* Without journald the "<6>" prefix is noise; the default asks whether stderr is a terminal. */
void log_set_prefix(bool prefix);

/* When nobody reads stderr any more (EPIPE), this descriptor takes its place; -1: none. Whether the
 * prefix is noise, and whether it is the journal, is then asked of it at once. */
void log_set_fallback(int fd);

enum { LOG_CONTEXT_MAX = 8, LOG_CONTEXT_KEY_SIZE = 16, LOG_CONTEXT_TEXT_SIZE = 80 };

/* A field that stands in every line from here on, e.g. the job's id; the text is copied. One that
 * is there is replaced; NULL: no longer. */
void log_set_context(const char *key, const char *text);

#endif
