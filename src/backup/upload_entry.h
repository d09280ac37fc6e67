/*
 * Errand: an entry of the walk on its way to its tree, with what the crew has found out about it.
 */
#ifndef BACKUP_UPLOAD_ENTRY_H
#define BACKUP_UPLOAD_ENTRY_H

#include "core/error.h"
#include "files/walk.h"
#include "repository/tree.h"
#include "warnings.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The blobs of a file. */
struct errand_content {
    struct blob_id one;  /* most files have a single blob, and need no list: */
    struct blob_id *ids; /* NULL: `one`, if count is 1 */
    size_t count, capacity;
    uint64_t size; /* bytes read of it */
};

struct errand {
    enum walk_kind kind;
    bool is_directory;
    bool is_file;                         /* a regular one */
    bool has_origin;                      /* in info: snapshot_find_origin() */
    bool is_reused;                       /* unchanged since the parent: nothing is read */
    bool has_past;                        /* the parent has an entry of this name and kind */
    struct blob_id past_tree;             /* of a directory with a past: its tree was this one */
    struct walk_directory *holder, *self; /* held; as of the walk_item */
    const char *name;                     /* one of the two: */
    char short_name[NAME_MAX + 1];
    char *long_name;  /* for file systems that know no better */
    struct stat info; /* of a file that was read: as it was when it was opened */
    int64_t bytes;    /* of a file, what it counts in the totals */

    /* Of the crew, while it has the entry in hand. */
    int fd;          /* of a file whose content is on its way; -1 */
    size_t at_work;  /* threads that have a part of it */
    int64_t counted; /* of bytes, what has been told to the caller */
    bool done;

    /* What became of it. */
    struct errand_content content;
    char *text; /* owned; of an unchanged file, its node; NULL: to be made from the others */
    size_t text_len;
    struct tree_node_xattr *xattrs; /* owned */
    size_t xattr_count;
    struct error *lost_attributes; /* owned; NULL: none was lost */
    struct error *failure;         /* owned; why it could not be backed up; NULL: it could */
    enum warning warning;          /* what kind of failure */
};

/* Copies and holds what it needs of the item. On failure nothing is to be released. */
enum status errand_init(struct errand *errand, const struct walk_item *item, struct error *err)
    MUST_CHECK;
void errand_done(struct errand *errand);

/* Of a file that is unchanged: its content, and with it all, is what the parent's node says. */
enum status errand_reuse(struct errand *errand, const struct tree_node *past, struct error *err)
    MUST_CHECK;
/* The same for the node as text, which says it all. */
enum status errand_reuse_text(struct errand *errand, const struct tree_node_text *past,
                              struct error *err) MUST_CHECK;
/* The same for its extended attributes. */
enum status errand_reuse_xattrs(struct errand *errand, const struct tree_node *past,
                                struct error *err) MUST_CHECK;

/* Is it a file for the crew to read? */
static inline bool errand_is_to_read(const struct errand *errand)
{
    return errand->is_file && !errand->is_reused;
}

/* Copies. */
enum status errand_fail(struct errand *errand, enum warning kind, const struct error *cause,
                        struct error *err) MUST_CHECK;
enum status errand_lose_attributes(struct errand *errand, const struct error *cause,
                                   struct error *err) MUST_CHECK;

/* Room for one id more at the end; *ret_index is its place, where it stands when it is known. */
enum status errand_reserve_id(struct errand *errand, size_t *ret_index, struct error *err)
    MUST_CHECK;
void errand_set_id(struct errand *errand, size_t index, const struct blob_id *id);
const struct blob_id *errand_ids(const struct errand *errand);

#endif
