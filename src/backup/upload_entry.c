#include "upload_entry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status errand_init(struct errand *errand, const struct walk_item *item, struct error *err)
{
    size_t size = strlen(item->name) + 1;
    errand->kind = item->kind;
    errand->is_directory = item->is_directory;
    errand->is_file = item->kind == WALK_ENTRY && S_ISREG(item->info.st_mode);
    errand->info = item->info;
    errand->has_origin = false;
    errand->is_reused = false;
    errand->has_past = false;
    errand->bytes = errand->is_file ? item->info.st_size : 0;
    errand->fd = -1;
    errand->at_work = 0;
    errand->counted = 0;
    errand->done = !errand->is_file;
    errand->content.ids = NULL;
    errand->content.count = 0;
    errand->content.capacity = 0;
    errand->content.size = 0;
    errand->text = NULL;
    errand->xattrs = NULL;
    errand->xattr_count = 0;
    errand->lost_attributes = NULL;
    errand->failure = NULL;
    errand->holder = NULL;
    errand->self = NULL;
    errand->name = errand->short_name;
    errand->long_name = NULL;
    if (size <= sizeof(errand->short_name)) {
        memcpy(errand->short_name, item->name, size);
    } else {
        errand->long_name = strdup(item->name);
        errand->name = errand->long_name;
        if (errand->name == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a file's name");
    }
    if (item->kind == WALK_FAILED &&
        errand_fail(errand, warning_of(item->failure), item->failure, err) != STATUS_OK) {
        errand_done(errand);
        return err->status;
    }
    errand->holder = walk_hold(item->holder);
    errand->self = walk_hold(item->self);
    return STATUS_OK;
}

void errand_done(struct errand *errand)
{
    free(errand->long_name);
    if (errand->fd >= 0)
        (void)close(errand->fd);
    walk_drop(errand->holder);
    walk_drop(errand->self);
    free(errand->content.ids);
    free(errand->text);
    free(errand->xattrs);
    free(errand->lost_attributes);
    free(errand->failure);
    errand->long_name = NULL;
    errand->fd = -1;
    errand->holder = NULL;
    errand->self = NULL;
    errand->content.ids = NULL;
    errand->text = NULL;
    errand->xattrs = NULL;
    errand->lost_attributes = NULL;
    errand->failure = NULL;
}

enum status errand_reuse(struct errand *errand, const struct tree_node *past, struct error *err)
{
    struct errand_content *content = &errand->content;
    if (past->content_count > 1) {
        size_t size = past->content_count * sizeof(*content->ids);
        content->ids = malloc(size);
        if (content->ids == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "%zu chunks of one file", past->content_count);
        memcpy(content->ids, past->content, size);
        content->capacity = past->content_count;
    } else if (past->content_count == 1) {
        content->one = past->content[0];
    }
    content->count = past->content_count;
    content->size = past->size;
    errand->is_reused = true;
    errand->done = true;
    return STATUS_OK;
}

enum status errand_reuse_text(struct errand *errand, const struct tree_node_text *past,
                              struct error *err)
{
    errand->text = malloc(past->len);
    if (errand->text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a node of %zu bytes", past->len);
    memcpy(errand->text, past->text, past->len);
    errand->text_len = past->len;
    errand->is_reused = true;
    errand->done = true;
    return STATUS_OK;
}

enum status errand_reuse_xattrs(struct errand *errand, const struct tree_node *past,
                                struct error *err)
{
    size_t size = past->xattr_count * sizeof(*past->xattrs);
    for (size_t i = 0; i < past->xattr_count; i++)
        size += strlen(past->xattrs[i].name) + 1 + past->xattrs[i].value_len;
    if (past->xattr_count == 0)
        return STATUS_OK;
    errand->xattrs = malloc(size); /* one block: the list, then names and values */
    if (errand->xattrs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu extended attributes", past->xattr_count);
    char *to = (char *)(errand->xattrs + past->xattr_count);
    for (size_t i = 0; i < past->xattr_count; i++) {
        const struct tree_node_xattr *xattr = &past->xattrs[i];
        errand->xattrs[i] = (struct tree_node_xattr){.name = to, .value_len = xattr->value_len};
        to = stpcpy(to, xattr->name) + 1;
        errand->xattrs[i].value = to;
        if (xattr->value_len > 0)
            memcpy(to, xattr->value, xattr->value_len);
        to += xattr->value_len;
    }
    errand->xattr_count = past->xattr_count;
    return STATUS_OK;
}

static enum status copy_error(struct error **slot, const struct error *cause, struct error *err)
{
    if (*slot == NULL)
        *slot = malloc(sizeof(**slot));
    if (*slot == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a warning");
    **slot = *cause;
    return STATUS_OK;
}

enum status errand_fail(struct errand *errand, enum warning kind, const struct error *cause,
                        struct error *err)
{
    errand->warning = kind;
    return copy_error(&errand->failure, cause, err);
}

enum status errand_lose_attributes(struct errand *errand, const struct error *cause,
                                   struct error *err)
{
    return copy_error(&errand->lost_attributes, cause, err);
}

enum status errand_reserve_id(struct errand *errand, size_t *ret_index, struct error *err)
{
    struct errand_content *content = &errand->content;
    if (content->count >= 1 && content->count >= content->capacity) {
        size_t capacity = content->capacity == 0 ? 16 : content->capacity * 2;
        struct blob_id *ids = realloc(content->ids, capacity * sizeof(*ids));
        if (ids == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "%zu chunks of one file", capacity);
        if (content->ids == NULL)
            ids[0] = content->one;
        content->ids = ids;
        content->capacity = capacity;
    }
    *ret_index = content->count++;
    return STATUS_OK;
}

void errand_set_id(struct errand *errand, size_t index, const struct blob_id *id)
{
    struct errand_content *content = &errand->content;
    *(content->ids == NULL ? &content->one : &content->ids[index]) = *id;
}

const struct blob_id *errand_ids(const struct errand *errand)
{
    return errand->content.ids == NULL ? &errand->content.one : errand->content.ids;
}
