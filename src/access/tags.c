#include "access/tags.h"

#include "core/cleanup.h"
#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tag_write(const char *name, const char *value, char tag[TAG_SIZE])
{
    (void)snprintf(tag, TAG_SIZE, "%s%s", name, value);
}

const char *tag_value(const struct repository_snapshot *snapshot, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *tag = snapshot->tags; tag != NULL && *tag != NULL; tag++)
        if (strncmp(*tag, name, len) == 0)
            return *tag + len;
    return NULL;
}

static void add_tag(struct tags *tags, const char *tag)
{
    size_t count = 0;
    while (tags->list[count] != NULL)
        count++;
    assert(count < TAGS_MAX);
    tags->list[count] = tag;
}

static enum status add_labels(const json_t *labels, struct tags *tags, struct error *err)
{
    if (json_array_size(labels) == 0)
        return STATUS_OK;
    CLEANUP(freep) char *text = json_write(labels);
    if (text == NULL || asprintf(&tags->labels, TAG_LABELS "%s", text) < 0) {
        tags->labels = NULL;
        return FAIL(err, STATUS_NO_MEMORY, "labels");
    }
    add_tag(tags, tags->labels);
    return STATUS_OK;
}

static enum status add_request(const struct tag_words *words, struct tags *tags, struct error *err)
{
    if (words->created_by != NULL) {
        tag_write(TAG_BY, words->created_by, tags->by);
        add_tag(tags, tags->by);
    }
    if (words->version != NULL) {
        tag_write(TAG_VERSION, words->version, tags->version);
        add_tag(tags, tags->version);
    }
    return add_labels(words->labels, tags, err);
}

enum status tags_set(const struct tag_words *words, struct tags *ret_tags,
                     struct repository_snapshot *snapshot, struct error *err)
{
    *ret_tags = (struct tags){.labels = NULL};
    tag_write(TAG_BACKUP, words->backup, ret_tags->backup);
    tag_write(TAG_NAME, words->name, ret_tags->name);
    tag_write(TAG_APP, words->app_name, ret_tags->app);
    tag_write(TAG_ACCOUNT, words->account, ret_tags->account);
    snapshot->tags = ret_tags->list;
    add_tag(ret_tags, TAG_MARK);
    add_tag(ret_tags, ret_tags->backup);
    add_tag(ret_tags, ret_tags->name);
    add_tag(ret_tags, ret_tags->app);
    add_tag(ret_tags, ret_tags->account);
    return add_request(words, ret_tags, err);
}

void tags_done(struct tags *tags)
{
    free(tags->labels);
    tags->labels = NULL;
}
