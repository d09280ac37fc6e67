#include "tree_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(tree_reader_match, .init = open_repository, .fini = close_repository);

static struct tree_reader *reader_of(const struct buffer *text)
{
    struct tree_reader *reader = NULL;
    MUST(&f, tree_reader_new(text->bytes, text->len, &reader, &f.err));
    return reader;
}

static bool next_is(struct tree_reader *reader, const char *name)
{
    struct tree_node node;
    bool more = false;
    MUST(&f, tree_reader_next(reader, &node, &more, &f.err));
    return more ? strcmp(node.name, name) == 0 : name[0] == '\0';
}

Test(tree_reader_match, gives_the_text_of_which_the_same_tree_is_made)
{
    struct blob_id ids[2] = {{{0xab}}, {{0xcd}}};
    struct tree_node nodes[3] = {make_node("a", TREE_NODE_FILE),
                                 make_node("b<\xff", TREE_NODE_FILE),
                                 make_node("c", TREE_NODE_FILE)};
    struct tree_writer *writer = NULL;
    struct tree_node_text text;
    struct blob_id id;
    for (size_t i = 0; i < 3; i++) {
        nodes[i].content = ids;
        nodes[i].content_count = i;
        nodes[i].user = i == 0 ? NULL : "root";
    }
    struct buffer before = written(nodes, 3);
    struct buffer after;
    struct tree_reader *reader = reader_of(&before);
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));

    for (size_t i = 0; i < 3; i++) {
        nodes[i].content = NULL; /* is not known yet */
        cr_assert(tree_reader_match(reader, &nodes[i], &text));
        cr_expect(eq(sz, text.content_count, i));
        cr_expect(i == 0 || memcmp(text.content, ids, i * sizeof(ids[0])) == 0);
        MUST(&f, tree_writer_add_text(writer, nodes[i].name, text.text, text.len, &f.err));
    }
    cr_expect(not(tree_reader_match(reader, &nodes[2], &text)), "the end");
    cr_expect(next_is(reader, ""));
    MUST(&f, tree_writer_finish(writer, &id, &f.err));

    load_text(&id, &after);
    cr_expect(eq(str, (char *)after.bytes, (char *)before.bytes));
    tree_writer_free(writer);
    tree_reader_free(reader);
    buffer_done(&before);
    buffer_done(&after);
}

Test(tree_reader_match, takes_nothing_that_differs)
{
    struct tree_node was[2] = {make_node("a", TREE_NODE_FILE), make_node("b", TREE_NODE_FILE)};
    struct tree_node is[14];
    struct tree_node_text text;
    was[0].size = 7;
    was[0].links = 12;
    struct buffer tree = written(was, 2);
    struct tree_reader *reader = reader_of(&tree);
    for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++)
        is[i] = was[0];
    is[0].name = "aa";
    is[0].name_len = 2;
    is[1].mode = 0600;
    is[2].mtime.tv_nsec++;
    is[3].atime.tv_sec++;
    is[4].ctime.tv_nsec++;
    is[5].uid++;
    is[6].gid++;
    is[7].user = "u";
    is[8].group = "g";
    is[9].inode++;
    is[10].device_id++;
    is[11].size++;
    is[12].links = 1; /* its text is the start of the other's */
    is[13].type = TREE_NODE_FIFO;

    for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++)
        cr_expect(not(tree_reader_match(reader, &is[i], &text)), "%zu", i);

    cr_expect(tree_reader_match(reader, &was[0], &text));
    cr_expect(next_is(reader, "b"));
    cr_expect(next_is(reader, ""));
    tree_reader_free(reader);
    buffer_done(&tree);
}

Test(tree_reader_match, leaves_directories_attributes_and_long_files_to_the_parser)
{
    static struct blob_id many[TREE_NODE_TEXT_MAX / 64];
    struct tree_node_xattr xattr = {"user.a", "b", 1};
    struct tree_node nodes[3] = {make_node("a", TREE_NODE_DIR), make_node("b", TREE_NODE_FILE),
                                 make_node("c", TREE_NODE_FILE)};
    struct tree_node_text text;
    nodes[0].has_subtree = true;
    nodes[1].xattrs = &xattr;
    nodes[1].xattr_count = 1;
    nodes[2].content = many;
    nodes[2].content_count = sizeof(many) / sizeof(many[0]);
    struct buffer tree = written(nodes, 3);
    struct tree_reader *reader = reader_of(&tree);

    for (size_t i = 0; i < 3; i++) {
        cr_expect(not(tree_reader_match(reader, &nodes[i], &text)), "%zu", i);
        cr_expect(next_is(reader, nodes[i].name));
    }
    tree_reader_free(reader);
    buffer_done(&tree);
}

/* Cut off at each byte, in memory that ends there. */
Test(tree_reader_match, survives_a_damaged_text)
{
    struct blob_id id = {{1}};
    struct tree_node nodes[2] = {make_node("a", TREE_NODE_FILE), make_node("b", TREE_NODE_FILE)};
    nodes[0].content = &id;
    nodes[0].content_count = 1;
    struct buffer tree = written(nodes, 2);
    for (size_t len = 0; len < tree.len - 1; len++) {
        struct buffer part = {.bytes = malloc(len + (len == 0)), .len = len};
        struct tree_node_text text;
        struct tree_node node;
        bool more = true;
        memcpy(part.bytes, tree.bytes, len);
        struct tree_reader *reader = reader_of(&part);
        enum status status = STATUS_OK;
        (void)tree_reader_match(reader, &nodes[0], &text);
        (void)tree_reader_match(reader, &nodes[1], &text);
        while (status == STATUS_OK && more)
            status = tree_reader_next(reader, &node, &more, &f.err);
        cr_expect(eq(int, (int)status, (int)STATUS_CORRUPT), "%zu", len);
        tree_reader_free(reader);
        free(part.bytes);
    }
    buffer_done(&tree);
}
