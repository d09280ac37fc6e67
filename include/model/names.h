/* Names: the shapes and limits that several nouns share, and the ids that follow from names. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "core/id.h"

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

/* The id of what has this name, which is the same after a reinstall: version 5 of (namespace_id,
 * "<kind>/<name>"). namespace_id "" is the whole installation. */
void stable_id(const char *namespace_id, const char *kind, const char *name, char id[ID_SIZE]);

#endif
