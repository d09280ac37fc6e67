/*
 * Errors: one closed list of statuses for programs, one text for people, one reason code for both.
 *
 * A function that can fail returns enum status, takes struct error *err last and is MUST_CHECK; it
 * writes its outputs only on success. FAIL creates a failure, FAIL_ERRNO creates one from errno,
 * FAIL_REASON gives it a code of its own, FAIL_IN puts context in front of it on the way up. The
 * text reads outside-in: "upload: volume '/srv/shop': open 'a.txt': Permission denied".
 *
 * The record has a fixed size, so that running out of memory can be reported as well.
 * Asserts are for bugs, statuses are for the world: input, replies, files and memory never assert.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include "core/attributes.h"
#include "core/reasons.h" /* IWYU pragma: export */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

enum {
    ERROR_TEXT_MAX = 512, /* longer texts are cut at the end, with "...", between characters */
    ERROR_REASON_MAX = 40
};

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     /* input breaks a documented rule */
    STATUS_NOT_FOUND,   /* the thing named does not exist */
    STATUS_CONFLICT,    /* it exists already, or its state forbids this */
    STATUS_FORBIDDEN,   /* not allowed: a role, a file mode, a bucket policy */
    STATUS_TOO_LARGE,   /* over a named limit */
    STATUS_UNSUPPORTED, /* a format version or a file system that cannot do this */
    STATUS_CORRUPT,     /* stored data is not what was written */
    STATUS_CANCELED,    /* somebody asked for an end */
    STATUS_LOST,        /* the lease went to another worker: stop, touch nothing */
    STATUS_UNAVAILABLE, /* transient: cannot be reached now */
    STATUS_TIMEOUT,     /* transient: no answer before the deadline */
    STATUS_LOCKED,      /* transient: somebody else holds a lock */
    STATUS_NO_SPACE,    /* transient: disk or bucket full */
    STATUS_NO_MEMORY,   /* transient */
    STATUS_INTERNAL,    /* a bug, or a system call that has no business failing */
    STATUS_COUNT
};

struct error {
    enum status status;
    char reason[ERROR_REASON_MAX]; /* stable code, e.g. "bucket_unreachable"; default: the status */
    char text[ERROR_TEXT_MAX];
};

/* Reasons: every code that a failure, a warning or a note can have, for programs and for the page
 * that says what to do about it: docs/reasons.md has a section for each. A code is in stateDetails
 * (behind the prefix of "type"), in the log (code=) and in struct error; once published it keeps
 * its meaning. src/core/reasons.yaml declares each, with its effect; enum reason is made from it. */
const char *reason_code(enum reason reason); /* "bucket_unreachable"; "" for unset */

const char *status_name(enum status status);

/* May the same call succeed later without anybody changing anything? Steers the retry of a job. */
bool status_is_transient(enum status status);

/* Report a new failure: return FAIL(err, STATUS_NOT_FOUND, "backup '%s'", id); */
#define FAIL(err, ...) (error_set((err), __VA_ARGS__), error_status(err))
/* Report a new failure with a reason code: return FAIL_REASON(err, STATUS_CONFLICT,
 * REASON_NAME_TAKEN, "..."); */
#define FAIL_REASON(err, ...) (error_set_reason((err), __VA_ARGS__), error_status(err))
/* Report a failed system call: the status follows from errno, its text is appended. */
#define FAIL_ERRNO(err, ...) (error_set_errno((err), errno, __VA_ARGS__), error_status(err))
/* Pass a failure on with another reason code, since here it is known better; the rest stays. */
#define FAIL_AS(err, reason) (error_set_code((err), (reason)), error_status(err))
/* Pass a failure on with "<context>: " in front of it; status and reason stay. */
#define FAIL_IN(err, ...) (error_wrap((err), __VA_ARGS__), error_status(err))

void error_set(struct error *err, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);
void error_set_reason(struct error *err, enum status status, enum reason reason, const char *format,
                      ...) PRINTF_LIKE(4, 5);
void error_set_code(struct error *err, enum reason reason);
bool error_is(const struct error *err, enum reason reason);
void error_set_errno(struct error *err, int error_number, const char *format, ...)
    PRINTF_LIKE(3, 4);
void error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The status that a system call's errno stands for. */
enum status status_from_errno(int error_number);

/* Never STATUS_OK: the assert tells that to the static analysers as well. */
static inline enum status error_status(const struct error *err)
{
    assert(err->status != STATUS_OK);
    return err->status;
}

#endif
