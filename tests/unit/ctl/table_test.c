#include "src/ctl/table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

static const char *const titles[] = {"NAME", "SIZE", "ID", NULL};

static void add(struct table *table, const char *name, const char *size, const char *id)
{
    struct error err = {0};
    enum status status = table_add(table, (const char *[]){name, size, id}, &err);
    cr_assert(eq(int, (int)status, (int)STATUS_OK));
}

static char *print(struct table *table)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    table_print(table, out);
    (void)fclose(out);
    return text;
}

Test(table_print, aligns_columns_and_leaves_no_space_at_the_end)
{
    struct table table;
    table_init(&table, titles, 1 << 1);
    add(&table, "shop", "5 B", "1");
    add(&table, "a-longer-name", "1023 B", "22");

    char *text = print(&table);

    cr_assert(eq(str, text,
                 "NAME             SIZE  ID\n"
                 "shop              5 B  1\n"
                 "a-longer-name  1023 B  22\n"));
    free(text);
    table_done(&table);
}

Test(table_print, prints_the_titles_of_an_empty_table)
{
    struct table table;
    table_init(&table, titles, 0);

    char *text = print(&table);

    cr_assert(eq(str, text, "NAME  SIZE  ID\n"));
    free(text);
    table_done(&table);
}

Test(table_print, continues_a_table_without_titles)
{
    struct table table;
    table_init(&table, titles, 0);
    add(&table, "longest-of-all", "1", "1");
    free(print(&table));
    add(&table, "b", "2", "2");

    char *text = print(&table);

    cr_assert(eq(str, text, "b               2     2\n"));
    free(text);
    table_done(&table);
}

Test(table_print, counts_columns_in_characters)
{
    struct table table;
    table_init(&table, titles, 0);
    add(&table, "k\xc3\xbc\x63he", "1", "1");
    add(&table, "abcdef", "2", "2");

    char *text = print(&table);

    cr_assert(eq(str, text,
                 "NAME    SIZE  ID\n"
                 "k\xc3\xbc\x63he   1     1\n"
                 "abcdef  2     2\n"));
    free(text);
    table_done(&table);
}

Test(table_done, frees_rows_that_were_never_printed)
{
    struct table table;
    table_init(&table, titles, 0);
    add(&table, "a", "b", "c");
    table_done(&table);
}
