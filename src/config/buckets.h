/* Buckets: the keys that depend on their provider, which say where they are. */
#ifndef CONFIG_BUCKETS_H
#define CONFIG_BUCKETS_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/error.h"
#include "document.h"

/* Fills in what the provider needs. The definition's provider and name are set already. */
enum status bucket_place_read(const struct document *document, size_t index,
                              const struct raw_bucket *raw, const struct config *config,
                              struct bucket_definition *definition, struct error *err) MUST_CHECK;

#endif
