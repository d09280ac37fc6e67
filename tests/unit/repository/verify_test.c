/* Each kind of damage that a disk or a person can do to a repository, and what is said of it. */
#include "repository/verify.h"

#include "repository/tree.h"
#include "tests/support/repository_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;
static struct blob_id root;
static struct verification *verification;

/* A tree with one file of two blobs, and a directory in it. */
static void set_up(void)
{
    char *bytes = calloc(1, 1000000);
    struct blob_id content[2];
    struct blob_id below;
    bool known = false;
    fixture_open(&f);
    for (size_t i = 0; i < 1000000; i++)
        bytes[i] = (char)((i * i) >> 7);
    for (size_t i = 0; i < 2; i++)
        MUST(&f, repository_save_blob(f.repository, BLOB_DATA, bytes, 500000 + i, &content[i],
                                      &known, &f.err));
    free(bytes);
    for (int level = 0; level < 2; level++) {
        CLEANUP(tree_writer_freep) struct tree_writer *writer = NULL;
        const struct tree_node node = {.name = "a",
                                       .name_len = 1,
                                       .type = level == 0 ? TREE_NODE_FILE : TREE_NODE_DIR,
                                       .content = content,
                                       .content_count = level == 0 ? 2 : 0,
                                       .has_subtree = level == 1,
                                       .subtree = below};
        MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
        MUST(&f, tree_writer_add(writer, &node, &f.err));
        MUST(&f, tree_writer_finish(writer, level == 0 ? &below : &root, &f.err));
    }
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);
}

static void tear_down(void)
{
    verification_free(verification);
    verification = NULL;
    fixture_close(&f);
}

TestSuite(verification, .init = set_up, .fini = tear_down);

/* "%s": the pack with the data, which is the larger one. */
static void harm(const char *command)
{
    char script[512];
    (void)snprintf(script, sizeof(script),
                   "cd bucket/shop/data; set -- $(ls -S */* | head -1); chmod 600 $1; %s", command);
    scratch_shell(&f.scratch, "%s", script);
}

static void look(void)
{
    MUST(&f, verification_new(f.repository, &verification, &f.err));
    for (size_t i = 0; i < verification_pack_count(verification); i++)
        MUST(&f, verification_read_pack(verification, i, &f.err));
}

static void expect_damage(const char *text)
{
    char problem[VERIFICATION_TEXT_SIZE];
    look();
    cr_assert(lt(sz, 0, verification_damage_count(verification)));
    cr_expect(strstr(verification_damage(verification, 0), text) != NULL, "%s",
              verification_damage(verification, 0));
    MUST(&f, verification_check_tree(verification, &root, NULL, problem, &f.err));
    cr_expect(problem[0] != '\0');
}

Test(verification, finds_nothing_wrong_with_what_was_written)
{
    char problem[VERIFICATION_TEXT_SIZE];

    look();

    cr_expect(eq(sz, verification_damage_count(verification), 0));
    MUST(&f, verification_check_tree(verification, &root, NULL, problem, &f.err));
    cr_expect(eq(str, problem, ""));
    MUST(&f, verification_check_tree(verification, &root, NULL, problem, &f.err)); /* known */
    cr_expect(eq(str, problem, ""));
}

Test(verification, finds_a_pack_that_is_gone)
{
    harm("rm $1");
    expect_damage(" is gone");
}

Test(verification, finds_a_pack_that_was_cut)
{
    harm("truncate -s -1 $1");
    expect_damage("at least");
}

Test(verification, finds_a_flipped_bit_in_a_blob)
{
    harm("change_byte $1 100");
    expect_damage("at byte 0: ");
}

Test(verification, finds_a_flipped_bit_in_a_header)
{
    harm("change_byte $1 $(($(stat -c %s $1) - 30))");
    expect_damage("header");
}

Test(verification, finds_a_length_of_the_header_that_cannot_be)
{
    harm("printf '\\377\\377\\377\\377' | dd of=$1 bs=1 seek=$(($(stat -c %s $1) - 4)) "
         "conv=notrunc 2>/dev/null");
    expect_damage("length of its header");
}

Test(verification, finds_a_pack_that_has_another_ones_content)
{
    scratch_shell(&f.scratch, "cd bucket/shop/data; set -- $(ls -S */*); chmod 600 $1 $2; "
                              "cat $2 >x; cat $1 >>x; mv x $1");
    look();
    cr_expect(lt(sz, 0, verification_damage_count(verification)));
}

Test(verification, finds_a_blob_that_no_index_has)
{
    char problem[VERIFICATION_TEXT_SIZE];
    scratch_shell(&f.scratch, "rm -f bucket/shop/index/*");
    fixture_reopen(&f);

    look();

    MUST(&f, verification_check_tree(verification, &root, NULL, problem, &f.err));
    cr_expect(strstr(problem, "in no index") != NULL, "%s", problem);
}

Test(verification, of_trees_stops_when_canceled)
{
    char problem[VERIFICATION_TEXT_SIZE];
    struct cancel cancel;
    MUST(&f, cancel_init(&cancel, &f.err));
    cancel_request(&cancel, STATUS_CANCELED);
    look();

    EXPECT_STATUS(&f, verification_check_tree(verification, &root, &cancel, problem, &f.err),
                  STATUS_CANCELED);
    cancel_done(&cancel);
}
