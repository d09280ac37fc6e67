#include "previous_tree.h"

#include "core/array.h"

#include <stdlib.h>
#include <string.h>

/* A directory on the way down. */
struct level {
    struct tree_reader *reader; /* NULL: nothing is there, or nothing more */
    struct tree_node node;      /* the one that the reader has passed last, if has_node */
    bool has_node;
};

struct previous_tree {
    struct repository *repository; /* borrowed */
    struct blob_id root;
    struct level *levels;
    size_t depth, capacity;
    struct error damage; /* the first */
};

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

static bool contains(const char *const *list, const char *text)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

/* Are both lists the same set? A volume is in it once. */
static bool has_paths(const struct repository_snapshot *snapshot, const char *const *paths)
{
    size_t count = count_of(paths);
    if (count_of(snapshot->paths) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!contains(snapshot->paths, paths[i]))
            return false;
    return true;
}

void previous_choice_consider(struct previous_choice *choice,
                              const struct repository_snapshot *snapshot)
{
    if (snapshot->hostname == NULL || strcmp(snapshot->hostname, choice->host) != 0)
        return;
    bool same_paths = has_paths(snapshot, choice->paths);
    if (!same_paths && !contains(snapshot->tags, choice->app_tag))
        return;
    if (choice->found && choice->same_paths != same_paths) {
        if (choice->same_paths)
            return;
    } else if (choice->found && !is_later(&snapshot->time, &choice->time)) {
        return;
    }
    choice->found = true;
    choice->same_paths = same_paths;
    choice->snapshot = snapshot->id;
    choice->tree = snapshot->tree;
    choice->time = snapshot->time;
}

static void note_damage(struct previous_tree *previous, const struct error *cause)
{
    if (previous->damage.status == STATUS_OK)
        previous->damage = *cause;
}

static void close_level(struct level *level)
{
    tree_reader_free(level->reader);
    *level = (struct level){0};
}

/* To the next node of the level; past the last, or at damage, the level is empty. */
static void advance(struct previous_tree *previous, struct level *level)
{
    struct error cause = {0};
    bool more = false;
    enum status status = tree_reader_next(level->reader, &level->node, &more, &cause);
    if (status != STATUS_OK)
        note_damage(previous, &cause);
    level->has_node = status == STATUS_OK && more;
    if (!level->has_node)
        close_level(level);
}

/* tree NULL: an empty directory. */
static enum status push(struct previous_tree *previous, const struct blob_id *tree,
                        struct error *err)
{
    if (array_reserve(&previous->levels, &previous->capacity, previous->depth + 1,
                      sizeof(*previous->levels), err) != STATUS_OK)
        return FAIL_IN(err, "the directories above an earlier tree");
    struct level *level = &previous->levels[previous->depth++];
    *level = (struct level){0};
    struct error cause = {0};
    if (tree == NULL)
        return STATUS_OK;
    if (tree_reader_open(previous->repository, tree, &level->reader, &cause) != STATUS_OK)
        note_damage(previous, &cause);
    return STATUS_OK;
}

enum status previous_tree_open(struct repository *repository, const struct blob_id *tree,
                               struct previous_tree **ret_tree, struct error *err)
{
    CLEANUP(previous_tree_closep) struct previous_tree *previous = calloc(1, sizeof(*previous));
    if (previous == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "an earlier tree");
    previous->repository = repository;
    previous->root = *tree;
    if (push(previous, tree, err) != STATUS_OK)
        return error_status(err);
    *ret_tree = STEAL(previous);
    return STATUS_OK;
}

void previous_tree_close(struct previous_tree *previous)
{
    if (previous == NULL)
        return;
    while (previous->depth > 0)
        previous_tree_leave(previous);
    free(previous->levels);
    free(previous);
}

const struct tree_node *previous_tree_find(struct previous_tree *previous, const char *name)
{
    if (previous == NULL)
        return NULL;
    struct level *level = &previous->levels[previous->depth - 1];
    while (level->reader != NULL && (!level->has_node || strcmp(level->node.name, name) < 0))
        advance(previous, level);
    return level->has_node && strcmp(level->node.name, name) == 0 ? &level->node : NULL;
}

bool previous_tree_match(struct previous_tree *previous, const struct tree_node *node,
                         struct tree_node_text *ret_text)
{
    if (previous == NULL)
        return false;
    struct level *level = &previous->levels[previous->depth - 1];
    if (level->reader == NULL || (level->has_node && strcmp(level->node.name, node->name) >= 0))
        return false;
    if (!tree_reader_match(level->reader, node, ret_text))
        return false;
    level->has_node = false;
    return true;
}

enum status previous_tree_enter(struct previous_tree *previous, const char *name, struct error *err)
{
    if (previous == NULL)
        return STATUS_OK;
    const struct tree_node *node = previous_tree_find(previous, name);
    bool is_tree = node != NULL && node->type == TREE_NODE_DIR && node->has_subtree;
    struct blob_id tree = is_tree ? node->subtree : (struct blob_id){{0}}; /* levels may move */
    return push(previous, is_tree ? &tree : NULL, err);
}

void previous_tree_leave(struct previous_tree *previous)
{
    if (previous != NULL)
        close_level(&previous->levels[--previous->depth]);
}

enum status previous_tree_move_to(struct previous_tree *previous, const char *path,
                                  struct error *err)
{
    if (previous == NULL)
        return STATUS_OK;
    while (previous->depth > 0)
        previous_tree_leave(previous);
    if (push(previous, &previous->root, err) != STATUS_OK)
        return error_status(err);
    const char *name = path + 1;
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(name, '/')) {
        CLEANUP(freep) char *component = strndup(name, (size_t)(slash - name));
        if (component == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a path of %zu bytes", strlen(path));
        if (previous_tree_enter(previous, component, err) != STATUS_OK)
            return error_status(err);
        name = slash + 1;
    }
    return STATUS_OK;
}

const struct error *previous_tree_damage(const struct previous_tree *previous)
{
    static const struct error none;
    return previous == NULL ? &none : &previous->damage;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool previous_tree_is_same(const struct tree_node *node, const struct stat *info)
{
    struct tree_node now;
    return tree_node_from_stat(info, &now) && now.type == node->type && now.size == node->size &&
           is_same_time(now.mtime, node->mtime) && now.inode == node->inode &&
           is_same_time(now.ctime, node->ctime);
}
