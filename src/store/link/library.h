/* Library loading: what a connection does to have the functions of this program in Redis. */
#ifndef STORE_LINK_LIBRARY_H
#define STORE_LINK_LIBRARY_H

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stddef.h>

/* True when a call was refused because the function is not there: nothing of it was executed. */
bool library_is_missing(const redisReply *reply);

/* Is this, the reply to library_version_command, the version of this program? */
bool library_is_current(const redisReply *reply);

/* FCALL_RO appbackup_version 0 */
enum { LIBRARY_VERSION_ARGC = 3, LIBRARY_LOAD_ARGC = 4 };

extern const char *const library_version_command[LIBRARY_VERSION_ARGC];

/* FUNCTION LOAD REPLACE <text> */
void library_load_command(const char *argv[LIBRARY_LOAD_ARGC], size_t lengths[LIBRARY_LOAD_ARGC]);

#endif
