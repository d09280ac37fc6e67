/* What the writer and the reader of trees have in common: names of types, Go's file modes. */
#ifndef REPOSITORY_NODE_H
#define REPOSITORY_NODE_H

#include "repository/tree.h"

#include <stdbool.h>
#include <stdint.h>

const char *node_type_name(enum node_type type);
bool node_type_from_name(const char *name, size_t len, enum node_type *ret_type);

/* Go's os.FileMode: nine permission bits below, type and set-id bits from the top. */
uint32_t node_mode_to_go(enum node_type type, mode_t mode);
mode_t node_mode_from_go(uint32_t mode);

/* Not "", ".", "..", without '/' and NUL: cannot lead out of its directory. */
bool node_name_is_safe(const char *name, size_t len);

#endif
