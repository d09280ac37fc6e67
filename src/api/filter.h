/*
 * Filter: which rows of a list a caller wants.
 *
 * Shapes    condition {"," condition};  condition = path operator "'" value "'"
 *           path = name {"." name}, one of the names may be followed by "[*]": any element
 *           operator = eq lt gt lte gte in; the value of in is a list, "'a,b,c'"
 *           All conditions must hold. Strings compare by bytes (times sort so too), numbers as
 *           numbers. A row without the field does not match. A value cannot hold a quote.
 * Limits    FILTER_CONDITIONS_MAX conditions, FILTER_DEPTH_MAX names in a path
 * Ownership the text is borrowed
 * Source    Astra Control API, "Lists"
 */
#ifndef API_FILTER_H
#define API_FILTER_H

#include "slice.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

enum { FILTER_CONDITIONS_MAX = 16, FILTER_DEPTH_MAX = 4 };

enum filter_operator { FILTER_EQ, FILTER_LT, FILTER_GT, FILTER_LTE, FILTER_GTE, FILTER_IN };

struct filter_condition {
    struct slice names[FILTER_DEPTH_MAX];
    size_t depth;
    size_t any_at; /* the names before this one lead to an array; 0: none */
    enum filter_operator comparison;
    struct slice value;
};

struct filter {
    struct filter_condition conditions[FILTER_CONDITIONS_MAX];
    size_t count;
};

/* Adds the conditions of one text. Returns NULL, or what is wrong with the text (static). */
const char *filter_add(struct filter *filter, const char *text);

bool filter_matches(const struct filter *filter, const json_t *row);

#endif
