/*
 * Content: pack by pack, each by one thread, from its beginning to its end. A blob goes to all
 * files that want it. A file of one blob, which most are, is created, written and given all it has
 * while it is open; of the others the thread that writes the last piece does that.
 */
#include "core/cleanup.h"
#include "core/point.h"
#include "directories.h"
#include "job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 4096,          /* a run of zeros becomes a hole from this size on */
    ZERO_LOOK_BYTES = 64 * 1024, /* a blob of this size is looked at as a whole first */
    RUN_BYTES_MAX = 16 * 1024 * 1024,
    RUN_BYTES_MIN = 2 * 1024 * 1024,
    RUNS_BYTES_MAX = 64 * 1024 * 1024 /* of all threads */
};

/* The wants, those of one pack together. */
struct packs {
    uint32_t *order;  /* numbers of wants */
    uint32_t *starts; /* of each pack in order, and the end of the last */
    uint32_t *jobs;   /* the packs that hold anything wanted */
    size_t job_count;
};

struct writer {
    struct restore *restore;
    const struct packs *packs;
    struct pack_reader *reader;
    struct restore_directories directories;
    uint32_t file; /* the one that is open: directory_none for none */
    int fd;
    const struct blob_entry **places; /* of the pack, each once */
    uint32_t *first;                  /* of each place's wants in order, and the end of the last */
    size_t capacity;
};

struct piece {
    const unsigned char *bytes;
    size_t len;
    bool zero; /* known to be nothing but zeros */
};

static bool is_zero(const unsigned char *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static enum status write_at(int fd, const unsigned char *bytes, size_t len, uint64_t offset,
                            struct error *err)
{
    while (len > 0) {
        ssize_t done = pwrite(fd, bytes, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return FAIL_ERRNO(err, "write");
        bytes += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return STATUS_OK;
}

/* Up to the next boundary of a block of the file. */
static size_t block_at(uint64_t offset, size_t left)
{
    size_t len = BLOCK_BYTES - (size_t)(offset % BLOCK_BYTES);
    return len < left ? len : left;
}

/* How much from here on is to be written (or, if zero, left out). */
static size_t stretch(const unsigned char *bytes, size_t len, uint64_t offset, bool zero)
{
    size_t used = 0;
    while (used < len) {
        size_t block = block_at(offset + used, len - used);
        if ((block == BLOCK_BYTES && is_zero(bytes + used, block)) != zero)
            break;
        used += block;
    }
    return used;
}

/* The file reads as zeros where nothing is written. */
static enum status write_sparse(int fd, const unsigned char *bytes, size_t len, uint64_t offset,
                                struct error *err)
{
    while (len > 0) {
        size_t data = stretch(bytes, len, offset, false);
        if (write_at(fd, bytes, data, offset, err) != STATUS_OK)
            return error_status(err);
        size_t used = data + stretch(bytes + data, len - data, offset + data, true);
        bytes += used;
        offset += used;
        len -= used;
    }
    return STATUS_OK;
}

static enum status write_small(struct writer *writer, struct restore_file *file,
                               const struct piece *piece, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    int directory = -1;
    if (restore_directories_open(&writer->directories, file->directory, &directory, err) !=
            STATUS_OK ||
        restore_create(writer->restore, file, directory, &fd, err) != STATUS_OK)
        return error_status(err);
    bool may_have_holes = piece->len >= BLOCK_BYTES;
    enum status status = may_have_holes ? write_sparse(fd, piece->bytes, piece->len, 0, err)
                                        : write_at(fd, piece->bytes, piece->len, 0, err);
    if (status != STATUS_OK)
        return status;
    /* A hole at the end is a matter of the size alone. */
    if (may_have_holes && piece->bytes[piece->len - 1] == 0 &&
        ftruncate(fd, (off_t)piece->len) != 0)
        return FAIL_ERRNO(err, "give it its size");
    return restore_complete(writer->restore, file, fd, err);
}

static void close_file(struct writer *writer)
{
    if (writer->file != directory_none)
        (void)close(writer->fd);
    writer->file = directory_none;
}

static enum status open_file(struct writer *writer, uint32_t number, struct error *err)
{
    struct restore *restore = writer->restore;
    const struct restore_file *file = &restore->tree.files[number];
    int directory = -1;
    if (writer->file == number)
        return STATUS_OK;
    close_file(writer);
    if (restore_directories_open(&writer->directories, file->directory, &directory, err) !=
        STATUS_OK)
        return error_status(err);
    int fd = openat(directory, restore_tree_name(&restore->tree, file->name),
                    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_ERRNO(err, "open");
    writer->fd = fd;
    writer->file = number;
    return STATUS_OK;
}

static enum status write_piece(struct writer *writer, const struct restore_want *want,
                               const struct piece *piece, struct error *err)
{
    const struct restore_file *file = &writer->restore->tree.files[want->file];
    if (open_file(writer, want->file, err) != STATUS_OK)
        return error_status(err);
    if ((file->flags & FILE_PARTIAL) != 0 &&
        fallocate(writer->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)want->offset,
                  (off_t)piece->len) != 0)
        return write_at(writer->fd, piece->bytes, piece->len, want->offset, err);
    if (piece->zero)
        return STATUS_OK;
    return write_sparse(writer->fd, piece->bytes, piece->len, want->offset, err);
}

static enum status serve(struct writer *writer, const struct restore_want *want,
                         const struct piece *piece, struct error *err)
{
    struct restore_file *file = &writer->restore->tree.files[want->file];
    if (file->wants == 1)
        return write_small(writer, file, piece, err);
    if (piece->len > 0 && write_piece(writer, want, piece, err) != STATUS_OK)
        return error_status(err);
    if (atomic_fetch_sub(&file->left, 1) > 1)
        return STATUS_OK;
    if (open_file(writer, want->file, err) != STATUS_OK)
        return error_status(err);
    enum status status = restore_complete(writer->restore, file, writer->fd, err);
    close_file(writer);
    return status;
}

static enum status serve_or_note(struct writer *writer, const struct restore_want *want,
                                 const struct piece *piece, const struct error *damage,
                                 struct error *err)
{
    struct restore *restore = writer->restore;
    struct restore_file *file = &restore->tree.files[want->file];
    struct error cause = {0};
    if (damage != NULL)
        return restore_fail_file(restore, file, PROBLEM_DAMAGED, damage, err);
    if (file->failed)
        return STATUS_OK;
    if (serve(writer, want, piece, &cause) != STATUS_OK)
        return restore_fail_file(restore, file, PROBLEM_FILE, &cause, err);
    atomic_fetch_add_explicit(&restore->bytes_done, piece->len, memory_order_relaxed);
    point_pass("restored");
    return STATUS_OK;
}

static enum status on_blob(void *context, size_t index, const void *bytes, size_t len,
                           const struct error *damage, struct error *err)
{
    struct writer *writer = context;
    const struct restore_tree *tree = &writer->restore->tree;
    struct piece piece = {.bytes = bytes, .len = len};
    piece.zero = damage == NULL && len >= ZERO_LOOK_BYTES && is_zero(bytes, len);
    for (uint32_t i = writer->first[index]; i < writer->first[index + 1]; i++) {
        const struct restore_want *want = &tree->wants[writer->packs->order[i]];
        if (serve_or_note(writer, want, &piece, damage, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static int compare_wants(const void *left, const void *right, void *context)
{
    const struct restore_want *wants = context;
    uint32_t one = *(const uint32_t *)left;
    uint32_t other = *(const uint32_t *)right;
    uint32_t at = blob_place_offset(wants[one].place);
    uint32_t other_at = blob_place_offset(wants[other].place);
    if (at != other_at)
        return at < other_at ? -1 : 1;
    return one < other ? -1 : one > other;
}

static enum status make_room(struct writer *writer, size_t count, struct error *err)
{
    if (count < writer->capacity)
        return STATUS_OK;
    const struct blob_entry **places = reallocarray(
        writer->places, count + 1, sizeof(*places)); /* NOLINT(bugprone-sizeof-expression) */
    if (places != NULL)
        writer->places = places;
    uint32_t *first = reallocarray(writer->first, count + 1, sizeof(*first));
    if (first != NULL)
        writer->first = first;
    if (places == NULL || first == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a pack of %zu blobs", count);
    writer->capacity = count + 1;
    return STATUS_OK;
}

static enum status restore_pack(struct restore *restore, void *state, size_t item,
                                struct error *err)
{
    struct writer *writer = state;
    const struct packs *packs = writer->packs;
    const struct restore_want *wants = restore->tree.wants;
    uint32_t start = packs->starts[packs->jobs[item]];
    uint32_t end = packs->starts[packs->jobs[item] + 1];
    size_t count = 0;
    if (make_room(writer, end - start, err) != STATUS_OK)
        return error_status(err);
    qsort_r(packs->order + start, end - start, sizeof(*packs->order), compare_wants,
            restore->tree.wants);
    for (uint32_t i = start; i < end; i++) {
        const struct blob_entry *place = wants[packs->order[i]].place;
        if (count > 0 && writer->places[count - 1] == place)
            continue;
        writer->places[count] = place;
        writer->first[count++] = i;
    }
    writer->first[count] = end;
    enum status status =
        pack_reader_read(writer->reader, writer->places, count, on_blob, writer, err);
    close_file(writer);
    return status;
}

static void release_writer(void *state)
{
    struct writer *writer = state;
    close_file(writer);
    pack_reader_free(writer->reader);
    restore_directories_done(&writer->directories);
    free(writer->places);
    free(writer->first);
    free(writer);
}

static size_t run_bytes(const struct restore *restore)
{
    size_t bytes = RUNS_BYTES_MAX / restore_thread_count(restore);
    if (bytes > RUN_BYTES_MAX)
        return RUN_BYTES_MAX;
    return bytes < RUN_BYTES_MIN ? RUN_BYTES_MIN : bytes;
}

static enum status make_writer(struct restore *restore, void *shared, void **ret_state,
                               struct error *err)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a thread");
    writer->restore = restore;
    writer->packs = shared;
    writer->file = directory_none;
    restore_directories_init(&writer->directories, &restore->tree);
    if (pack_reader_new(restore->operation.repository, run_bytes(restore), &writer->reader, err) !=
        STATUS_OK) {
        release_writer(writer);
        return error_status(err);
    }
    *ret_state = writer;
    return STATUS_OK;
}

static bool is_wanted(const struct restore_tree *tree, const struct restore_want *want)
{
    return want->place != NULL && !tree->files[want->file].failed;
}

/* Counted, then put where they belong. */
static void sort_by_pack(const struct restore_tree *tree, struct packs *packs, size_t pack_count)
{
    uint32_t *ends = packs->starts + 1; /* first how many, then where they begin, then end */
    for (size_t i = 0; i < tree->want_count; i++)
        if (is_wanted(tree, &tree->wants[i]))
            ends[blob_place_pack(tree->wants[i].place)]++;
    uint32_t sum = 0;
    for (size_t pack = 0; pack < pack_count; pack++) {
        uint32_t count = ends[pack];
        ends[pack] = sum;
        sum += count;
        if (count > 0)
            packs->jobs[packs->job_count++] = (uint32_t)pack;
    }
    for (size_t i = 0; i < tree->want_count; i++)
        if (is_wanted(tree, &tree->wants[i]))
            packs->order[ends[blob_place_pack(tree->wants[i].place)]++] = (uint32_t)i;
}

static enum status find_packs(struct restore *restore, struct packs *packs, struct error *err)
{
    size_t pack_count = repository_pack_count(restore->operation.repository);
    packs->order = calloc(restore->tree.want_count + 1, sizeof(*packs->order));
    packs->starts = calloc(pack_count + 1, sizeof(*packs->starts));
    packs->jobs = calloc(pack_count + 1, sizeof(*packs->jobs));
    if (packs->order == NULL || packs->starts == NULL || packs->jobs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu blobs", restore->tree.want_count);
    sort_by_pack(&restore->tree, packs, pack_count);
    return STATUS_OK;
}

enum status restore_content(void *owner, struct error *err)
{
    struct restore *restore = owner;
    struct packs packs = {0};
    enum status status = find_packs(restore, &packs, err);
    if (status == STATUS_OK) {
        struct restore_work work = {
            .make = make_writer,
            .release = release_writer,
            .item = restore_pack,
            .shared = &packs,
            .count = packs.job_count,
        };
        status = restore_threads(restore, &work, err);
    }
    free(packs.order);
    free(packs.starts);
    free(packs.jobs);
    return status;
}
