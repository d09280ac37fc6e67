/* Where a bucket is: the keys that depend on its provider. */
#ifndef CONFIG_BUCKETS_H
#define CONFIG_BUCKETS_H

#include "config/types.h"
#include "core/error.h"
#include "document.h"
#include "number.h"
#include "raw.h"

#define DEFAULT_REGION "us-east-1"

extern const struct number bucket_limit; /* of upload_limit and download_limit; value: none */

/* The definition's provider and name are set; fills in the rest. */
enum status bucket_place_read(const struct document *document, size_t index,
                              const struct raw_bucket *raw, const struct config *config,
                              struct bucket_definition *definition, struct error *err) MUST_CHECK;

#endif
