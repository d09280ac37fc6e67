/*
 * Odd store: between a repository and a store that works, and answers wrongly for a while, as
 * servers and file systems do. Each trouble has a number of times that it happens, in a row, from
 * the next call on that it fits; then the store answers well again.
 */
#ifndef TESTS_SUPPORT_ODD_STORE_H
#define TESTS_SUPPORT_ODD_STORE_H

#include "bucket/object_store.h"

enum odd_kind {
    ODD_LIST_EMPTY, /* a listing has nothing */
    ODD_LIST_SIZES, /* it has no sizes */
    ODD_LIST_ZEROS, /* all its sizes are 0 */
    ODD_ABSENT,     /* an object is not there: get, part of it, size */
    ODD_DAMAGED,    /* a bit of what is read is another one */
    ODD_EMPTY,      /* an object has no bytes */
    ODD_SHORT,      /* an object is too short for its part */
    ODD_KINDS
};

struct odd_store {
    struct object_store *inner; /* borrowed */

    struct {
        int times;
        const char *part; /* of the names that it happens to */
    } odd[ODD_KINDS];

    int looks; /* how often a second look was asked for */
};

/* Caller owns *ret_store, which borrows the odd store; nothing is odd yet. */
void odd_store_open(struct odd_store *odd, struct object_store *inner,
                    struct object_store **ret_store);

void odd_store_set(struct odd_store *odd, enum odd_kind kind, const char *part, int times);

#endif
