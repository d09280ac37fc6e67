/*
 * Index files: the lists of packs and their blobs that a repository keeps in index/.
 *
 * Shapes    {"packs":[{"id":"<pack>","blobs":[{"id":"<blob>","type":"data","offset":0,"length":42,
 *             "uncompressed_length":1}]}]}
 *           Other members ("supersedes", "packs_to_delete") are skipped: they never add a blob.
 * Errors    CORRUPT; UNSUPPORTED: the array that restic wrote before 0.2
 */
#ifndef REPOSITORY_INDEX_FILE_H
#define REPOSITORY_INDEX_FILE_H

#include "blob_index.h"
#include "core/error.h"
#include "text_stream.h"

#include <stddef.h>

/* What one file lists, so that several can be read at the same time. All zeros is an empty one; it
 * can be read into again. */
struct index_part {
    struct blob_id *packs;
    size_t pack_count, pack_capacity;
    struct blob_entry *entries; /* their packs are numbered from 0 */
    size_t entry_count, entry_capacity;
};

/* Replaces what the part holds. */
enum status index_part_read(struct index_part *part, const void *text, size_t len,
                            struct error *err) MUST_CHECK;
enum status index_part_add_to(const struct index_part *part, struct blob_index *index,
                              struct error *err) MUST_CHECK;
void index_part_done(struct index_part *part);

/* Reads a file into the index. After a failure of memory the index holds a part of it. */
enum status index_file_read(const void *text, size_t len, struct blob_index *index,
                            struct error *err) MUST_CHECK;

/* A finished pack with its entries, in pack order. */
struct index_pack {
    struct blob_id id;
    struct blob_entry **entries;
    size_t count;
};

enum status index_file_write(const struct index_pack *packs, size_t count,
                             struct text_stream *stream, struct error *err) MUST_CHECK;

#endif
