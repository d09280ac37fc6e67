/*
 * Attributes set: gives an entry that was just made its owner, extended attributes (ACLs are such),
 * mode and times, in the order in which none of them undoes another: a change of owner takes away
 * set-id bits and capabilities, a mode may close the file to its own extended attributes.
 *
 * Shapes    what is to be set is kept without pointers, since a restore has one for each entry: the
 *           extended attributes stand in a list that the caller has for many entries.
 * Lost      what could not be set is told, and the rest is set: without its owner a file gets no
 *           set-id bits.
 * Limits    4 GiB of extended attributes in one list: TOO_LARGE
 */
#ifndef FILES_ATTRIBUTES_SET_H
#define FILES_ATTRIBUTES_SET_H

#include "core/buffer.h"
#include "core/error.h"
#include "repository/tree.h"

#include <stdint.h>
#include <sys/types.h>

struct plain_attributes {
    int64_t mtime_s, atime_s;
    uint32_t mtime_ns, atime_ns;
    uint32_t mode; /* no type bits */
    uint32_t uid, gid;
    uint32_t xattrs; /* where in the list, plus 1; 0: none */
};

/* An empty list. */
void xattr_list_init(struct buffer *list);

/* As the node has them; its extended attributes are added to the list. */
enum status plain_attributes_from_node(const struct tree_node *node, struct buffer *list,
                                       struct plain_attributes *ret_attributes, struct error *err)
    MUST_CHECK;

/* The mode in which a file is created: closed to others until it has its owner and all else. */
mode_t attributes_first_mode(const struct plain_attributes *attributes);

/* fd: a real descriptor of a file or directory. *ret_lost: OK, or the last thing that failed. */
enum status attributes_set(const struct plain_attributes *attributes, const struct buffer *list,
                           int fd, struct error *ret_lost, struct error *err) MUST_CHECK;

/* Does the same to what was there already: extended attributes, ACLs among them, that are not to be
 * set are taken from it. Those that the system itself gives and judges by (security.* but for
 * capabilities, trusted.overlay.*) stay. */
enum status attributes_set_over(const struct plain_attributes *attributes,
                                const struct buffer *list, int fd, struct error *ret_lost,
                                struct error *err) MUST_CHECK;

/* An entry that cannot be opened: a link, a device, a fifo. */
struct special_entry {
    int directory;
    const char *name;
    mode_t type; /* S_IFMT; CONFLICT if it is of another one: somebody has replaced it */
};

/* Does to such an entry what attributes_set() does to a descriptor. */
enum status attributes_set_at(const struct plain_attributes *attributes, const struct buffer *list,
                              const struct special_entry *special, struct error *ret_lost,
                              struct error *err) MUST_CHECK;

/* Takes away ACLs that a directory gave to what was made in it. */
void attributes_drop_inherited(int fd);

#endif
