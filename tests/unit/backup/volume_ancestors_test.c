#include "src/backup/volume_ancestors.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(volume_ancestors_compare, orders_paths_as_a_tree_orders_names)
{
    static const char *const sorted[] = {"/",      "/a",   "/a/a", "/a/b/c", "/a/b-c", "/a-b",
                                         "/a-b/a", "/a.b", "/ab",  "/b",     "/\xff"};
    size_t count = sizeof(sorted) / sizeof(sorted[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = volume_ancestors_compare(sorted[i], sorted[j]);
            int sign = (order > 0) - (order < 0);
            int expected = (i > j) - (i < j);
            cr_expect(eq(int, sign, expected), "%s %s", sorted[i], sorted[j]);
        }
    }
}
