/* Slice: a part of a text that somebody else owns; not terminated. */
#ifndef API_SLICE_H
#define API_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *text;
    size_t len;
};

static inline bool slice_equals(struct slice slice, const char *text)
{
    return strlen(text) == slice.len && memcmp(slice.text, text, slice.len) == 0;
}

static inline bool slice_is_word(struct slice slice)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (size_t i = 0; i < slice.len; i++)
        if (slice.text[i] == '\0' || strchr(word, slice.text[i]) == NULL)
            return false;
    return slice.len > 0;
}

#endif
