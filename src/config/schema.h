/*
 * Schema: a document into a struct, by the tables of libcyaml, with its log turned into one line:
 * "<file>:<line>: <key>: what was expected".
 *
 * Numbers are text in these tables: libcyaml would read 1.5 as 1 and 010 as 8, and cannot tell
 * absent from 0. number.h reads them.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "core/error.h"
#include "document.h"

#include <cyaml/cyaml.h>

/* The schema is that of a pointer to a mapping. Caller owns *ret_data: schema_free(). */
enum status schema_load(const struct document *document, const cyaml_schema_value_t *schema,
                        void **ret_data, struct error *err) MUST_CHECK;
void schema_free(const cyaml_schema_value_t *schema, void *data);

#endif
