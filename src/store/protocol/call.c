#include "store/call.h"

#include <stdlib.h>

void store_call_done(struct store_call *call)
{
    for (size_t i = 0; i < call->owned_count; i++)
        free(call->owned[i]);
    call->owned_count = 0;
}
