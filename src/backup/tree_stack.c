#include "tree_stack.h"

#include "core/array.h"

#include <stdlib.h>

enum status tree_stack_init(struct tree_stack *stack, struct repository *repository,
                            struct error *err)
{
    *stack = (struct tree_stack){.repository = repository};
    return tree_stack_enter(stack, err);
}

void tree_stack_done(struct tree_stack *stack)
{
    while (stack->depth > 0)
        tree_writer_free(stack->writers[--stack->depth]);
    free(stack->writers);
    *stack = (struct tree_stack){0};
}

enum status tree_stack_enter(struct tree_stack *stack, struct error *err)
{
    if (array_reserve(&stack->writers, &stack->capacity, stack->depth + 1,
                      sizeof(struct tree_writer *), err) != STATUS_OK)
        return FAIL_IN(err, "the directories above a tree");
    if (tree_writer_new(stack->repository, &stack->writers[stack->depth], err) != STATUS_OK)
        return error_status(err);
    stack->depth++;
    return STATUS_OK;
}

enum status tree_stack_add(struct tree_stack *stack, const struct tree_node *node,
                           struct error *err)
{
    return tree_writer_add(stack->writers[stack->depth - 1], node, err);
}

enum status tree_stack_add_text(struct tree_stack *stack, const char *name, const char *text,
                                size_t len, struct error *err)
{
    return tree_writer_add_text(stack->writers[stack->depth - 1], name, text, len, err);
}

static enum status finish_top(struct tree_stack *stack, struct blob_id *ret_id, struct error *err)
{
    struct tree_writer *writer = stack->writers[--stack->depth];
    enum status status = tree_writer_finish(writer, ret_id, err);
    tree_writer_free(writer);
    return status;
}

enum status tree_stack_leave(struct tree_stack *stack, struct tree_node *node, struct error *err)
{
    if (finish_top(stack, &node->subtree, err) != STATUS_OK)
        return error_status(err);
    node->has_subtree = true;
    return tree_stack_add(stack, node, err);
}

enum status tree_stack_finish(struct tree_stack *stack, struct blob_id *ret_root, struct error *err)
{
    assert(stack->depth == 1);
    return finish_top(stack, ret_root, err);
}
