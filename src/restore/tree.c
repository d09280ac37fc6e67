#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, FIRST_SLOTS = 64 };

void restore_tree_init(struct restore_tree *tree)
{
    *tree = (struct restore_tree){0};
    buffer_init(&tree->names, UINT32_MAX);
    xattr_list_init(&tree->xattrs);
}

void restore_tree_done(struct restore_tree *tree)
{
    for (size_t i = 0; i < tree->root_count; i++)
        free(tree->roots[i].path);
    free(tree->roots);
    free(tree->directories);
    free(tree->files);
    free(tree->wants);
    free(tree->links);
    free(tree->named);
    free(tree->named_slots);
    buffer_done(&tree->names);
    buffer_done(&tree->xattrs);
    *tree = (struct restore_tree){0};
}

/* Room for one more; by a half, since the largest of these lists is most of the memory. */
static void *grown(void *list, size_t count, size_t *capacity, size_t size, struct error *err)
{
    if (count < *capacity)
        return list;
    if (count >= UINT32_MAX - 1) {
        error_set(err, STATUS_TOO_LARGE, "more than %zu entries", count);
        return NULL;
    }
    size_t more = *capacity == 0 ? FIRST_CAPACITY : *capacity + *capacity / 2;
    void *moved = reallocarray(list, more, size);
    if (moved == NULL)
        error_set(err, STATUS_NO_MEMORY, "a list of %zu entries", more);
    else
        *capacity = more;
    return moved;
}

/* clang-format off */
#define HAS_ROOM(tree, one, many, err) __extension__({                                          \
    void *list_ = grown((tree)->many, (tree)->one##_count, &(tree)->one##_capacity,             \
                        sizeof(*(tree)->many), (err));                                          \
    if (list_ != NULL)                                                                          \
        (tree)->many = list_;                                                                   \
    list_ != NULL; })

/* clang-format on */

enum status restore_tree_add_name(struct restore_tree *tree, const char *name, uint32_t *ret_name,
                                  struct error *err)
{
    size_t at = tree->names.len;
    if (buffer_add(&tree->names, name, strlen(name) + 1, err) != STATUS_OK)
        return FAIL_IN(err, "names");
    *ret_name = (uint32_t)at;
    return STATUS_OK;
}

enum status restore_tree_add_root(struct restore_tree *tree, int fd, const char *path,
                                  uint32_t *ret_directory, struct error *err)
{
    if (!HAS_ROOM(tree, root, roots, err))
        return error_status(err);
    if (!HAS_ROOM(tree, directory, directories, err))
        return error_status(err);
    char *copy = strdup(path);
    if (copy == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a path");
    tree->directories[tree->directory_count] = (struct restore_directory){
        .parent = directory_none,
        .name = (uint32_t)tree->root_count,
        .flags = DIRECTORY_MADE | DIRECTORY_PLAIN,
    };
    tree->roots[tree->root_count++] = (struct restore_root){.fd = fd, .path = copy};
    *ret_directory = (uint32_t)tree->directory_count++;
    return STATUS_OK;
}

enum status restore_tree_add_directory(struct restore_tree *tree, uint32_t parent,
                                       const struct tree_node *node, uint32_t *ret_directory,
                                       struct error *err)
{
    struct restore_directory directory = {.parent = parent};
    if (!HAS_ROOM(tree, directory, directories, err) ||
        restore_tree_add_name(tree, node->name, &directory.name, err) != STATUS_OK ||
        plain_attributes_from_node(node, &tree->xattrs, &directory.attributes, err) != STATUS_OK)
        return error_status(err);
    tree->directories[tree->directory_count] = directory;
    *ret_directory = (uint32_t)tree->directory_count++;
    return STATUS_OK;
}

enum status restore_tree_add_file(struct restore_tree *tree, uint32_t directory,
                                  const struct tree_node *node, uint32_t *ret_file,
                                  struct error *err)
{
    struct plain_attributes attributes;
    uint32_t name = 0;
    if (!HAS_ROOM(tree, file, files, err) ||
        restore_tree_add_name(tree, node->name, &name, err) != STATUS_OK ||
        plain_attributes_from_node(node, &tree->xattrs, &attributes, err) != STATUS_OK)
        return error_status(err);
    struct restore_file *file = &tree->files[tree->file_count];
    *file = (struct restore_file){
        .attributes = attributes,
        .directory = directory,
        .name = name,
        .first_want = (uint32_t)tree->want_count,
    };
    *ret_file = (uint32_t)tree->file_count++;
    return STATUS_OK;
}

enum status restore_tree_add_want(struct restore_tree *tree, const struct blob_entry *place,
                                  struct error *err)
{
    struct restore_file *file = &tree->files[tree->file_count - 1];
    if (!HAS_ROOM(tree, want, wants, err))
        return error_status(err);
    tree->wants[tree->want_count++] = (struct restore_want){
        .place = place,
        .offset = file->size,
        .file = (uint32_t)(tree->file_count - 1),
    };
    file->size += blob_place_plain_bytes(place);
    if (file->size > INT64_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "a file larger than files can be");
    file->wants++;
    file->left = file->wants;
    return STATUS_OK;
}

static size_t named_slot(const struct restore_tree *tree, const struct restore_named *wanted)
{
    uint64_t key = (wanted->inode ^ wanted->device * UINT64_C(0x9e3779b97f4a7c15)) *
                   UINT64_C(0xd6e8feb86659fd93);
    size_t slot = (size_t)(key ^ key >> 32) & (tree->named_slot_count - 1);
    while (tree->named_slots[slot] != 0) {
        const struct restore_named *named = &tree->named[tree->named_slots[slot] - 1];
        if (named->inode == wanted->inode && named->device == wanted->device)
            break;
        slot = (slot + 1) & (tree->named_slot_count - 1);
    }
    return slot;
}

static enum status make_slots(struct restore_tree *tree, struct error *err)
{
    if (tree->named_count < tree->named_slot_count / 4 * 3)
        return STATUS_OK;
    size_t count = tree->named_slot_count == 0 ? FIRST_SLOTS : tree->named_slot_count * 2;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (slots == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu hard links", tree->named_count);
    free(tree->named_slots);
    tree->named_slots = slots;
    tree->named_slot_count = count;
    for (size_t i = 0; i < tree->named_count; i++)
        slots[named_slot(tree, &tree->named[i])] = (uint32_t)i + 1;
    return STATUS_OK;
}

static enum status add_link(struct restore_tree *tree, const struct restore_named *named,
                            uint32_t directory, const char *name, struct error *err)
{
    struct restore_link link = {
        .from_directory = named->directory,
        .from_name = named->name,
        .directory = directory,
        .file = named->file,
    };
    if (!HAS_ROOM(tree, link, links, err) ||
        restore_tree_add_name(tree, name, &link.name, err) != STATUS_OK)
        return error_status(err);
    tree->links[tree->link_count++] = link;
    return STATUS_OK;
}

enum status restore_tree_add_linked(struct restore_tree *tree, uint32_t directory, uint32_t file,
                                    const struct tree_node *node, bool *ret_known,
                                    struct error *err)
{
    struct restore_named named = {
        .inode = node->inode,
        .device = node->device_id,
        .size = node->size,
        .directory = directory,
        .file = file,
        .type = node->type,
    };
    if (make_slots(tree, err) != STATUS_OK)
        return error_status(err);
    size_t slot = named_slot(tree, &named);
    if (tree->named_slots[slot] != 0) {
        const struct restore_named *first = &tree->named[tree->named_slots[slot] - 1];
        /* What was replaced while it was backed up has only its number in common. */
        *ret_known = first->type == node->type && first->size == node->size;
        return *ret_known ? add_link(tree, first, directory, node->name, err) : STATUS_OK;
    }
    if (!HAS_ROOM(tree, named, named, err) ||
        restore_tree_add_name(tree, node->name, &named.name, err) != STATUS_OK)
        return error_status(err);
    tree->named[tree->named_count++] = named;
    tree->named_slots[slot] = (uint32_t)tree->named_count;
    *ret_known = false;
    return STATUS_OK;
}

/* Written from its end to its beginning. */
static bool put_in_front(char *text, size_t *at, const char *piece, bool slash)
{
    size_t len = strlen(piece);
    size_t need = len + (slash ? 1 : 0);
    if (need + 4 > *at)
        return false;
    *at -= len;
    memcpy(text + *at, piece, len); /* NOLINT(bugprone-not-null-terminated-result): in front */
    if (slash)
        text[--*at] = '/';
    return true;
}

const char *restore_tree_path(const struct restore_tree *tree, uint32_t directory, const char *name,
                              char *text, size_t size)
{
    size_t at = size - 1;
    text[at] = '\0';
    bool fits = name == NULL || put_in_front(text, &at, name, true);
    while (fits && tree->directories[directory].parent != directory_none) {
        fits = put_in_front(text, &at, restore_tree_name(tree, tree->directories[directory].name),
                            true);
        directory = tree->directories[directory].parent;
    }
    if (fits)
        fits = put_in_front(text, &at, tree->roots[tree->directories[directory].name].path, false);
    if (!fits && at >= 3) {
        at -= 3;
        memcpy(text + at, "…", 3);
    }
    return text + at;
}
