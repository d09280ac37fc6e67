/* The metadata object that every resource of the API carries. */
#ifndef MODEL_METADATA_H
#define MODEL_METADATA_H

#include <jansson.h>

#include <stdint.h>

/* labels: taken, NULL gives NULL, so that a failed constructor can stand in the call; created_by ""
 * is an internal component. NULL only without memory. */
json_t *metadata_new(json_t *labels, int64_t created_ms, int64_t modified_ms,
                     const char *created_by);

#endif
