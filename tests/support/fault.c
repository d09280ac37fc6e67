#include "tests/support/fault.h"

#include <errno.h>
#include <string.h>

static const char *armed;
static int calls_left;
static int armed_error;

void fault_arm(const char *name, int nth, int error_number)
{
    armed = name;
    calls_left = nth;
    armed_error = error_number;
}

void fault_disarm(void)
{
    armed = NULL;
}

bool fault_hits(const char *name)
{
    if (armed == NULL || strcmp(armed, name) != 0 || --calls_left != 0)
        return false;
    armed = NULL;
    errno = armed_error;
    return true;
}
