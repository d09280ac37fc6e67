#include "core/array.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 16 };

enum status array_reserve(void *slot, size_t *capacity, size_t needed, size_t item_size,
                          struct error *err)
{
    if (needed <= *capacity)
        return STATUS_OK;
    size_t room = *capacity < FIRST_ITEMS ? FIRST_ITEMS : *capacity * 2;
    if (room < needed)
        room = needed;
    void *items = NULL;
    memcpy(&items, slot, sizeof(items)); /* a pointer to some type is no void * to the compiler */
    size_t bytes;
    bool is_too_much = __builtin_mul_overflow(room, item_size, &bytes);
    void *grown = is_too_much ? NULL : realloc(items, bytes);
    if (grown == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "an array of %zu items", room);
    memcpy(slot, &grown, sizeof(grown));
    *capacity = room;
    return STATUS_OK;
}
