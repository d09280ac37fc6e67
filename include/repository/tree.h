/*
 * Trees: directories as restic keeps them, one JSON blob each, byte for byte as restic writes it.
 *
 * Writer    Nodes come in ascending order of their raw name. Memory stays bounded for a directory
 *           of any size: above 256 KiB of JSON the text is compressed as it comes. A node that would
 *           make it more than a blob can hold (2 GiB) is TOO_LARGE, and the others stay.
 * Reader    It goes forward only, node by node, over the blob's plaintext. Unknown fields are
 *           skipped; names that could leave the directory ("", ".", "..", with '/' or NUL) are
 *           CORRUPT.
 */
#ifndef REPOSITORY_TREE_H
#define REPOSITORY_TREE_H

#include "core/cleanup.h"
#include "core/error.h"
#include "repository/repository.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

enum tree_node_type {
    TREE_NODE_FILE,
    TREE_NODE_DIR,
    TREE_NODE_SYMLINK,
    TREE_NODE_DEV,
    TREE_NODE_CHARDEV,
    TREE_NODE_FIFO,
    TREE_NODE_SOCKET
};

struct tree_node_xattr {
    const char *name;
    const void *value;
    size_t value_len;
};

/* A blob that stands in a file's content several times in a row, as that of a hole does. */
struct tree_node_repeat {
    size_t index; /* where it is in the content, once */
    uint64_t times;
};

/* Pointers are borrowed: by the writer until the call returns, from the reader until the next node.
 */
struct tree_node {
    const char *name; /* raw bytes, NUL-terminated */
    size_t name_len;
    enum tree_node_type type;
    mode_t mode; /* permission bits with setuid, setgid and sticky; no type bits */
    struct timespec mtime, atime, ctime;
    uid_t uid;
    gid_t gid;
    const char *user; /* NULL: no such name */
    const char *group;
    uint64_t inode;
    uint64_t device_id;
    uint64_t size; /* files: bytes read */
    uint64_t links;
    const char *link_target; /* symlinks: raw bytes */
    uint64_t device;         /* st_rdev of devices */
    const struct tree_node_xattr *xattrs;
    size_t xattr_count;
    const struct blob_id *content; /* files */
    size_t content_count;
    const struct tree_node_repeat *repeats; /* to the writer, in ascending order; a reader has each
                                               blob as often as it stands there, and none of these */
    size_t repeat_count;
    bool has_subtree; /* directories */
    struct blob_id subtree;
};

/* Fills what lstat() knows, with atime = mtime as restic does; the rest is zero. False: a kind of
 * file that has no node (a socket). */
bool tree_node_from_stat(const struct stat *info, struct tree_node *ret_node);

struct tree_writer;

enum status tree_writer_new(struct repository *repository, struct tree_writer **ret_writer,
                            struct error *err) MUST_CHECK;
enum status tree_writer_add(struct tree_writer *writer, const struct tree_node *node,
                            struct error *err) MUST_CHECK;
/* A node as text, from tree_reader_match(); its name as the node has it. */
enum status tree_writer_add_text(struct tree_writer *writer, const char *name, const char *text,
                                 size_t len, struct error *err) MUST_CHECK;
/* Saves the blob unless known. The writer can only be freed afterwards. */
enum status tree_writer_finish(struct tree_writer *writer, struct blob_id *ret_id,
                               struct error *err) MUST_CHECK;
void tree_writer_free(struct tree_writer *writer);
DEFINE_CLEANUP(struct tree_writer *, tree_writer_free)

struct tree_reader;

/* The tree with this id, from the repository, which is borrowed. Of one with more than
 * TREE_WHOLE_BYTES of text only a window is held, and the nodes before a damaged part are read. */
enum { TREE_WHOLE_BYTES = 1024 * 1024 };

enum status tree_reader_open(struct repository *repository, const struct blob_id *id,
                             struct tree_reader **ret_reader, struct error *err) MUST_CHECK;
/* The text is borrowed. */
enum status tree_reader_new(const void *text, size_t len, struct tree_reader **ret_reader,
                            struct error *err) MUST_CHECK;
/* *ret_more false: there was no further node. */
enum status tree_reader_next(struct tree_reader *reader, struct tree_node *ret_node, bool *ret_more,
                             struct error *err) MUST_CHECK;

/* Is the next node that of this file, in all but its content, without extended attributes, and does
 * it stand there as the writer would write it? Then it is passed, and *ret_text is what stands
 * there; borrowed until the next call. Such a node need not be taken apart and put together again.
 * False: nothing has happened. Of long ones, and at the edge of a window, it may be false without
 * need. */
struct tree_node_text {
    const char *text; /* no NUL */
    size_t len;       /* at most TREE_NODE_TEXT_MAX */
    const struct blob_id *content;
    size_t content_count;
};

enum { TREE_NODE_TEXT_MAX = 4096 };

bool tree_reader_match(struct tree_reader *reader, const struct tree_node *node,
                       struct tree_node_text *ret_text);
void tree_reader_free(struct tree_reader *reader);
DEFINE_CLEANUP(struct tree_reader *, tree_reader_free)

#endif
