#include "repository/tree.h"

#include "src/repository/tree_node.h"
#include "tests/unit/repository/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct fixture f;

static void open_repository(void)
{
    (void)setenv("TZ", "UTC", 1);
    fixture_open(&f);
}

static void close_repository(void)
{
    fixture_close(&f);
}

TestSuite(tree_writer, .init = open_repository, .fini = close_repository);

static struct tree_node make_node(const char *name, enum tree_node_type type)
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

static void load_text(const struct blob_id *id, struct buffer *text)
{
    buffer_init(text, 1 << 30);
    MUST(&f, repository_load_blob(f.repository, BLOB_TREE, id, text, &f.err));
}

/* The tree of these nodes, as text. Caller frees. */
static struct buffer written(const struct tree_node *nodes, size_t count)
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

/* A tree of count files; the one in the middle has 30,000 blobs, more than a window of text. */
static struct blob_id write_large(unsigned count)
{
    enum { BLOBS = 30000 };
    static struct blob_id content[BLOBS];
    struct tree_writer *writer = NULL;
    struct blob_id id;
    for (size_t i = 0; i < sizeof(content); i++)
        ((unsigned char *)content)[i] = (unsigned char)rand();
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "file-%06u", i);
        struct tree_node node = make_node(name, TREE_NODE_FILE);
        node.content = content;
        node.content_count = i == count / 2 ? BLOBS : 1;
        MUST(&f, tree_writer_add(writer, &node, &f.err));
    }
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    tree_writer_free(writer);
    MUST(&f, repository_flush(f.repository, &f.err));
    return id;
}

/* How many nodes come before the end or the first failure. */
static enum status count_nodes(const struct blob_id *id, size_t *ret_count, size_t *ret_blobs)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct tree_node node;
    bool more = true;
    *ret_count = 0;
    *ret_blobs = 0;
    enum status status = tree_reader_open(f.repository, id, &reader, &f.err);
    while (status == STATUS_OK && more) {
        status = tree_reader_next(reader, &node, &more, &f.err);
        if (status == STATUS_OK && more) {
            (*ret_count)++;
            *ret_blobs += node.content_count;
        }
    }
    return status;
}

TestSuite(tree_reader_open, .init = open_repository, .fini = close_repository);

Test(tree_reader_open, reads_a_large_tree_through_a_window)
{
    size_t count = 0;
    size_t blobs = 0;
    struct blob_id small = write_large(1);
    struct blob_id large = write_large(40000);
    MUST(&f, count_nodes(&small, &count, &blobs));
    cr_expect(eq(sz, count, 1));
    MUST(&f, count_nodes(&large, &count, &blobs));
    cr_expect(eq(sz, count, 40000));
    cr_expect(eq(sz, blobs, 39999 + 30000));
    fixture_reopen(&f);
    MUST(&f, count_nodes(&large, &count, &blobs));
    cr_expect(eq(sz, count, 40000));
}

Test(tree_reader_open, notices_a_changed_byte_before_the_first_node)
{
    size_t count = 0;
    size_t blobs = 0;
    struct blob_id large = write_large(40000);
    fixture_reopen(&f);
    scratch_shell(&f.scratch, "for pack in $(find bucket/shop/data -type f); do chmod 600 $pack; "
                              "change_byte $pack 400000; done");
    EXPECT_STATUS(&f, count_nodes(&large, &count, &blobs), STATUS_CORRUPT);
    cr_expect(eq(sz, count, 0));
}

Test(tree_reader_open, says_that_a_tree_is_missing)
{
    size_t count = 0;
    size_t blobs = 0;
    struct blob_id none = {{1}};
    EXPECT_STATUS(&f, count_nodes(&none, &count, &blobs), STATUS_CORRUPT);
}

/* Stored as it is, but no tree: the text ends in a node. */
Test(tree_reader_open, refuses_a_large_text_that_is_cut_off)
{
    size_t len = 3 << 20;
    size_t count = 0;
    size_t blobs = 0;
    struct blob_id id;
    bool known = false;
    char *text = malloc(len);
    static const char start[] = "{\"nodes\":[{\"name\":\"";
    memset(text, 'x', len);
    memcpy(text, start, strlen(start));
    MUST(&f, repository_save_blob(f.repository, BLOB_TREE, text, len, &id, &known, &f.err));
    EXPECT_STATUS(&f, count_nodes(&id, &count, &blobs), STATUS_CORRUPT);
    free(text);
}

static struct error err;

/* Reads all nodes of a text that ends where its memory does. */
static enum status read_all(const char *text, size_t len, size_t *ret_count)
{
    struct tree_reader *reader = NULL;
    struct tree_node node;
    bool more = true;
    char *copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    enum status status = tree_reader_new(copy, len, &reader, &err);
    for (*ret_count = 0; status == STATUS_OK && more; *ret_count += more)
        status = tree_reader_next(reader, &node, &more, &err);
    tree_reader_free(reader);
    free(copy);
    return status;
}

#define ID_A        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define FILE_(name) "{\"name\":\"" name "\",\"type\":\"file\",\"content\":[]}"
#define TREE(nodes) "{\"nodes\":[" nodes "]}\n"

Test(tree_reader, reads_every_member)
{
    static const char text[] =
        TREE("{\"name\":\"a\\\\xff\\\\u00e4\\u003c\",\"type\":\"file\",\"mode\":8389101,"
             "\"mtime\":\"2026-11-24T01:53:46.5+05:30\",\"atime\":\"1969-12-31T23:59:59Z\","
             "\"ctime\":\"2026-11-23T20:23:47Z\",\"uid\":4294967294,\"gid\":7,\"user\":\"u\","
             "\"group\":\"g\\u00e4\",\"inode\":18446744073709551615,\"device_id\":5,\"size\":6,"
             "\"links\":2,\"generic_attributes\":{\"x\":[{}]},\"extended_attributes\":[{\"name\":"
             "\"user.x\",\"value\":\"AP8=\"},{\"value\":null,\"name\":\"user.y\"}],"
             "\"content\":[" ID_A "," ID_A "]},"
             "{\"name\":\"b\",\"type\":\"symlink\",\"linktarget_raw\":\"L/8=\","
             "\"linktarget\":\"/\\ufffd\",\"content\":null},"
             "{\"name\":\"c\",\"type\":\"chardev\",\"device\":259,\"content\":null},"
             "{\"name\":\"d\",\"type\":\"dir\",\"content\":null,\"subtree\":" ID_A "}");
    struct tree_reader *reader = NULL;
    struct tree_node node;
    bool more = false;
    cr_assert(eq(int, (int)tree_reader_new(text, sizeof(text) - 1, &reader, &err), (int)STATUS_OK));

    cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_assert(more);
    cr_expect(eq(str, (char *)node.name, "a\xff\xc3\xa4<"));
    cr_expect(eq(sz, node.name_len, (size_t)5));
    cr_expect(eq(uint, node.mode, 04755u));
    cr_expect(eq(i64, (int64_t)node.mtime.tv_sec, (int64_t)1795465426));
    cr_expect(eq(long, node.mtime.tv_nsec, 500000000L));
    cr_expect(eq(i64, (int64_t)node.atime.tv_sec, (int64_t)-1));
    cr_expect(eq(uint, node.uid, 4294967294u));
    cr_expect(eq(str, (char *)node.group, "g\xc3\xa4"));
    cr_expect(eq(u64, node.inode, UINT64_MAX));
    cr_expect(eq(u64, node.size, (uint64_t)6));
    cr_expect(eq(u64, node.links, (uint64_t)2));
    cr_expect(eq(sz, node.xattr_count, (size_t)2));
    cr_expect(eq(str, (char *)node.xattrs[0].name, "user.x"));
    cr_expect(eq(sz, node.xattrs[0].value_len, (size_t)2));
    cr_expect(memcmp(node.xattrs[0].value, "\x00\xff", 2) == 0);
    cr_expect(eq(sz, node.xattrs[1].value_len, (size_t)0));
    cr_expect(eq(sz, node.content_count, (size_t)2));
    cr_expect(eq(int, node.content[1].bytes[31], 0xaa));

    cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_expect(eq(str, (char *)node.link_target, "/\xff"));
    cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_expect(eq(int, (int)node.type, (int)TREE_NODE_CHARDEV));
    cr_expect(eq(u64, node.device, (uint64_t)259));
    cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_expect(node.has_subtree);
    cr_expect(eq(int, node.subtree.bytes[0], 0xaa));
    for (int i = 0; i < 2; i++) { /* asking again is fine */
        cr_assert(eq(int, (int)tree_reader_next(reader, &node, &more, &err), (int)STATUS_OK));
        cr_expect(not(more));
    }
    tree_reader_free(reader);
}

Test(tree_reader, accepts_other_spellings)
{
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
        {"{\"nodes\":null}", 0},
        {"{\"nodes\":[]}", 0},
        {" {\t\"nodes\" : [ " FILE_("a") " , " FILE_("b") " ] } \n", 2},
        {"{\"x\":1,\"nodes\":[" FILE_("a") "],\"y\":{\"nodes\":[1]}}", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t count = 0;
        cr_expect(
            eq(int, (int)read_all(cases[i].text, strlen(cases[i].text), &count), (int)STATUS_OK),
            "%s: %s", cases[i].text, err.text);
        cr_expect(eq(sz, count, cases[i].count));
    }
}

Test(tree_reader, refuses_hostile_texts)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"nodes\":{}}",
        "{\"nodes\":[]",
        "{\"nodes\":[]}x",
        "{\"nodes\":[],\"nodes\":[]}",
        TREE("1"),
        TREE("{}"),
        TREE("{\"name\":\"a\"}"),
        TREE("{\"type\":\"file\",\"content\":[]}"),
        TREE("{\"name\":\"a\",\"type\":\"file\"}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":null}"),
        TREE("{\"name\":\"a\",\"type\":\"door\",\"content\":[]}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":[\"abc\"]}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":[],\"size\":-1}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":[],\"uid\":4294967296}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":[],\"mtime\":\"today\"}"),
        TREE("{\"name\":\"a\",\"type\":\"file\",\"content\":[],\"user\":\"a\\u0000b\"}"),
        TREE("{\"name\":\"a\",\"type\":\"symlink\",\"linktarget\":\"\\u0000\"}"),
        TREE("{\"name\":\"a\",\"type\":\"symlink\",\"linktarget_raw\":\"AA==\"}"),
        TREE("{\"name\":\"a\",\"type\":\"fifo\",\"extended_attributes\":[{\"value\":\"\"}]}"),
        TREE(FILE_("")),
        TREE(FILE_(".")),
        TREE(FILE_("..")),
        TREE(FILE_("a/b")),
        TREE(FILE_("\\\\x2e\\\\x2e")),
        TREE(FILE_("a\\\\x2fb")),
        TREE(FILE_("a\\\\x00b")),
        TREE(FILE_("a\\u0000b")),
        TREE(FILE_("a\\\\q")),
        TREE(FILE_("a\\q")),
        TREE(FILE_("a") "," FILE_("a")),
        TREE(FILE_("b") "," FILE_("a")),
        TREE(FILE_("a") FILE_("b")),
        TREE(FILE_("a") ","),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t count = 0;
        cr_expect(eq(int, (int)read_all(bad[i], strlen(bad[i]), &count), (int)STATUS_CORRUPT), "%s",
                  bad[i]);
    }
}

Test(tree_reader, refuses_every_shorter_text)
{
    static const char text[] =
        TREE("{\"name\":\"a\\\\n\",\"type\":\"file\",\"mode\":1,\"content\":[" ID_A "],"
             "\"extended_attributes\":[{\"name\":\"n\",\"value\":\"AP8=\"}]}");
    size_t count = 0;
    for (size_t len = 0; len + 2 < sizeof(text); len++) /* the newline may be missing */
        cr_expect(eq(int, (int)read_all(text, len, &count), (int)STATUS_CORRUPT), "%zu", len);
    cr_expect(eq(int, (int)read_all(text, sizeof(text) - 1, &count), (int)STATUS_OK), "%s",
              err.text);
}

Test(tree_node_mode, goes_both_ways)
{
    for (mode_t mode = 0; mode <= 07777; mode++) {
        uint32_t go = tree_node_mode_to_go(TREE_NODE_DIR, mode);
        if (tree_node_mode_from_go(go) != mode || (go & UINT32_C(1) << 31) == 0)
            cr_assert(false, "%o", mode);
    }
    cr_expect(eq(u32, tree_node_mode_to_go(TREE_NODE_DEV, 0), UINT32_C(1) << 26));
    cr_expect(eq(u32, tree_node_mode_to_go(TREE_NODE_SOCKET, 0), UINT32_C(1) << 24));
}

Test(tree_node_from_stat, takes_what_lstat_knows)
{
    struct stat info = {.st_mode = S_IFREG | 06755,
                        .st_size = 99,
                        .st_nlink = 3,
                        .st_uid = 1,
                        .st_gid = 2,
                        .st_ino = 3,
                        .st_dev = 4,
                        .st_rdev = 5};
    struct tree_node node;
    info.st_mtim.tv_nsec = 6;
    cr_assert(tree_node_from_stat(&info, &node));
    cr_expect(eq(int, (int)node.type, (int)TREE_NODE_FILE));
    cr_expect(eq(uint, node.mode, 06755u));
    cr_expect(eq(u64, node.size, (uint64_t)99));
    cr_expect(eq(u64, node.links, (uint64_t)3));
    cr_expect(eq(u64, node.device, (uint64_t)0));
    cr_expect(eq(long, node.atime.tv_nsec, 6L), "the access time is the time of modification");
    info.st_mode = S_IFBLK;
    cr_assert(tree_node_from_stat(&info, &node));
    cr_expect(eq(u64, node.device, (uint64_t)5));
    cr_expect(eq(u64, node.size, (uint64_t)0));
    info.st_mode = S_IFSOCK;
    cr_expect(not(tree_node_from_stat(&info, &node)));
}
