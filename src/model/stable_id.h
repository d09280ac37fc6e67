/* Ids that are the same after a reinstall: version 5 of (namespace, "<kind>/<name>"). */
#ifndef MODEL_STABLE_ID_H
#define MODEL_STABLE_ID_H

#include "core/id.h"

/* namespace_id "" is the whole installation. */
void stable_id(const char *namespace_id, const char *kind, const char *name, char id[ID_SIZE]);

#endif
