/* What the resources of the API have in common as JSON. */
#ifndef MODEL_RESOURCE_JSON_H
#define MODEL_RESOURCE_JSON_H

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

/* The metadata object that every resource carries. labels: taken, NULL gives NULL, so that a failed
 * constructor can stand in the call; created_by "" is an internal component. NULL only without
 * memory. */
json_t *metadata_new(json_t *labels, int64_t created_ms, int64_t modified_ms,
                     const char *created_by);

/* Optional members, for "s:o*" of json_pack(), which leaves out what is NULL. */
json_t *optional_text(const char *text); /* NULL for "" */
json_t *optional_count(bool is_known, int64_t count);
json_t *optional_time(int64_t wall_ms); /* NULL for 0 and below: not yet */

/* A time in ms as the API writes it. */
json_t *time_text(int64_t wall_ms);

#endif
