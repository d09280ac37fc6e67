/*
 * A repository in a scratch directory, the stock restic on it, and the smallest backup and restore
 * that the repository's own interface allows: what the stages do, without what they add.
 */
#ifndef TESTS_INTEGRATION_REPOSITORY_FIXTURE_H
#define TESTS_INTEGRATION_REPOSITORY_FIXTURE_H

#include "repository/chunker.h"
#include "repository/snapshot.h"
#include "repository/tree.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PASSPHRASE "open sesame"

struct fixture {
    struct scratch scratch; /* the repository is "bucket/shop", the source "source" */
    struct object_store *store;
    struct repository *repository;
    struct chunker chunker;
    struct error err;
};

#define MUST(f, call)                                                                   \
    do {                                                                                \
        enum status must_ = (call);                                                     \
        cr_assert(eq(int, (int)must_, (int)STATUS_OK), "%s: %s", #call, (f)->err.text); \
    } while (0)

void fixture_open(struct fixture *f);

void fixture_close(struct fixture *f);

/* Opens, makes if need be, locks and loads. */
void fixture_begin(struct fixture *f);

void fixture_end(struct fixture *f);

#define RESTIC "RESTIC_PASSWORD='" PASSPHRASE "' timeout 120 restic --no-cache -r %s/bucket/shop "

/* restic's output; it must succeed. Caller frees. */
#define restic_output(f, command) \
    scratch_output(&(f)->scratch, RESTIC "%s", (f)->scratch.path, (command))
#define restic(f, command) free(restic_output((f), (command)))

/* Temporaries are no locks: a writer that was killed leaves them, and puts remove them later. */
void fixture_check(struct fixture *f);

enum { XATTRS_MAX = 16, XATTR_BYTES = 64 * 1024 };

struct file_extras {
    struct tree_node_xattr xattrs[XATTRS_MAX];
    char names[4096];
    char values[XATTRS_MAX][4096];
    char user[64], group[64];
    char target[4096];
};

/* The source, as `restic backup source` in the scratch directory has it. */
struct blob_id fixture_backup(struct fixture *f);

struct restored_link {
    uint64_t inode;
    char path[4096];
};

struct restoring {
    struct fixture *f;
    struct restored_link links[16];
    size_t link_count;
};

/* The newest snapshot, into the directory "restored", by nothing but our own readers. */
void fixture_restore(struct fixture *f);

#endif
