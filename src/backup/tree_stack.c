#include "tree_stack.h"

#include <stdlib.h>

enum status branch_init(struct branch *branch, struct repository *repository, struct error *err)
{
    *branch = (struct branch){.repository = repository};
    return branch_enter(branch, err);
}

void branch_done(struct branch *branch)
{
    while (branch->depth > 0)
        tree_writer_free(branch->writers[--branch->depth]);
    free(branch->writers);
    *branch = (struct branch){0};
}

enum status branch_enter(struct branch *branch, struct error *err)
{
    if (branch->depth == branch->capacity) {
        size_t capacity = branch->capacity == 0 ? 16 : branch->capacity * 2;
        struct tree_writer **writers =
            realloc(branch->writers, capacity * sizeof(struct tree_writer *));
        if (writers == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a tree %zu directories deep", capacity);
        branch->writers = writers;
        branch->capacity = capacity;
    }
    if (tree_writer_new(branch->repository, &branch->writers[branch->depth], err) != STATUS_OK)
        return err->status;
    branch->depth++;
    return STATUS_OK;
}

enum status branch_add(struct branch *branch, const struct tree_node *node, struct error *err)
{
    return tree_writer_add(branch->writers[branch->depth - 1], node, err);
}

enum status branch_add_text(struct branch *branch, const char *name, const char *text, size_t len,
                            struct error *err)
{
    return tree_writer_add_text(branch->writers[branch->depth - 1], name, text, len, err);
}

static enum status finish_top(struct branch *branch, struct blob_id *ret_id, struct error *err)
{
    struct tree_writer *writer = branch->writers[--branch->depth];
    enum status status = tree_writer_finish(writer, ret_id, err);
    tree_writer_free(writer);
    return status;
}

enum status branch_leave(struct branch *branch, struct tree_node *node, struct error *err)
{
    if (finish_top(branch, &node->subtree, err) != STATUS_OK)
        return err->status;
    node->has_subtree = true;
    return branch_add(branch, node, err);
}

enum status branch_finish(struct branch *branch, struct blob_id *ret_root, struct error *err)
{
    assert(branch->depth == 1);
    return finish_top(branch, ret_root, err);
}
