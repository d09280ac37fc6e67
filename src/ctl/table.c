#include "table.h"

#include "core/array.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, const char *const *titles, unsigned right)
{
    *table = (struct table){.titles = titles, .right = right};
    while (titles[table->columns] != NULL) {
        assert(table->columns < TABLE_COLUMNS_MAX);
        table->widths[table->columns] = text_width(titles[table->columns]);
        table->columns++;
    }
}

static void forget_rows(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = 0;
    table->cell_capacity = 0;
}

void table_done(struct table *table)
{
    forget_rows(table);
}

enum status table_add(struct table *table, const char *const *cells, struct error *err)
{
    if (array_reserve(&table->cells, &table->cell_capacity, table->cell_count + table->columns,
                      sizeof(char *), err) != STATUS_OK)
        return FAIL_IN(err, "table");
    for (size_t i = 0; i < table->columns; i++) {
        char *copy = strdup(cells[i]);
        if (copy == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "table");
        table->cells[table->cell_count++] = copy;
        size_t width = text_width(copy);
        if (width > table->widths[i])
            table->widths[i] = width;
    }
    return STATUS_OK;
}

static void print_row(const struct table *table, const char *const *cells, FILE *out)
{
    for (size_t i = 0; i < table->columns; i++) {
        int padding = (int)(table->widths[i] - text_width(cells[i]));
        bool right = (table->right >> i & 1u) != 0;
        bool last = i + 1 == table->columns;
        if (right)
            (void)fprintf(out, "%*s%s", padding, "", cells[i]);
        else
            (void)fprintf(out, "%s%*s", cells[i], last ? 0 : padding, "");
        (void)fputs(last ? "\n" : "  ", out);
    }
}

void table_print(struct table *table, FILE *out)
{
    if (!table->printed)
        print_row(table, table->titles, out);
    table->printed = 1;
    for (size_t i = 0; i < table->cell_count; i += table->columns)
        print_row(table, (const char *const *)(table->cells + i), out);
    forget_rows(table);
}
