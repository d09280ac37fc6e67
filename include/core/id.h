/*
 * Ids: lower-case UUID text, as the API writes them (RFC 4122).
 * Version 4 for what is made once, version 5 for what must be the same after a reinstall.
 */
#ifndef CORE_ID_H
#define CORE_ID_H

#include <stdbool.h>

enum { ID_SIZE = 37 /* 36 characters and the NUL */, ID_BYTES = 16 };

/* The id of things that an internal component made. */
#define ID_NIL "00000000-0000-0000-0000-000000000000"

void id_random(char id[ID_SIZE]);
/* Version 4, from random bytes that the caller has. */
void id_from_random(const unsigned char random[ID_BYTES], char id[ID_SIZE]);

/* Version 5 of (namespace, name); namespace_id must be a valid id. */
void id_from_name(const char *namespace_id, const char *name, char id[ID_SIZE]);

/* The API's identifier: lower case; version 4, version 5 or nil; nothing else. */
bool id_is_valid(const char *text);

#endif
