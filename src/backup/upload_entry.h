/*
 * Upload entry: an entry of the walk on its way to its tree, with what the pool has found out about
 * it.
 */
#ifndef BACKUP_UPLOAD_ENTRY_H
#define BACKUP_UPLOAD_ENTRY_H

#include "core/error.h"
#include "files/walk.h"
#include "repository/chunker.h"
#include "repository/tree.h"
#include "snapshot/gaps.h"
#include "warnings.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* So many blobs of one file: 512 MiB of memory if no two of them are the same, and half of what its
 * directory can take in the repository. */
enum { UPLOAD_ENTRY_CHUNKS_MAX = 16 << 20 };

/* In chunks that are as large as they can be. */
#define UPLOAD_ENTRY_BYTES_MAX ((int64_t)UPLOAD_ENTRY_CHUNKS_MAX * CHUNK_MAX_BYTES)

/* What a regular file of this size counts in the totals: one that is too large is not backed up. */
static inline int64_t upload_entry_bytes_of(off_t size)
{
    return size <= UPLOAD_ENTRY_BYTES_MAX ? (int64_t)size : 0;
}

/* The blobs of a file; one that follows itself, as that of a hole does, is kept once. */
struct upload_entry_content {
    struct blob_id one;  /* most files have a single blob, and need no list */
    struct blob_id *ids; /* NULL: `one`, if count is 1 */
    size_t count, capacity;
    struct tree_node_repeat *repeats; /* owned; NULL: there is none */
    size_t repeat_count, repeat_capacity;
    uint64_t chunks; /* with all repeated ones */
    uint64_t size;   /* bytes read of it */
};

struct upload_entry {
    enum walk_kind kind;
    bool is_directory;
    bool is_file;             /* a regular one */
    bool has_origin;          /* in info: snapshot_find_origin() */
    const struct gap *gap;    /* borrowed; the copy has a gap in its place; NULL: none */
    bool is_reused;           /* unchanged since the earlier backup: nothing is read */
    bool has_past;            /* the earlier backup has an entry of this name and kind */
    struct blob_id past_tree; /* of a directory with a past: its tree was this one */
    struct walk_directory *holder, *self; /* held; as in the walk_item */
    const char *name;                     /* short_name or long_name */
    char short_name[NAME_MAX + 1];
    char *long_name;  /* for file systems that know no better */
    struct stat info; /* of a file that was read: as it was when it was opened */
    int64_t bytes;    /* of a file, what it counts in the totals */

    /* The pool's, while it works on the entry. */
    int fd;          /* of a file whose content is on its way; -1 */
    size_t at_work;  /* threads that have a part of it */
    int64_t counted; /* of bytes, what has been told to the caller */
    bool done;

    /* What became of it. */
    struct upload_entry_content content;
    char *text; /* owned; of an unchanged file, its node; NULL: to be made from the others */
    size_t text_len;
    struct tree_node_xattr *xattrs; /* owned */
    size_t xattr_count;
    struct error *lost_attributes; /* owned; NULL: none was lost */
    struct error *failure;         /* owned; why it could not be backed up; NULL: it could */
    enum warning warning;          /* what kind of failure */
};

/* Copies and holds what it needs of the item. On failure nothing is to be released. */
enum status upload_entry_init(struct upload_entry *entry, const struct walk_item *item,
                              struct error *err) MUST_CHECK;
void upload_entry_done(struct upload_entry *entry);

/* Takes the content of an unchanged file over from the earlier backup's node. */
enum status upload_entry_reuse(struct upload_entry *entry, const struct tree_node *past,
                               struct error *err) MUST_CHECK;
/* Takes the whole node of an unchanged file over as text. */
enum status upload_entry_reuse_text(struct upload_entry *entry, const struct tree_node_text *past,
                                    struct error *err) MUST_CHECK;
/* Takes the extended attributes over from the earlier backup's node. */
enum status upload_entry_reuse_xattrs(struct upload_entry *entry, const struct tree_node *past,
                                      struct error *err) MUST_CHECK;

/* Is it a file for the pool to read? */
static inline bool upload_entry_is_to_read(const struct upload_entry *entry)
{
    return entry->is_file && !entry->is_reused;
}

/* Notes why the entry cannot be backed up, or what of its attributes is lost. The cause is
 * copied. */
enum status upload_entry_fail(struct upload_entry *entry, enum warning kind,
                              const struct error *cause, struct error *err) MUST_CHECK;
enum status upload_entry_lose_attributes(struct upload_entry *entry, const struct error *cause,
                                         struct error *err) MUST_CHECK;

/* Is there room for so many chunks more? */
static inline bool upload_entry_has_room(const struct upload_entry *entry, uint64_t chunks)
{
    return entry->content.chunks + chunks <= UPLOAD_ENTRY_CHUNKS_MAX;
}

/* Makes room for one id more at the end of the content, which stands there so many times (1 and
 * more) in a row; *ret_index is its place. */
enum status upload_entry_reserve_id(struct upload_entry *entry, uint64_t times, size_t *ret_index,
                                    struct error *err) MUST_CHECK;
void upload_entry_set_id(struct upload_entry *entry, size_t index, const struct blob_id *id);
const struct blob_id *upload_entry_ids(const struct upload_entry *entry);

#endif
