/* Discover: how much there is to back up, by a walk over what was frozen. */
#ifndef STAGE_DISCOVER_H
#define STAGE_DISCOVER_H

#include "context.h"

/* Leaves a trail for the upload. Sets bytes_total and bytes_done of the result. What cannot be
 * looked at counts nothing here: the upload finds it again, and says so. */
enum status discover_run(struct stage_context *context, struct error *err) MUST_CHECK;

#endif
