/*
 * Secret: text that is wiped when it is released and never goes to a log, an error, an argv or
 * Redis.
 *
 * Limits    SECRET_MAX bytes; a file is read whole, white space at both ends is cut.
 * Errors    FORBIDDEN: the file can be read by others; TOO_LARGE; INVALID: it is empty, holds a NUL
 *           byte or is no regular file; what reading a file gives.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/cleanup.h"
#include "core/error.h"

enum { SECRET_MAX = 4096 };

struct secret;

/* The file must be a regular one, not readable by others (mode & 0007 is 0); it is not followed if
 * it is a symbolic link. Caller owns *ret_secret. */
enum status secret_read(const char *path, struct secret **ret_secret, struct error *err) MUST_CHECK;
enum status secret_new(const char *text, struct secret **ret_secret, struct error *err) MUST_CHECK;
const char *secret_text(const struct secret *secret); /* borrowed; NULL gives NULL */
void secret_free(struct secret *secret);              /* wipes; NULL is a no-op */
DEFINE_CLEANUP(struct secret *, secret_free)

#endif
