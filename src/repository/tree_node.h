/* What the writer and the reader of trees have in common: names of types, Go's file modes. */
#ifndef REPOSITORY_TREE_NODE_H
#define REPOSITORY_TREE_NODE_H

#include "repository/tree.h"

#include <stdbool.h>
#include <stdint.h>

const char *tree_node_type_name(enum tree_node_type type);
bool tree_node_type_from_name(const char *name, size_t len, enum tree_node_type *ret_type);

/* Go's os.FileMode: nine permission bits below, type and set-id bits from the top. */
uint32_t tree_node_mode_to_go(enum tree_node_type type, mode_t mode);
mode_t tree_node_mode_from_go(uint32_t mode);

/* Not "", ".", "..", without '/' and NUL: cannot lead out of its directory. */
bool tree_node_name_is_safe(const char *name, size_t len);

#endif
