/* Arrays that grow as items are added to them. */
#ifndef CORE_ARRAY_H
#define CORE_ARRAY_H

#include "core/attributes.h"
#include "core/error.h"

#include <stddef.h>

/* Room for at least this many items, and twice as many as before when there was not: what is added
 * one by one is moved seldom. slot: the address of the pointer to the first item, which is
 * allocated, or NULL with capacity 0. New room is not cleared; after a failure all is as it was. */
enum status array_reserve(void *slot, size_t *capacity, size_t needed, size_t item_size,
                          struct error *err) MUST_CHECK;

#endif
