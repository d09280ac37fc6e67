
#include "core/error.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

Test(reason_code, is_one_of_its_own_for_each_and_fits_an_error)
{
    cr_expect(eq(str, (char *)reason_code(REASON_UNSET), ""));
    for (int one = 1; one < REASON_COUNT; one++) {
        const char *code = reason_code((enum reason)one);
        cr_assert(code != NULL, "reason %d", one);
        cr_expect(lt(sz, strlen(code), ERROR_REASON_MAX), "%s", code);
        cr_expect(eq(sz, strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code)), "%s", code);
        for (int other = 1; other < one; other++)
            cr_expect(ne(str, (char *)code, (char *)reason_code((enum reason)other)));
    }
}

static int find(const char *code)
{
    for (int i = 1; i < REASON_COUNT; i++)
        if (strcmp(reason_code((enum reason)i), code) == 0)
            return i;
    return 0;
}

Test(reason_code, stands_for_each_status)
{
    for (int status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        int reason = find(status_name((enum status)status));

        cr_expect(reason > 0, "%s", status_name((enum status)status));
    }
}
