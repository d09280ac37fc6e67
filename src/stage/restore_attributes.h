/*
 * Restore attributes: gives an entry that was just made its owner, extended attributes (ACLs are
 * such), mode and times, in the order in which none of them undoes another: a change of owner takes
 * away set-id bits and capabilities, a mode may close the file to its own extended attributes.
 *
 * Lost      what could not be set is told, and the rest is set: without its owner a file gets no
 *           set-id bits.
 */
#ifndef STAGE_RESTORE_ATTRIBUTES_H
#define STAGE_RESTORE_ATTRIBUTES_H

#include "core/error.h"
#include "restore_tree.h"

#include <stdbool.h>
#include <sys/types.h>

/* The mode in which a file is created: closed to others until it has its owner and all else. */
mode_t restore_attributes_first_mode(const struct restore_attributes *attributes);

/* fd: a real descriptor of a file or directory. *ret_lost: OK, or the last thing that failed. */
enum status restore_attributes_set(const struct restore_tree *tree,
                                   const struct restore_attributes *attributes, int fd,
                                   struct error *ret_lost, struct error *err) MUST_CHECK;

/* The same for an entry that cannot be opened: a link, a device, a fifo. */
struct restore_special {
    int directory;
    const char *name;
    mode_t type; /* S_IFMT; CONFLICT if it is of another one: somebody has replaced it */
};

enum status restore_attributes_set_at(const struct restore_tree *tree,
                                      const struct restore_attributes *attributes,
                                      const struct restore_special *special, struct error *ret_lost,
                                      struct error *err) MUST_CHECK;

/* Takes away ACLs that a directory gave to what was made in it. */
void restore_attributes_drop_inherited(int fd);

#endif
