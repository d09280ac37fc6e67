#include "tree_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

TestSuite(tree_writer, .init = open_repository, .fini = close_repository);

static void expect_text(const struct tree_node *node, const char *expected)
{
    char whole[4096];
    (void)snprintf(whole, sizeof(whole), "{\"nodes\":[%s]}\n", expected);
    struct buffer text = written(node, node == NULL ? 0 : 1);
    cr_expect(eq(str, (char *)text.bytes, whole));
    buffer_done(&text);
}

#define TIMES                                                                                    \
    "\"mtime\":\"2026-11-23T20:23:46.419788567Z\",\"atime\":\"2026-11-23T20:23:46.419788567Z\"," \
    "\"ctime\":\"2026-11-23T20:23:47Z\",\"uid\":0,\"gid\":0"

Test(tree_writer, writes_an_empty_directory_as_restic_does)
{
    struct tree_writer *writer = NULL;
    struct blob_id id;
    char text[BLOB_ID_TEXT_SIZE];
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    tree_writer_free(writer);
    blob_id_to_text(&id, text);
    cr_expect(strncmp(text, "ac08ce34", 8) == 0 && strcmp(text + 58, "23fee8") == 0, "%s", text);
}

Test(tree_writer, writes_a_file)
{
    struct blob_id content[2] = {{{0xab}}, {{0xcd}}};
    struct tree_node node = make_node("quo\"te\\back", TREE_NODE_FILE);
    node.mode = 04755;
    node.uid = 33;
    node.gid = 34;
    node.user = "www-data";
    node.group = "www<data>";
    node.size = 5;
    node.links = 2;
    node.content = content;
    node.content_count = 2;
    expect_text(
        &node,
        "{\"name\":\"quo\\\\\\\"te\\\\\\\\back\",\"type\":\"file\",\"mode\":8389101,"
        "\"mtime\":\"2026-11-23T20:23:46.419788567Z\",\"atime\":\"2026-11-23T20:23:46.419788567Z\","
        "\"ctime\":\"2026-11-23T20:23:47Z\",\"uid\":33,\"gid\":34,\"user\":\"www-data\","
        "\"group\":\"www\\u003cdata\\u003e\",\"inode\":12,\"device_id\":2049,\"size\":5,\"links\":"
        "2,"
        "\"content\":[\"ab00000000000000000000000000000000000000000000000000000000000000\","
        "\"cd00000000000000000000000000000000000000000000000000000000000000\"]}");
}

Test(tree_writer, writes_an_empty_file_with_an_empty_content)
{
    struct tree_node node = make_node("a", TREE_NODE_FILE);
    expect_text(&node, "{\"name\":\"a\",\"type\":\"file\",\"mode\":420," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"links\":1,\"content\":[]}");
}

Test(tree_writer, writes_a_directory)
{
    struct tree_node node = make_node("d", TREE_NODE_DIR);
    node.mode = 01777;
    node.has_subtree = true;
    node.subtree.bytes[0] = 0xef;
    expect_text(&node, "{\"name\":\"d\",\"type\":\"dir\",\"mode\":2148532735," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"content\":null,\"subtree\":"
                       "\"ef00000000000000000000000000000000000000000000000000000000000000\"}");
}

Test(tree_writer, writes_symbolic_links_with_their_raw_target_where_json_loses_it)
{
    struct tree_node node = make_node("l", TREE_NODE_SYMLINK);
    node.mode = 0777;
    node.link_target = "/t\xc3\xa4rget&";
    expect_text(&node, "{\"name\":\"l\",\"type\":\"symlink\",\"mode\":134218239," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"links\":1,"
                       "\"linktarget\":\"/t\xc3\xa4rget\\u0026\",\"content\":null}");
    node.link_target = "/\xff";
    expect_text(&node, "{\"name\":\"l\",\"type\":\"symlink\",\"mode\":134218239," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"links\":1,\"linktarget\":\"/\\ufffd\","
                       "\"linktarget_raw\":\"L/8=\",\"content\":null}");
}

Test(tree_writer, writes_devices_and_fifos)
{
    struct tree_node node = make_node("c", TREE_NODE_CHARDEV);
    node.device = makedev(1, 3);
    expect_text(&node, "{\"name\":\"c\",\"type\":\"chardev\",\"mode\":69206436," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"links\":1,\"device\":259,"
                       "\"content\":null}");
    node = make_node("p", TREE_NODE_FIFO);
    expect_text(&node, "{\"name\":\"p\",\"type\":\"fifo\",\"mode\":33554852," TIMES
                       ",\"inode\":12,\"device_id\":2049,\"content\":null}");
}

Test(tree_writer, writes_extended_attributes_in_their_order)
{
    struct tree_node_xattr xattrs[] = {{"user.b", "\x00\xff", 2}, {"user.a", "", 0}};
    struct tree_node node = make_node("a", TREE_NODE_FILE);
    node.xattrs = xattrs;
    node.xattr_count = 2;
    expect_text(&node,
                "{\"name\":\"a\",\"type\":\"file\",\"mode\":420," TIMES
                ",\"inode\":12,\"device_id\":2049,\"links\":1,\"extended_attributes\":["
                "{\"name\":\"user.b\",\"value\":\"AP8=\"},{\"name\":\"user.a\",\"value\":\"\""
                "}],\"content\":[]}");
}

Test(tree_writer, refuses_names_that_do_not_ascend_or_lead_elsewhere)
{
    static const char *const bad[] = {"b", "a", "", ".", "..", "x/y"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tree_writer *writer = NULL;
        struct tree_node first = make_node("b", TREE_NODE_FILE),
                         second = make_node(bad[i], TREE_NODE_FILE);
        MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
        MUST(&f, tree_writer_add(writer, &first, &f.err));
        EXPECT_STATUS(&f, tree_writer_add(writer, &second, &f.err), STATUS_INVALID);
        tree_writer_free(writer);
    }
}

/* As often as it stands there, whether it comes so often or is said to. */
Test(tree_writer, writes_a_blob_that_repeats_as_often_as_it_stands_there)
{
    enum { MANY = 3000 };
    struct blob_id once[4] = {{{1}}, {{2}}, {{3}}, {{4}}};
    struct blob_id *all = calloc(MANY + 7, sizeof(*all));
    struct tree_node_repeat repeats[] = {
        {.index = 0, .times = 2}, {.index = 2, .times = MANY}, {.index = 3, .times = 3}};
    struct tree_node node = make_node("a", TREE_NODE_FILE);
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        for (size_t times = i == 0 ? 2 : i == 1 ? 1 : i == 2 ? MANY : 3; times > 0; times--)
            all[count++] = once[i];
    node.content = all;
    node.content_count = count;
    struct buffer wanted = written(&node, 1);
    node.content = once;
    node.content_count = 4;
    node.repeats = repeats;
    node.repeat_count = 3;

    struct buffer text = written(&node, 1);

    cr_expect(eq(sz, text.len, wanted.len));
    cr_expect(text.len == wanted.len && memcmp(text.bytes, wanted.bytes, text.len) == 0);
    buffer_done(&text);
    buffer_done(&wanted);
    free(all);
}

Test(tree_writer, refuses_a_node_that_it_has_no_room_for_and_takes_the_next)
{
    struct blob_id content = {{1}};
    struct tree_node_repeat too_many = {.index = 0, .times = UINT64_C(1) << 26};
    struct tree_writer *writer = NULL;
    struct blob_id id;
    struct tree_node large = make_node("a", TREE_NODE_FILE);
    struct tree_node small = make_node("b", TREE_NODE_FILE);
    struct buffer wanted = written(&small, 1);
    struct buffer text;
    large.content = &content;
    large.content_count = 1;
    large.repeats = &too_many;
    large.repeat_count = 1;
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));

    EXPECT_STATUS(&f, tree_writer_add(writer, &large, &f.err), STATUS_TOO_LARGE);

    MUST(&f, tree_writer_add(writer, &small, &f.err));
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    tree_writer_free(writer);
    load_text(&id, &text);
    cr_expect(eq(str, (char *)text.bytes, (char *)wanted.bytes));
    buffer_done(&text);
    buffer_done(&wanted);
}

Test(tree_writer, sorts_by_bytes_not_by_characters)
{
    struct tree_node nodes[] = {
        make_node("B", TREE_NODE_FILE),        make_node("a", TREE_NODE_FILE),
        make_node("a.b", TREE_NODE_FILE),      make_node("a/b", TREE_NODE_FILE),
        make_node("\xc3\xa4", TREE_NODE_FILE), make_node("\xff", TREE_NODE_FILE)};
    nodes[3] = make_node("aa", TREE_NODE_FILE);
    struct buffer text = written(nodes, 6);
    buffer_done(&text);
}

/* Large enough for the stream and for a pack of its own: the content is incompressible. */
Test(tree_writer, writes_a_huge_directory_as_one_blob_with_little_memory)
{
    enum { COUNT = 60000 };
    struct tree_writer *writer = NULL;
    struct tree_reader *reader = NULL;
    struct blob_id id, content[8];
    struct buffer text;
    struct tree_node node;
    bool more = true;
    size_t count = 0;
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "file-%06u", i);
        node = make_node(name, TREE_NODE_FILE);
        for (size_t j = 0; j < sizeof(content); j++)
            ((unsigned char *)content)[j] = (unsigned char)rand();
        node.content = content;
        node.content_count = 8;
        MUST(&f, tree_writer_add(writer, &node, &f.err));
    }
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    tree_writer_free(writer);
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);

    load_text(&id, &text);
    MUST(&f, tree_reader_new(text.bytes, text.len, &reader, &f.err));
    for (;; count++) {
        char name[32];
        MUST(&f, tree_reader_next(reader, &node, &more, &f.err));
        if (!more)
            break;
        (void)snprintf(name, sizeof(name), "file-%06zu", count);
        if (strcmp(node.name, name) != 0 || node.content_count != 8)
            cr_assert(false, "%s", node.name);
    }
    cr_expect(eq(sz, count, (size_t)COUNT));
    tree_reader_free(reader);
    buffer_done(&text);
}
