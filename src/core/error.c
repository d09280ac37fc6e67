#include "core/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_INVALID] = "invalid",
    [STATUS_NOT_FOUND] = "not_found",
    [STATUS_CONFLICT] = "conflict",
    [STATUS_FORBIDDEN] = "forbidden",
    [STATUS_TOO_LARGE] = "too_large",
    [STATUS_UNSUPPORTED] = "unsupported",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_CANCELED] = "canceled",
    [STATUS_LOST] = "lost",
    [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_LOCKED] = "locked",
    [STATUS_NO_SPACE] = "no_space",
    [STATUS_NO_MEMORY] = "no_memory",
    [STATUS_INTERNAL] = "internal",
};

const char *status_name(enum status status)
{
    return (unsigned)status < STATUS_COUNT ? status_names[status] : "unknown";
}

bool status_is_transient(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_LOCKED ||
           status == STATUS_NO_SPACE || status == STATUS_NO_MEMORY;
}

enum status status_from_errno(int error_number)
{
    static const struct {
        int error_number;
        enum status status;
    } table[] = {
        {ENOENT, STATUS_NOT_FOUND},        {ENOTDIR, STATUS_NOT_FOUND},
        {EEXIST, STATUS_CONFLICT},         {ENOTEMPTY, STATUS_CONFLICT},
        {EACCES, STATUS_FORBIDDEN},        {EPERM, STATUS_FORBIDDEN},
        {EROFS, STATUS_FORBIDDEN},         {ELOOP, STATUS_FORBIDDEN},
        {EINVAL, STATUS_INVALID},          {ENAMETOOLONG, STATUS_TOO_LARGE},
        {EFBIG, STATUS_TOO_LARGE},         {E2BIG, STATUS_TOO_LARGE},
        {EOPNOTSUPP, STATUS_UNSUPPORTED},  {ENOSYS, STATUS_UNSUPPORTED},
        {ENOTTY, STATUS_UNSUPPORTED},      {ECANCELED, STATUS_CANCELED},
        {ENOEXEC, STATUS_INVALID},         {ECONNREFUSED, STATUS_UNAVAILABLE},
        {ECONNRESET, STATUS_UNAVAILABLE},  {EHOSTUNREACH, STATUS_UNAVAILABLE},
        {ENETUNREACH, STATUS_UNAVAILABLE}, {EPIPE, STATUS_UNAVAILABLE},
        {EIO, STATUS_UNAVAILABLE},         {ESTALE, STATUS_UNAVAILABLE},
        {EBUSY, STATUS_UNAVAILABLE},       {EMFILE, STATUS_UNAVAILABLE},
        {ENFILE, STATUS_UNAVAILABLE},      {ETIMEDOUT, STATUS_TIMEOUT},
        {EAGAIN, STATUS_TIMEOUT},          {ENOSPC, STATUS_NO_SPACE},
        {EDQUOT, STATUS_NO_SPACE},         {ENOMEM, STATUS_NO_MEMORY},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].error_number == error_number)
            return table[i].status;
    return STATUS_INTERNAL;
}

/* Cut by hand: an intended truncation is what -Wformat-truncation cannot be told. Not within a
 * character of UTF-8, since the text goes into JSON. */
static void mark_cut(char *text, size_t size, int wanted)
{
    if (wanted < 0 || (size_t)wanted < size || size <= 8)
        return;
    size_t end = size - 4;
    for (int back = 0; back < 3 && ((unsigned char)text[end] & 0xc0) == 0x80; back++)
        end--;
    memcpy(text + end, "...", 4);
}

PRINTF_LIKE(4, 0)

static void error_format(struct error *err, enum status status, const char *reason,
                         const char *format, va_list args)
{
    int saved = errno;
    err->status = status;
    (void)snprintf(err->reason, sizeof(err->reason), "%s", reason);
    int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
    mark_cut(err->text, sizeof(err->text), wanted);
    errno = saved;
}

void error_set(struct error *err, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_format(err, status, status_name(status), format, args);
    va_end(args);
}

void error_set_reason(struct error *err, enum status status, enum reason reason, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    error_format(err, status, reason_code(reason), format, args);
    va_end(args);
}

void error_set_code(struct error *err, enum reason reason)
{
    (void)snprintf(err->reason, sizeof(err->reason), "%s", reason_code(reason));
}

bool error_is(const struct error *err, enum reason reason)
{
    return strcmp(err->reason, reason_code(reason)) == 0;
}

void error_set_errno(struct error *err, int error_number, const char *format, ...)
{
    enum status status = status_from_errno(error_number);
    va_list args;
    va_start(args, format);
    error_format(err, status, status_name(status), format, args);
    va_end(args);

    size_t used = strlen(err->text);
    char buffer[128];
    const char *cause = strerror_r(error_number, buffer, sizeof(buffer));
    int wanted = snprintf(err->text + used, sizeof(err->text) - used, ": %s", cause);
    mark_cut(err->text, sizeof(err->text), wanted < 0 ? wanted : wanted + (int)used);
}

void error_wrap(struct error *err, const char *format, ...)
{
    char inner[ERROR_TEXT_MAX];
    memcpy(inner, err->text, sizeof(inner));

    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    mark_cut(err->text, sizeof(err->text), wanted);

    size_t used = strlen(err->text);
    wanted = snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    mark_cut(err->text, sizeof(err->text), wanted < 0 ? wanted : wanted + (int)used);
}
