/* What storage services say when there is no room left in them: each has words of its own. */
#ifndef BUCKET_FULL_H
#define BUCKET_FULL_H

#include <stdbool.h>

/* Does a service's message, or a program's that used it, say so? */
bool bucket_full_is_said(const char *text);

#endif
