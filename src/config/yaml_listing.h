/* Listing: the *.yaml files of a directory, in the order of their names. */
#ifndef CONFIG_YAML_LISTING_H
#define CONFIG_YAML_LISTING_H

#include "core/cleanup.h"
#include "core/error.h"
#include "document.h"

#include <stddef.h>

#define YAML_LISTING_ENDING ".yaml"

enum { YAML_LISTING_MAX = 4096 };

struct yaml_listing {
    char *names[YAML_LISTING_MAX];
    size_t count;
};

/* The descriptor stays the caller's. Caller owns *ret_listing. */
enum status yaml_listing_read(int directory, struct yaml_listing **ret_listing, struct error *err)
    MUST_CHECK;
/* Opens one of them by the rules of trusted.h, and reads it; path is the directory's. Caller owns
 * *ret_document. */
enum status yaml_listing_open(int directory, const char *path, const char *file,
                              struct document **ret_document, struct error *err) MUST_CHECK;
void yaml_listing_free(struct yaml_listing *listing);
DEFINE_CLEANUP(struct yaml_listing *, yaml_listing_free)

#endif
