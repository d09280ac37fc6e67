/*
 * Table: aligned columns on a terminal. Rows are collected, then printed with the widths that they
 * need; printing again continues the table, with widths that only grow.
 *
 * Limits    TABLE_COLUMNS_MAX columns; cells are copied. Widths count characters of UTF-8.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "core/error.h"

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 10 };

struct table {
    const char *const *titles; /* borrowed; NULL-terminated */
    size_t columns;
    unsigned right; /* bit per column: numbers are aligned at their end */
    size_t widths[TABLE_COLUMNS_MAX];
    char **cells; /* owned, row after row */
    size_t cell_count, cell_capacity;
    int printed; /* the titles were */
};

void table_init(struct table *table, const char *const *titles, unsigned right);
void table_done(struct table *table);

/* cells: as many as there are titles. */
enum status table_add(struct table *table, const char *const *cells, struct error *err) MUST_CHECK;

/* Prints the rows and forgets them. */
void table_print(struct table *table, FILE *out);

#endif
