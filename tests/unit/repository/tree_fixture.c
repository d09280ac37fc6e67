#include "tree_fixture.h"

#include <stdlib.h>
#include <string.h>

struct fixture f;

void open_repository(void)
{
    (void)setenv("TZ", "UTC", 1);
    fixture_open(&f);
}

void close_repository(void)
{
    fixture_close(&f);
}

struct tree_node make_node(const char *name, enum tree_node_type type)
{
    return (struct tree_node){.name = name,
                              .name_len = strlen(name),
                              .type = type,
                              .mode = 0644,
                              .mtime = {1795465426, 419788567},
                              .atime = {1795465426, 419788567},
                              .ctime = {1795465427, 0},
                              .inode = 12,
                              .device_id = 2049,
                              .links = 1};
}

void load_text(const struct blob_id *id, struct buffer *text)
{
    buffer_init(text, 1 << 30);
    MUST(&f, repository_load_blob(f.repository, BLOB_TREE, id, text, &f.err));
}

struct buffer written(const struct tree_node *nodes, size_t count)
{
    struct tree_writer *writer = NULL;
    struct blob_id id;
    struct buffer text;
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    for (size_t i = 0; i < count; i++)
        MUST(&f, tree_writer_add(writer, &nodes[i], &f.err));
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    tree_writer_free(writer);
    load_text(&id, &text);
    return text;
}
