#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(size_t) == sizeof(int64_t), "limits in memory are stored as int64_t");

static bool parse(const char *text, int64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0')
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    *ret_value = value;
    return errno == 0;
}

enum status number_read(const struct document *document, const char *key, const char *text,
                        const struct number *number, int64_t *ret_value, struct error *err)
{
    if (text == NULL) {
        *ret_value = number->value;
        return STATUS_OK;
    }
    int64_t value = 0;
    if (!parse(text, &value) || value < number->min || value > number->max) {
        return document_refuse(document, key, err,
                               "a number from %" PRId64 " to %" PRId64 " is expected, not '%s'",
                               number->min, number->max, text);
    }
    *ret_value = value;
    return STATUS_OK;
}

enum status numbers_read(const struct document *document, const struct number *numbers,
                         size_t count, const void *raw, void *target, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *section = NULL;
        const char *text = NULL;
        memcpy(&section, (const char *)raw + numbers[i].section, sizeof(section));
        if (section != NULL)
            memcpy(&text, section + numbers[i].raw_offset, sizeof(text));
        int64_t value = 0;
        if (number_read(document, numbers[i].key, text, &numbers[i], &value, err) != STATUS_OK)
            return error_status(err);
        memcpy((char *)target + numbers[i].offset, &value, sizeof(value));
    }
    return STATUS_OK;
}
