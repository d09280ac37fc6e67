/*
 * Attributes: what a node holds beside its content: times, owner with name, extended attributes
 * (ACLs are such), a symbolic link's target. SNAPSHOT_ORIGIN_XATTR is left out: it is no file's
 * own.
 *
 * Threads   one thread; a second one takes a second struct
 * Limits    ATTRIBUTES_XATTR_BYTES_MAX of attributes per entry, names and values together
 */
#ifndef FILES_ATTRIBUTES_H
#define FILES_ATTRIBUTES_H

#include "core/buffer.h"
#include "core/error.h"
#include "files/owner.h"
#include "repository/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { ATTRIBUTES_XATTR_BYTES_MAX = 16 << 20 };

/* Where the entry is: its own descriptor, or its name in a directory. */
struct attributes_place {
    int fd;        /* -1: there is none */
    int directory; /* AT_FDCWD: name is a path, and what it leads to is meant */
    const char *name;
};

/* Memory that is used again for each entry. */
struct attributes {
    struct owner_cache owners;
    struct buffer names; /* as flistxattr(2) gives them */
    struct buffer values;
    struct tree_node_xattr *xattrs;
    size_t xattr_capacity;
    struct buffer link_target;
};

void attributes_init(struct attributes *attributes);
void attributes_done(struct attributes *attributes);

/* Fills the node but for its name and its extended attributes: the first half of attributes_read().
 * The node borrows from attributes until the next call. */
enum status attributes_describe(struct attributes *attributes, const struct attributes_place *place,
                                const struct stat *info, struct tree_node *ret_node,
                                struct error *err) MUST_CHECK;

/* Reads the extended attributes: the second half of attributes_read(). They are one block of memory
 * that the caller frees; NULL, and a count of 0, if there are none. */
enum status attributes_read_extended(struct attributes *attributes,
                                     const struct attributes_place *place,
                                     struct tree_node_xattr **ret_xattrs, size_t *ret_count,
                                     struct error *ret_lost, struct error *err) MUST_CHECK;

/* Fills the node but for its name; it borrows from attributes until the next call. *ret_lost: why
 * attributes are missing in it, with status OK if none are. Errors: UNSUPPORTED a kind of file that
 * has no node; that a symbolic link's target cannot be read; NO_MEMORY. */
enum status attributes_read(struct attributes *attributes, const struct attributes_place *place,
                            const struct stat *info, struct tree_node *ret_node,
                            struct error *ret_lost, struct error *err) MUST_CHECK;

#endif
