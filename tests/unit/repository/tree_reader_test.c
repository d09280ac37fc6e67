#include "src/repository/tree_node.h"
#include "tree_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

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
