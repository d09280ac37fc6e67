/* Numbers: strictly decimal, within a range that is part of the table. */
#ifndef CONFIG_NUMBER_H
#define CONFIG_NUMBER_H

#include "core/error.h"
#include "document.h"

#include <stddef.h>
#include <stdint.h>

struct number {
    const char *key;
    size_t section;    /* offset of a pointer in what libcyaml filled; NULL there: absent */
    size_t raw_offset; /* of a char * in that section; NULL there: absent */
    size_t offset;     /* of an int64_t or size_t */
    int64_t value;     /* unless it is given */
    int64_t min;
    int64_t max;
};

/* Sets every number of the table in the target from the text in raw, as number_read() does. */
enum status numbers_read(const struct document *document, const struct number *numbers,
                         size_t count, const void *raw, void *target, struct error *err) MUST_CHECK;

/* One number from its text; NULL gives the default. key: where it stands, for the error. Errors:
 * INVALID. */
enum status number_read(const struct document *document, const char *key, const char *text,
                        const struct number *number, int64_t *ret_value, struct error *err)
    MUST_CHECK;

#endif
