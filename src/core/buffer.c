#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){.max = buffer->max};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
}

enum status buffer_reserve(struct buffer *buffer, size_t more, struct error *err)
{
    if (more > buffer->max - buffer->len)
        return FAIL(err, STATUS_TOO_LARGE, "more than %zu bytes", buffer->max);
    size_t needed = buffer->len + more + 1; /* the NUL is not counted against the limit */
    if (needed <= buffer->capacity)
        return STATUS_OK;

    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    unsigned char *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a buffer of %zu bytes", capacity);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return STATUS_OK;
}

enum status buffer_add(struct buffer *buffer, const void *bytes, size_t len, struct error *err)
{
    if (buffer_reserve(buffer, len, err) != STATUS_OK)
        return error_status(err);
    if (len > 0)
        memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = '\0';
    return STATUS_OK;
}

enum status buffer_add_text(struct buffer *buffer, const char *text, struct error *err)
{
    return buffer_add(buffer, text, strlen(text), err);
}
