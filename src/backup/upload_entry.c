#include "upload_entry.h"

#include "core/array.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status upload_entry_init(struct upload_entry *entry, const struct walk_item *item,
                              struct error *err)
{
    size_t size = strlen(item->name) + 1;
    entry->kind = item->kind;
    entry->is_directory = item->is_directory;
    entry->is_file = item->kind == WALK_ENTRY && S_ISREG(item->info.st_mode);
    entry->info = item->info;
    entry->has_origin = false;
    entry->gap = NULL;
    entry->is_reused = false;
    entry->has_past = false;
    entry->bytes = entry->is_file ? upload_entry_bytes_of(item->info.st_size) : 0;
    entry->fd = -1;
    entry->at_work = 0;
    entry->counted = 0;
    entry->done = !entry->is_file;
    entry->content.ids = NULL;
    entry->content.count = 0;
    entry->content.capacity = 0;
    entry->content.repeats = NULL;
    entry->content.repeat_count = 0;
    entry->content.repeat_capacity = 0;
    entry->content.chunks = 0;
    entry->content.size = 0;
    entry->text = NULL;
    entry->xattrs = NULL;
    entry->xattr_count = 0;
    entry->lost_attributes = NULL;
    entry->failure = NULL;
    entry->holder = NULL;
    entry->self = NULL;
    entry->name = entry->short_name;
    entry->long_name = NULL;
    if (size <= sizeof(entry->short_name)) {
        memcpy(entry->short_name, item->name, size);
    } else {
        entry->long_name = strdup(item->name);
        entry->name = entry->long_name;
        if (entry->name == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a file's name");
    }
    if (item->kind == WALK_FAILED &&
        upload_entry_fail(entry, warning_of(item->failure), item->failure, err) != STATUS_OK) {
        upload_entry_done(entry);
        return error_status(err);
    }
    entry->holder = walk_hold(item->holder);
    entry->self = walk_hold(item->self);
    return STATUS_OK;
}

void upload_entry_done(struct upload_entry *entry)
{
    free(entry->long_name);
    if (entry->fd >= 0)
        (void)close(entry->fd);
    walk_drop(entry->holder);
    walk_drop(entry->self);
    free(entry->content.ids);
    free(entry->content.repeats);
    free(entry->text);
    free(entry->xattrs);
    free(entry->lost_attributes);
    free(entry->failure);
    entry->long_name = NULL;
    entry->fd = -1;
    entry->holder = NULL;
    entry->self = NULL;
    entry->content.ids = NULL;
    entry->content.repeats = NULL;
    entry->text = NULL;
    entry->xattrs = NULL;
    entry->lost_attributes = NULL;
    entry->failure = NULL;
}

/* How often the blob at this place stands there in a row. */
static size_t count_same(const struct tree_node *node, size_t index)
{
    const struct blob_id *id = &node->content[index];
    size_t end = index + 1;
    while (end < node->content_count && memcmp(id, &node->content[end], sizeof(*id)) == 0)
        end++;
    return end - index;
}

enum status upload_entry_reuse(struct upload_entry *entry, const struct tree_node *past,
                               struct error *err)
{
    size_t times = 0;
    for (size_t i = 0; i < past->content_count; i += times) {
        size_t index = 0;
        times = count_same(past, i);
        if (upload_entry_reserve_id(entry, times, &index, err) != STATUS_OK)
            return error_status(err);
        upload_entry_set_id(entry, index, &past->content[i]);
    }
    entry->content.size = past->size;
    entry->is_reused = true;
    entry->done = true;
    return STATUS_OK;
}

enum status upload_entry_reuse_text(struct upload_entry *entry, const struct tree_node_text *past,
                                    struct error *err)
{
    entry->text = malloc(past->len);
    if (entry->text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a node of %zu bytes", past->len);
    memcpy(entry->text, past->text, past->len);
    entry->text_len = past->len;
    entry->is_reused = true;
    entry->done = true;
    return STATUS_OK;
}

enum status upload_entry_reuse_xattrs(struct upload_entry *entry, const struct tree_node *past,
                                      struct error *err)
{
    size_t size = past->xattr_count * sizeof(*past->xattrs);
    for (size_t i = 0; i < past->xattr_count; i++)
        size += strlen(past->xattrs[i].name) + 1 + past->xattrs[i].value_len;
    if (past->xattr_count == 0)
        return STATUS_OK;
    entry->xattrs = malloc(size); /* one block: the list, then names and values */
    if (entry->xattrs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu extended attributes", past->xattr_count);
    char *to = (char *)(entry->xattrs + past->xattr_count);
    for (size_t i = 0; i < past->xattr_count; i++) {
        const struct tree_node_xattr *xattr = &past->xattrs[i];
        entry->xattrs[i] = (struct tree_node_xattr){.name = to, .value_len = xattr->value_len};
        to = stpcpy(to, xattr->name) + 1;
        entry->xattrs[i].value = to;
        if (xattr->value_len > 0)
            memcpy(to, xattr->value, xattr->value_len);
        to += xattr->value_len;
    }
    entry->xattr_count = past->xattr_count;
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

enum status upload_entry_fail(struct upload_entry *entry, enum warning kind,
                              const struct error *cause, struct error *err)
{
    entry->warning = kind;
    return copy_error(&entry->failure, cause, err);
}

enum status upload_entry_lose_attributes(struct upload_entry *entry, const struct error *cause,
                                         struct error *err)
{
    return copy_error(&entry->lost_attributes, cause, err);
}

static enum status add_repeat(struct upload_entry_content *content, uint64_t times,
                              struct error *err)
{
    if (array_reserve(&content->repeats, &content->repeat_capacity, content->repeat_count + 1,
                      sizeof(*content->repeats), err) != STATUS_OK)
        return FAIL_IN(err, "the chunks of one file");
    content->repeats[content->repeat_count++] =
        (struct tree_node_repeat){.index = content->count, .times = times};
    return STATUS_OK;
}

enum status upload_entry_reserve_id(struct upload_entry *entry, uint64_t times, size_t *ret_index,
                                    struct error *err)
{
    struct upload_entry_content *content = &entry->content;
    if (times > 1 && add_repeat(content, times, err) != STATUS_OK)
        return error_status(err);
    content->chunks += times;
    bool is_one = content->ids == NULL;
    if (content->count >= 1 && array_reserve(&content->ids, &content->capacity, content->count + 1,
                                             sizeof(*content->ids), err) != STATUS_OK)
        return FAIL_IN(err, "the chunks of one file");
    if (is_one && content->ids != NULL)
        content->ids[0] = content->one;
    *ret_index = content->count++;
    return STATUS_OK;
}

void upload_entry_set_id(struct upload_entry *entry, size_t index, const struct blob_id *id)
{
    struct upload_entry_content *content = &entry->content;
    *(content->ids == NULL ? &content->one : &content->ids[index]) = *id;
}

const struct blob_id *upload_entry_ids(const struct upload_entry *entry)
{
    return entry->content.ids == NULL ? &entry->content.one : entry->content.ids;
}
