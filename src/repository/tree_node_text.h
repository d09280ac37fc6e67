/* Nodes as text: what the writer of trees and the reader that compares with it have in common. */
#ifndef REPOSITORY_TREE_NODE_TEXT_H
#define REPOSITORY_TREE_NODE_TEXT_H

#include "repository/tree.h"

#include <stddef.h>
#include <stdint.h>

enum {
    TREE_NODE_TEXT_NUMBERS_MAX = 512
}; /* keys, numbers and times of a piece, without its strings */

/* Each returns the end of what it wrote; no NUL. */

/* From the '{' to the number of links: all that comes before targets, attributes and content. */
char *tree_node_text_head(char *to, const struct tree_node *node);
size_t tree_node_text_head_max(const struct tree_node *node);

/* ,"key":number; nothing for 0. The key comes with its comma and quotation marks. */
char *tree_node_text_member(char *to, const char *key, uint64_t number);
/* ,"key":"text"; nothing for NULL and "". */
char *tree_node_text_string(char *to, const char *key, const char *text);

#endif
