/*
 * Query: the parameters of a list. What an operation does not take is problem 6, a value that
 * cannot be read is problem 5; both name every parameter at fault.
 *
 * Limits    QUERY_FIELDS_MAX names in include
 * Ownership everything is borrowed from the request
 * Source    Astra Control API, "Lists"
 */
#ifndef API_QUERY_H
#define API_QUERY_H

#include "core/attributes.h"
#include "filter.h"
#include "problem.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUERY_FIELDS_MAX = 64 };

/* What an operation takes. */
enum { QUERY_INCLUDE = 1, QUERY_LIMIT = 2, QUERY_FILTER = 4 };

struct query {
    struct slice fields[QUERY_FIELDS_MAX];
    size_t field_count; /* 0: whole resources */
    int64_t limit;      /* INT64_MAX: none */
    struct filter filter;
};

void query_init(struct query *query);

/* Reads one parameter. False: it is at fault, and *problem says how; go on with the others. */
bool query_add(struct query *query, unsigned taken, const char *name, const char *value,
               struct problem *problem) MUST_CHECK;

#endif
