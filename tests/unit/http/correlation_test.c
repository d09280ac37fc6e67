#include "src/http/correlation.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

Test(correlation_next, makes_valid_ids_over_many_batches)
{
    struct correlation correlation = {0};
    char last[ID_SIZE] = "";

    for (int i = 0; i < 3 * CORRELATION_BATCH_BYTES / 16 + 1; i++) {
        char id[ID_SIZE];
        correlation_next(&correlation, id);
        cr_assert(id_is_valid(id), "%s", id);
        cr_assert(eq(chr, id[14], '4'));
        cr_assert(ne(str, id, last));
        memcpy(last, id, sizeof(last));
    }
}
