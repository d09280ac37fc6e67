#include "actor.h"

#include <stdio.h>
#include <unistd.h>

void actor_name(char actor[ACTOR_SIZE])
{
    (void)snprintf(actor, ACTOR_SIZE, "appbackupctl:uid=%u", (unsigned)getuid());
}
