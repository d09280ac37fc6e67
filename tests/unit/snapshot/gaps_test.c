#include "snapshot/gaps.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct error err;

Test(gaps, finds_each_by_its_inode_and_nothing_else)
{
    struct gaps gaps = {.list = NULL};
    struct error cause = {.status = STATUS_UNSUPPORTED, .text = "it is in use as swap"};
    cr_expect(gaps_find(&gaps, 7) == NULL);
    for (ino_t inode = 301; inode > 100; inode -= 2)
        cr_assert(
            eq(int, (int)gaps_add(&gaps, inode, (int64_t)inode * 2, &cause, &err), STATUS_OK));
    gaps_sort(&gaps);

    cr_expect(eq(sz, gaps.count, 101));
    for (ino_t inode = 101; inode <= 301; inode += 2) {
        const struct gap *gap = gaps_find(&gaps, inode);
        cr_assert(gap != NULL);
        cr_expect(eq(i64, gap->size, (int64_t)inode * 2));
    }
    cr_expect(gaps_find(&gaps, 102) == NULL);
    cr_expect(gaps_find(&gaps, 303) == NULL);
    gaps_done(&gaps);
    cr_expect(gaps_find(&gaps, 101) == NULL);
}

Test(gaps, keeps_the_cause_of_some_and_the_number_of_all_up_to_a_limit)
{
    struct gaps gaps = {.list = NULL};
    struct error cause = {.status = STATUS_UNSUPPORTED, .text = "it is in use as swap"};
    size_t told = 0;
    for (size_t i = 0; i < GAPS_MAX; i++)
        cr_assert(eq(int, (int)gaps_add(&gaps, i, 0, &cause, &err), STATUS_OK));

    cr_expect(eq(int, (int)gaps_add(&gaps, GAPS_MAX, 0, &cause, &err), STATUS_TOO_LARGE));

    cr_expect(strstr(err.text, "in use as swap") != NULL, "%s", err.text);
    for (size_t i = 0; i < gaps.count; i++)
        told += gaps.list[i].cause != NULL;
    cr_expect(eq(sz, told, GAPS_TOLD_MAX));
    gaps_done(&gaps);
}
