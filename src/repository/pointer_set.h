/* Pointer set: which of many have been met: open addressing, at most half full. */
#ifndef REPOSITORY_POINTER_SET_H
#define REPOSITORY_POINTER_SET_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pointer_set {
    const void **slots; /* NULL: free */
    size_t count;
    size_t capacity; /* a power of two, or 0 */
};

/* NULL is in no set. */
bool pointer_set_has(const struct pointer_set *set, const void *pointer);
enum status pointer_set_add(struct pointer_set *set, const void *pointer, struct error *err)
    MUST_CHECK;
enum status pointer_set_add_all(struct pointer_set *set, const struct pointer_set *others,
                                struct error *err) MUST_CHECK;
void pointer_set_done(struct pointer_set *set); /* all zeros is fine */

#endif
