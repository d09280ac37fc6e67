#include "src/backup/previous_tree.h"

#include "tests/support/repository_fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture f;
static struct previous_tree *parent;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    previous_tree_close(parent);
    fixture_close(&f);
}

TestSuite(parent, .init = set_up, .fini = tear_down);

/* A tree of names: "name" is an empty file, "name/" a directory with this tree. */
static struct blob_id write_tree(const char *const *names, const struct blob_id *subtree)
{
    CLEANUP(tree_writer_freep) struct tree_writer *writer = NULL;
    struct blob_id id;
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    for (; *names != NULL; names++) {
        char name[64];
        size_t len = strcspn(*names, "/");
        bool is_directory = (*names)[len] == '/';
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, *names);
        struct tree_node node = {.name = name, .name_len = len, .mtime.tv_sec = 5, .inode = len};
        node.type = is_directory ? TREE_NODE_DIR : TREE_NODE_FILE;
        node.has_subtree = is_directory;
        if (is_directory)
            node.subtree = *subtree;
        MUST(&f, tree_writer_add(writer, &node, &f.err));
    }
    MUST(&f, tree_writer_finish(writer, &id, &f.err));
    MUST(&f, repository_flush(f.repository, &f.err));
    return id;
}

static struct blob_id write_trees(void)
{
    static const char *const inner[] = {"x", "y", NULL};
    static const char *const outer[] = {"a", "b/", "c/", "d", NULL};
    struct blob_id below = write_tree(inner, NULL);
    return write_tree(outer, &below);
}

static void open_parent(const struct blob_id *tree)
{
    MUST(&f, previous_tree_open(f.repository, tree, &parent, &f.err));
}

static bool finds(const char *name)
{
    const struct tree_node *node = previous_tree_find(parent, name);
    return node != NULL && strcmp(node->name, name) == 0;
}

Test(parent, is_read_in_step_with_a_walk)
{
    struct blob_id tree = write_trees();
    open_parent(&tree);

    cr_expect(not(finds("A")));
    cr_expect(finds("a"));
    cr_expect(not(finds("aa")));
    MUST(&f, previous_tree_enter(parent, "b", &f.err));
    cr_expect(finds("x"));
    cr_expect(not(finds("z")));
    previous_tree_leave(parent);
    cr_expect(finds("b"), "its own node is still there");
    MUST(&f, previous_tree_enter(parent, "ba", &f.err));
    cr_expect(not(finds("x")));
    MUST(&f, previous_tree_enter(parent, "x", &f.err));
    previous_tree_leave(parent);
    previous_tree_leave(parent);
    cr_expect(finds("d"), "what is new is passed by");
    cr_expect(not(finds("e")));
    cr_expect(eq(int, (int)previous_tree_damage(parent)->status, STATUS_OK));
}

static struct tree_node empty_file(const char *name)
{
    return (struct tree_node){
        .name = name, .name_len = strlen(name), .mtime.tv_sec = 5, .inode = strlen(name)};
}

Test(parent, passes_what_is_the_same_without_a_look)
{
    static const char *const names[] = {"a", "b", "c", "d", NULL};
    struct blob_id tree = write_tree(names, NULL);
    struct tree_node a = empty_file("a");
    struct tree_node c = empty_file("c");
    struct tree_node d = empty_file("d");
    struct tree_node_text text;
    open_parent(&tree);

    cr_expect(previous_tree_match(parent, &a, &text));
    cr_expect(not(previous_tree_match(parent, &c, &text)), "b comes before it");
    cr_expect(finds("c"));
    cr_expect(not(previous_tree_match(parent, &c, &text)), "it is taken apart already");
    cr_expect(finds("c"));
    cr_expect(previous_tree_match(parent, &d, &text));
    cr_expect(not(finds("d")), "it is passed");
    cr_expect(not(previous_tree_match(NULL, &d, &text)));
    cr_expect(eq(int, (int)previous_tree_damage(parent)->status, STATUS_OK));
}

Test(parent, enters_no_file)
{
    struct blob_id tree = write_trees();
    open_parent(&tree);
    MUST(&f, previous_tree_enter(parent, "a", &f.err));
    cr_expect(not(finds("x")));
    previous_tree_leave(parent);
    cr_expect(finds("d"));
}

Test(parent, goes_deep)
{
    static const char *const leaf[] = {"x", NULL};
    static const char *const step[] = {"d/", NULL};

    enum { DEPTH = 100 };
    struct blob_id tree = write_tree(leaf, NULL);
    for (int i = 0; i < DEPTH; i++)
        tree = write_tree(step, &tree);
    open_parent(&tree);
    for (int i = 0; i < DEPTH; i++)
        MUST(&f, previous_tree_enter(parent, "d", &f.err));
    cr_expect(finds("x"));
    for (int i = 0; i < DEPTH; i++) {
        previous_tree_leave(parent);
        cr_assert(finds("d"));
    }
}

Test(parent, moves_to_a_volume_by_its_path)
{
    static const char *const top[] = {"srv/", NULL};
    struct blob_id tree = write_trees();
    tree = write_tree(top, &tree);
    open_parent(&tree);

    MUST(&f, previous_tree_move_to(parent, "/srv/b", &f.err));
    cr_expect(finds("b"));
    MUST(&f, previous_tree_move_to(parent, "/srv/c/x", &f.err));
    cr_expect(finds("x"));
    MUST(&f, previous_tree_move_to(parent, "/elsewhere/c", &f.err));
    cr_expect(not(finds("c")));
    MUST(&f, previous_tree_move_to(parent, "/srv", &f.err));
    cr_expect(finds("srv"));
    cr_expect(eq(int, (int)previous_tree_damage(parent)->status, STATUS_OK));
}

Test(parent, that_is_missing_has_nothing)
{
    struct blob_id none = {{1}};
    open_parent(&none);
    cr_expect(not(finds("a")));
    MUST(&f, previous_tree_enter(parent, "b", &f.err));
    cr_expect(not(finds("x")));
    cr_expect(eq(int, (int)previous_tree_damage(parent)->status, STATUS_CORRUPT));
}

Test(parent, that_is_damaged_below_has_the_rest)
{
    static const char *const names[] = {"a", "b/", "c", NULL};
    struct blob_id none = {{1}};
    struct blob_id tree = write_tree(names, &none);
    open_parent(&tree);
    MUST(&f, previous_tree_enter(parent, "b", &f.err));
    cr_expect(not(finds("x")));
    previous_tree_leave(parent);
    cr_expect(finds("c"));
    cr_expect(eq(int, (int)previous_tree_damage(parent)->status, STATUS_CORRUPT));
}

Test(parent, that_does_not_exist_finds_nothing)
{
    cr_expect(previous_tree_find(NULL, "a") == NULL);
    MUST(&f, previous_tree_enter(NULL, "a", &f.err));
    MUST(&f, previous_tree_move_to(NULL, "/a", &f.err));
    previous_tree_leave(NULL);
    cr_expect(eq(int, (int)previous_tree_damage(NULL)->status, STATUS_OK));
}

Test(previous_tree_is_same, looks_at_size_times_and_inode)
{
    struct stat info = {.st_mode = S_IFREG | 0644,
                        .st_size = 3,
                        .st_ino = 7,
                        .st_mtim = {10, 1},
                        .st_ctim = {11, 2}};
    struct tree_node node;
    cr_assert(tree_node_from_stat(&info, &node));
    cr_expect(previous_tree_is_same(&node, &info));

    struct stat other = info;
    other.st_ino++;
    cr_expect(not(previous_tree_is_same(&node, &other)));
    other = info;
    other.st_ctim.tv_nsec++;
    cr_expect(not(previous_tree_is_same(&node, &other)));
    other = info;
    other.st_mtim.tv_nsec++;
    cr_expect(not(previous_tree_is_same(&node, &other)));
    other = info;
    other.st_size++;
    cr_expect(not(previous_tree_is_same(&node, &other)));
    other = info;
    other.st_mode = S_IFIFO | 0644;
    other.st_size = 0;
    cr_expect(not(previous_tree_is_same(&node, &other)));
}

static const char *const paths[] = {"/srv/a", "/srv/b", NULL};
static const char *const of_shop[] = {"backup=1", "app=shop", NULL};

static struct repository_snapshot make_snapshot(unsigned char id, time_t second)
{
    static const char *const other_order[] = {"/srv/b", "/srv/a", NULL};
    return (struct repository_snapshot){
        .id = {{id}},
        .time.tv_sec = second,
        .hostname = "host",
        .paths = other_order,
    };
}

/* The first byte of the id of the one that is chosen; 0: none. */
static int chosen(const struct repository_snapshot *snapshots, size_t count)
{
    struct previous_choice choice = {.host = "host", .paths = paths, .app_tag = "app=shop"};
    for (size_t i = 0; i < count; i++)
        previous_choice_consider(&choice, &snapshots[i]);
    return choice.found ? choice.snapshot.bytes[0] : 0;
}

Test(previous_choice_consider, takes_the_latest_of_the_same_host_and_paths)
{
    struct repository_snapshot all[] = {make_snapshot(1, 10), make_snapshot(2, 30),
                                        make_snapshot(3, 20), make_snapshot(4, 40),
                                        make_snapshot(5, 50)};
    static const char *const fewer[] = {"/srv/a", NULL};
    all[3].hostname = "another";
    all[4].paths = fewer;
    cr_expect(eq(int, chosen(all, 5), 2));
    all[4].tags = of_shop;
    cr_expect(eq(int, chosen(all, 5), 2), "paths come before tags");
    all[3].hostname = NULL;
    cr_expect(eq(int, chosen(all + 3, 1), 0));
}

Test(previous_choice_consider, takes_the_latest_of_the_same_app_otherwise)
{
    static const char *const fewer[] = {"/srv/a", NULL};
    struct repository_snapshot all[] = {make_snapshot(1, 30), make_snapshot(2, 40),
                                        make_snapshot(3, 50), make_snapshot(4, 10)};
    for (int i = 0; i < 3; i++)
        all[i].paths = fewer;
    all[0].tags = of_shop;
    all[1].tags = of_shop;
    cr_expect(eq(int, chosen(all, 3), 2));
    cr_expect(eq(int, chosen(all, 4), 4));
    cr_expect(eq(int, chosen(all + 2, 1), 0));
}
