#include "pointer_set.h"

#include <stdint.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

/* Where it is, or would be. */
static size_t place(const struct pointer_set *set, const void *pointer)
{
    uint64_t hash = (uint64_t)(uintptr_t)pointer * 0x9E3779B97F4A7C15U;
    size_t slot = (size_t)(hash >> 32) & (set->capacity - 1);
    while (set->slots[slot] != NULL && set->slots[slot] != pointer)
        slot = (slot + 1) & (set->capacity - 1);
    return slot;
}

bool pointer_set_has(const struct pointer_set *set, const void *pointer)
{
    return pointer != NULL && set->capacity > 0 && set->slots[place(set, pointer)] != NULL;
}

static enum status grow(struct pointer_set *set, struct error *err)
{
    struct pointer_set grown = {.capacity = set->capacity == 0 ? CAPACITY_MIN : set->capacity * 2,
                                .count = set->count};
    grown.slots = calloc(grown.capacity, sizeof(grown.slots[0]));
    if (grown.slots == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a set of %zu", grown.capacity);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != NULL)
            grown.slots[place(&grown, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = grown;
    return STATUS_OK;
}

enum status pointer_set_add(struct pointer_set *set, const void *pointer, struct error *err)
{
    if (set->count * 2 >= set->capacity && grow(set, err) != STATUS_OK)
        return error_status(err);
    size_t slot = place(set, pointer);
    set->count += set->slots[slot] == NULL;
    set->slots[slot] = pointer;
    return STATUS_OK;
}

enum status pointer_set_add_all(struct pointer_set *set, const struct pointer_set *others,
                                struct error *err)
{
    for (size_t i = 0; i < others->capacity; i++)
        if (others->slots[i] != NULL && pointer_set_add(set, others->slots[i], err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

void pointer_set_done(struct pointer_set *set)
{
    free(set->slots);
    *set = (struct pointer_set){0};
}
