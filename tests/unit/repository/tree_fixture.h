/* Trees in the repository of fixture.h. */
#ifndef TESTS_UNIT_REPOSITORY_TREE_FIXTURE_H
#define TESTS_UNIT_REPOSITORY_TREE_FIXTURE_H

#include "repository/tree.h"
#include "tests/support/repository_fixture.h"

extern struct fixture f;

/* For the suites of what works on f; the time zone is UTC. */
void open_repository(void);
void close_repository(void);

/* A node with times and numbers as files have them. */
struct tree_node make_node(const char *name, enum tree_node_type type);

/* The text of a tree. Caller frees. */
void load_text(const struct blob_id *id, struct buffer *text);

/* The tree of these nodes, as text. Caller frees. */
struct buffer written(const struct tree_node *nodes, size_t count);

#endif
