#include "snapshot/gaps.h"

#include "core/array.h"

#include <stdlib.h>
#include <string.h>

void gaps_done(struct gaps *gaps)
{
    for (size_t i = 0; i < gaps->count; i++)
        free(gaps->list[i].cause);
    free(gaps->list);
    *gaps = (struct gaps){.list = NULL};
}

enum status gaps_add(struct gaps *gaps, ino_t inode, int64_t size, const struct error *cause,
                     struct error *err)
{
    if (gaps->count >= GAPS_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "more than %d files cannot be copied: %s", GAPS_MAX,
                    cause->text);
    if (array_reserve(&gaps->list, &gaps->capacity, gaps->count + 1, sizeof(*gaps->list), err) !=
        STATUS_OK)
        return FAIL_IN(err, "files that cannot be copied");
    char *text = gaps->count < GAPS_TOLD_MAX ? strdup(cause->text) : NULL;
    gaps->list[gaps->count++] = (struct gap){.inode = inode, .size = size, .cause = text};
    return STATUS_OK;
}

static int compare(const void *left, const void *right)
{
    const struct gap *a = left;
    const struct gap *b = right;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

void gaps_sort(struct gaps *gaps)
{
    if (gaps->count > 1)
        qsort(gaps->list, gaps->count, sizeof(*gaps->list), compare);
}

const struct gap *gaps_find(const struct gaps *gaps, ino_t inode)
{
    const struct gap wanted = {.inode = inode};
    return gaps->count == 0
               ? NULL
               : bsearch(&wanted, gaps->list, gaps->count, sizeof(*gaps->list), compare);
}
