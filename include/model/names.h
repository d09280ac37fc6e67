/* Shapes and limits of names that several nouns share. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include <stdbool.h>

enum {
    NAME_SIZE = 64,       /* DNS-1123 label: 1-63 characters and the NUL */
    NODE_NAME_SIZE = 254, /* a host name: 1-253 characters and the NUL */
    VERSION_SIZE = 8      /* a resource version, e.g. "1.1" */
};

/* Is it an RFC 1123 label as the API wants it? 1-63 characters a-z 0-9 and '-', with no '-' at the
 * ends. */
bool name_is_label(const char *text);

/* Is it the name of a host? Labels joined by '.', 1-253 characters. */
bool name_is_host(const char *text);

#endif
