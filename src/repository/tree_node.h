/* Nodes of trees: what their writer and their reader have in common. Names of types, Go's file
 * modes, and nodes as text, which the reader compares with. */
#ifndef REPOSITORY_TREE_NODE_H
#define REPOSITORY_TREE_NODE_H

#include "repository/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *tree_node_type_name(enum tree_node_type type);
bool tree_node_type_from_name(const char *name, size_t len, enum tree_node_type *ret_type);

/* Go's os.FileMode: nine permission bits below, type and set-id bits from the top. */
uint32_t tree_node_mode_to_go(enum tree_node_type type, mode_t mode);
mode_t tree_node_mode_from_go(uint32_t mode);

/* Not "", ".", "..", without '/' and NUL: cannot lead out of its directory. */
bool tree_node_name_is_safe(const char *name, size_t len);

enum {
    TREE_NODE_TEXT_NUMBERS_MAX = 512
}; /* keys, numbers and times of a piece, without its strings */

/* The functions below that take `to` return the end of what they wrote there, without a NUL. */

/* From the '{' to the number of links: all that comes before targets, attributes and content. */
char *tree_node_text_head(char *to, const struct tree_node *node);
size_t tree_node_text_head_max(const struct tree_node *node);

/* ,"key":number; nothing for 0. The key comes with its comma and quotation marks. */
char *tree_node_text_member(char *to, const char *key, uint64_t number);
/* ,"key":"text"; nothing for NULL and "". */
char *tree_node_text_string(char *to, const char *key, const char *text);

#endif
