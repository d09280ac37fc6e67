#include "core/array.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdint.h>
#include <stdlib.h>

static struct error err;

Test(array_reserve, keeps_what_is_there_while_it_grows)
{
    int *items = NULL;
    size_t capacity = 0;

    for (int i = 0; i < 1000; i++) {
        cr_assert(eq(int,
                     (int)array_reserve(&items, &capacity, (size_t)i + 1, sizeof(*items), &err),
                     (int)STATUS_OK));
        items[i] = i;
    }

    for (int i = 0; i < 1000; i++)
        cr_assert(eq(int, items[i], i));
    free(items);
}

Test(array_reserve, moves_the_items_seldom)
{
    char *items = NULL;
    size_t capacity = 0, changes = 0;

    for (size_t count = 1; count <= 4096; count++) {
        size_t before = capacity;
        cr_assert(eq(int, (int)array_reserve(&items, &capacity, count, 1, &err), (int)STATUS_OK));
        cr_assert(ge(sz, capacity, count));
        changes += capacity != before;
    }

    cr_expect(le(sz, changes, 9));
    free(items);
}

Test(array_reserve, gives_many_at_once)
{
    char *items = NULL;
    size_t capacity = 0;

    cr_assert(eq(int, (int)array_reserve(&items, &capacity, 100000, 1, &err), (int)STATUS_OK));

    cr_expect(eq(sz, capacity, 100000));
    free(items);
}

Test(array_reserve, leaves_all_as_it_was_without_memory)
{
    int *items = NULL;
    size_t capacity = 0;
    cr_assert(
        eq(int, (int)array_reserve(&items, &capacity, 1, sizeof(*items), &err), (int)STATUS_OK));
    int *before = items;
    size_t room = capacity;

    cr_expect(eq(int, (int)array_reserve(&items, &capacity, SIZE_MAX / 2, sizeof(*items), &err),
                 (int)STATUS_NO_MEMORY));

    cr_expect(eq(ptr, items, before));
    cr_expect(eq(sz, capacity, room));
    free(items);
}
