#include "query.h"

#include <stdlib.h>

enum { LIMIT_DIGITS_MAX = 18 }; /* fits int64_t; nobody has more rows than that */

void query_init(struct query *query)
{
    query->field_count = 0;
    query->limit = INT64_MAX;
    query->filter.count = 0;
}

/* NULL, or what is wrong. */
typedef const char *read_fn(struct query *query, const char *value);

static const char *read_include(struct query *query, const char *value)
{
    if (query->field_count > 0)
        return "given more than once";
    for (;;) {
        struct slice field = {value, strcspn(value, ",")};
        if (!slice_is_word(field))
            return "expected: names of fields, separated by commas";
        if (query->field_count == QUERY_FIELDS_MAX)
            return "too many fields";
        query->fields[query->field_count++] = field;
        value += field.len;
        if (*value == '\0')
            return NULL;
        value++;
    }
}

static const char *read_limit(struct query *query, const char *value)
{
    if (query->limit != INT64_MAX)
        return "given more than once";
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] != '\0' || value[0] == '0')
        return "expected: a number from 1, without leading zeros";
    if (digits <= LIMIT_DIGITS_MAX)
        query->limit = strtoll(value, NULL, 10);
    return NULL;
}

static const char *read_filter(struct query *query, const char *value)
{
    return filter_add(&query->filter, value);
}

bool query_add(struct query *query, unsigned taken, const char *name, const char *value,
               struct problem *problem)
{
    static const struct {
        unsigned bit;
        const char *name;
        read_fn *read;
    } table[] = {
        {QUERY_INCLUDE, "include", read_include},
        {QUERY_LIMIT, "limit", read_limit},
        {QUERY_FILTER, "filter", read_filter},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if ((taken & table[i].bit) == 0 || strcmp(name, table[i].name) != 0)
            continue;
        const char *fault = table[i].read(query, value);
        /* A parameter that is not taken weighs more than a malformed one. */
        if (fault != NULL && problem->number != PROBLEM_QUERY_UNSUPPORTED)
            problem_add_reason(problem, PROBLEM_QUERY_INVALID, name, fault);
        return fault == NULL;
    }
    if (problem->number == PROBLEM_QUERY_INVALID)
        problem_done(problem);
    problem_add_reason(problem, PROBLEM_QUERY_UNSUPPORTED, name, "not taken by this operation");
    return false;
}
