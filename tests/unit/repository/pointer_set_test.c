#include "src/repository/pointer_set.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(pointer_set, has_what_was_added_and_nothing_else)
{
    static char places[4000];
    struct pointer_set set = {0};
    struct error err = {0};
    cr_expect(not(pointer_set_has(&set, &places[0])));

    for (size_t i = 0; i < sizeof(places); i += 2)
        cr_assert(eq(int, (int)pointer_set_add(&set, &places[i], &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)pointer_set_add(&set, &places[0], &err), (int)STATUS_OK)); /* again */

    cr_expect(eq(sz, set.count, sizeof(places) / 2));
    for (size_t i = 0; i < sizeof(places); i++)
        cr_assert(eq(int, pointer_set_has(&set, &places[i]), i % 2 == 0), "%zu", i);
    cr_expect(not(pointer_set_has(&set, NULL)));
    pointer_set_done(&set);
}

Test(pointer_set, takes_all_of_another)
{
    static char places[300];
    struct pointer_set set = {0};
    struct pointer_set others = {0};
    struct error err = {0};
    cr_assert(eq(int, (int)pointer_set_add(&set, &places[1], &err), (int)STATUS_OK));
    for (size_t i = 0; i < sizeof(places); i++)
        cr_assert(eq(int, (int)pointer_set_add(&others, &places[i], &err), (int)STATUS_OK));

    cr_assert(eq(int, (int)pointer_set_add_all(&set, &others, &err), (int)STATUS_OK));

    cr_expect(eq(sz, set.count, sizeof(places)));
    pointer_set_done(&set);
    pointer_set_done(&others);
}
