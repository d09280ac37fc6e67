#include "bucket/s3_credentials.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIRECTORY_VARIABLE "CREDENTIALS_DIRECTORY"
#define DIRECTORY_PREFIX   "$" DIRECTORY_VARIABLE "/"

/* A part of a line, without the blanks around it. */
struct span {
    const char *start;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(const char *start, size_t len)
{
    while (len > 0 && is_blank(*start)) {
        start++;
        len--;
    }
    while (len > 0 && is_blank(start[len - 1]))
        len--;
    return (struct span){start, len};
}

/* With or without "aws_" in front. */
static bool is_key(struct span span, const char *name)
{
    if (span.len > 4 && strncmp(span.start, "aws_", 4) == 0)
        span = (struct span){span.start + 4, span.len - 4};
    return span.len == strlen(name) && strncmp(span.start, name, span.len) == 0;
}

/* They go into HTTP headers: printable, and no blank. */
static bool is_value(struct span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (span.start[i] <= ' ' || span.start[i] > '~')
            return false;
    return span.len > 0;
}

static enum status set_access_key(struct s3_credentials *credentials, struct span value,
                                  struct error *err)
{
    if (credentials->access_key[0] != '\0')
        return FAIL(err, STATUS_INVALID, "access_key_id given twice");
    if (value.len > S3_ACCESS_KEY_MAX || memchr(value.start, '/', value.len) != NULL)
        return FAIL(err, STATUS_INVALID, "access_key_id: at most %d characters, no '/'",
                    S3_ACCESS_KEY_MAX);
    memcpy(credentials->access_key, value.start, value.len);
    credentials->access_key[value.len] = '\0';
    return STATUS_OK;
}

static enum status set_secret(struct secret **slot, const char *name, struct span value,
                              struct error *err)
{
    char text[SECRET_MAX + 1];
    if (*slot != NULL)
        return FAIL(err, STATUS_INVALID, "%s given twice", name);
    if (value.len > SECRET_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "%s: more than %d characters", name, SECRET_MAX);
    memcpy(text, value.start, value.len);
    text[value.len] = '\0';
    enum status status = secret_new(text, slot, err);
    explicit_bzero(text, sizeof(text));
    return status;
}

static enum status set(struct s3_credentials *credentials, struct span key, struct span value,
                       struct error *err)
{
    if (!is_value(value))
        return FAIL(err, STATUS_INVALID, "a value of printable characters is expected");
    if (is_key(key, "access_key_id"))
        return set_access_key(credentials, value, err);
    if (is_key(key, "secret_access_key"))
        return set_secret(&credentials->secret_key, "secret_access_key", value, err);
    if (is_key(key, "session_token"))
        return set_secret(&credentials->session_token, "session_token", value, err);
    return FAIL(err, STATUS_INVALID,
                "access_key_id, secret_access_key or session_token is expected");
}

static enum status parse_line(struct s3_credentials *credentials, struct span line, int *sections,
                              struct error *err)
{
    if (line.len == 0 || *line.start == '#' || *line.start == ';')
        return STATUS_OK;
    if (*line.start == '[') {
        if ((*sections)++ > 0)
            return FAIL(err, STATUS_INVALID, "a second section: one set of keys is expected");
        return STATUS_OK;
    }
    const char *equals = memchr(line.start, '=', line.len);
    if (equals == NULL)
        return FAIL(err, STATUS_INVALID, "'key = value' is expected");
    size_t key_len = (size_t)(equals - line.start);
    return set(credentials, trim(line.start, key_len), trim(equals + 1, line.len - key_len - 1),
               err);
}

static enum status parse_lines(struct s3_credentials *credentials, const char *text,
                               struct error *err)
{
    int sections = 0;
    int number = 1;
    for (const char *line = text; *line != '\0'; number++) {
        size_t len = strcspn(line, "\n");
        if (parse_line(credentials, trim(line, len), &sections, err) != STATUS_OK)
            return FAIL_IN(err, "line %d", number);
        line += len + (line[len] == '\n');
    }
    if (credentials->access_key[0] == '\0')
        return FAIL(err, STATUS_INVALID, "access_key_id is missing");
    if (credentials->secret_key == NULL)
        return FAIL(err, STATUS_INVALID, "secret_access_key is missing");
    return STATUS_OK;
}

enum status s3_credentials_parse(const char *text, struct s3_credentials *ret_credentials,
                                 struct error *err)
{
    struct s3_credentials credentials = {.secret_key = NULL};
    if (parse_lines(&credentials, text, err) != STATUS_OK) {
        s3_credentials_done(&credentials);
        return error_status(err);
    }
    *ret_credentials = credentials;
    return STATUS_OK;
}

/* The path with the directory that systemd(1) made for us in the place of its name. */
static enum status resolve(const char *path, char resolved[PATH_MAX], struct error *err)
{
    const char *directory = "";
    const char *rest = path;
    if (strncmp(path, DIRECTORY_PREFIX, strlen(DIRECTORY_PREFIX)) == 0) {
        directory = getenv(DIRECTORY_VARIABLE); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
        rest = path + strlen(DIRECTORY_PREFIX) - 1;
        if (directory == NULL)
            return FAIL(err, STATUS_NOT_FOUND, "'%s': no $" DIRECTORY_VARIABLE " is set", path);
    }
    if (snprintf(resolved, PATH_MAX, "%s%s", directory, rest) >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "'%.200s': the path is too long", path);
    return STATUS_OK;
}

enum status s3_credentials_read(const char *path, struct s3_credentials *ret_credentials,
                                struct error *err)
{
    char resolved[PATH_MAX];
    CLEANUP(secret_freep) struct secret *text = NULL;
    if (resolve(path, resolved, err) != STATUS_OK)
        return FAIL_IN(err, "credentials");
    if (secret_read(resolved, &text, err) != STATUS_OK)
        return FAIL_IN(err, "credentials");
    if (s3_credentials_parse(secret_text(text), ret_credentials, err) != STATUS_OK)
        return FAIL_IN(err, "credentials '%s'", resolved);
    return STATUS_OK;
}

static bool are_equal(const struct secret *one, const struct secret *other)
{
    if (one == NULL || other == NULL)
        return one == other;
    return strcmp(secret_text(one), secret_text(other)) == 0; /* both are ours: no need for more */
}

bool s3_credentials_equal(const struct s3_credentials *one, const struct s3_credentials *other)
{
    return strcmp(one->access_key, other->access_key) == 0 &&
           are_equal(one->secret_key, other->secret_key) &&
           are_equal(one->session_token, other->session_token);
}

void s3_credentials_done(struct s3_credentials *credentials)
{
    secret_free(credentials->secret_key);
    secret_free(credentials->session_token);
    *credentials = (struct s3_credentials){.secret_key = NULL};
}
