/*
 * Reasons: every code that a failure, a warning or a note can have, for programs and for the page
 * that says what to do about it: docs/reasons.md has a section for each. A code is in stateDetails
 * (behind the prefix of "type"), in the log (code=) and in struct error; once published it keeps
 * its meaning.
 *
 * Source    src/core/reasons.yaml declares each code, its effect and its meaning; enum reason is
 *           made from it, and a test holds the page to it
 */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include "core/reasons.h" /* IWYU pragma: export */

const char *reason_code(enum reason reason); /* "bucket_unreachable"; "" for unset */

#endif
