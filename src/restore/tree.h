/*
 * Restore tree: what a restore will make, held compactly: 52 bytes a directory, 76 a file and its
 * name, 28 bytes for each blob that a file wants. Directories come after their parents.
 *
 * Threads   one thread fills it; then many read it, which only touch a file's `left` and `failed`
 * Limits    4 Gi entries of each kind, 4 GiB of names, 4 GiB of extended attributes: TOO_LARGE
 */
#ifndef RESTORE_TREE_H
#define RESTORE_TREE_H

#include "core/buffer.h"
#include "core/error.h"
#include "files/attributes_set.h"
#include "repository/pack_reader.h"
#include "repository/tree.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DIRECTORY_MADE = 1,  /* it is there */
    DIRECTORY_FRESH = 2, /* and was made by this run: empty, closed to others, without any ACL */
    DIRECTORY_PLAIN = 4  /* its own attributes are left alone */
};

static const uint32_t directory_none = UINT32_MAX;

struct restore_directory {
    struct plain_attributes attributes;
    uint32_t parent; /* directory_none: one of the roots, by the number that stands in name */
    uint32_t name;
    uint32_t flags;
};

enum {
    FILE_CANDIDATE = 1, /* something of that name may be there */
    FILE_PARTIAL = 2,   /* it is there, and some of its blobs are right */
    FILE_MADE = 4       /* by us: it goes away if it does not become whole */
};

struct restore_file {
    struct plain_attributes attributes;
    uint64_t size;
    uint64_t inode; /* of what was made where others could change it; 0: anywhere else */
    uint32_t directory, name;
    uint32_t first_want, wants;
    atomic_uint left; /* wants that are not served yet */
    uint16_t flags;
    atomic_bool failed;
};

struct restore_want {
    const struct blob_entry *place; /* NULL: served */
    uint64_t offset;                /* in the file */
    uint32_t file;
};

/* A further name of something that is there under another one. */
struct restore_link {
    uint32_t from_directory, from_name;
    uint32_t directory, name;
    uint32_t file; /* what it is: a file's number, or directory_none for other kinds */
};

struct restore_root {
    int fd;
    char *path; /* for messages; owned */
};

/* The first name of each entry that has several. */
struct restore_named {
    uint64_t inode, device;
    uint64_t size;
    uint32_t directory, name;
    uint32_t file;
    enum tree_node_type type;
};

struct restore_tree {
    struct restore_root *roots; /* descriptors are borrowed */
    struct restore_directory *directories;
    struct restore_file *files;
    struct restore_want *wants;
    struct restore_link *links;
    struct restore_named *named;
    size_t root_count, root_capacity;
    size_t directory_count, directory_capacity;
    size_t file_count, file_capacity;
    size_t want_count, want_capacity;
    size_t link_count, link_capacity;
    size_t named_count, named_capacity;
    uint32_t *named_slots; /* number + 1, open addressing; 0: free */
    size_t named_slot_count;
    struct buffer names, xattrs;
};

void restore_tree_init(struct restore_tree *tree);
void restore_tree_done(struct restore_tree *tree);

static inline const char *restore_tree_name(const struct restore_tree *tree, uint32_t name)
{
    return (const char *)tree->names.bytes + name;
}

/* Adds a directory that is there already, and whose attributes are left alone. The path is copied;
 * *ret_directory is its number as a directory. */
enum status restore_tree_add_root(struct restore_tree *tree, int fd, const char *path,
                                  uint32_t *ret_directory, struct error *err) MUST_CHECK;
enum status restore_tree_add_name(struct restore_tree *tree, const char *name, uint32_t *ret_name,
                                  struct error *err) MUST_CHECK;
enum status restore_tree_add_directory(struct restore_tree *tree, uint32_t parent,
                                       const struct tree_node *node, uint32_t *ret_directory,
                                       struct error *err) MUST_CHECK;
/* Adds a file that wants no blobs yet. */
enum status restore_tree_add_file(struct restore_tree *tree, uint32_t directory,
                                  const struct tree_node *node, uint32_t *ret_file,
                                  struct error *err) MUST_CHECK;
/* Adds a blob to the wants of the last file, whose size grows by it. */
enum status restore_tree_add_want(struct restore_tree *tree, const struct blob_entry *place,
                                  struct error *err) MUST_CHECK;
/* Notes one of several names of an entry. *ret_known: it is there under another name already, and a
 * link was noted. Otherwise this is the first name; file is the number of the file, or
 * directory_none for other kinds. */
enum status restore_tree_add_linked(struct restore_tree *tree, uint32_t directory, uint32_t file,
                                    const struct tree_node *node, bool *ret_known,
                                    struct error *err) MUST_CHECK;

/* Where the entry is (name NULL: the directory itself), for people: cut in front, with "…", if it
 * is longer than size. */
const char *restore_tree_path(const struct restore_tree *tree, uint32_t directory, const char *name,
                              char *text, size_t size);

#endif
