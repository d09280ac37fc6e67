/* Where a bucket is: the keys that depend on its provider. */
#ifndef CONFIG_BUCKETS_H
#define CONFIG_BUCKETS_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/error.h"
#include "document.h"

/* The definition's provider and name are set; fills in the rest. */
enum status bucket_place_read(const struct document *document, size_t index,
                              const struct raw_bucket *raw, const struct config *config,
                              struct bucket_definition *definition, struct error *err) MUST_CHECK;

#endif
