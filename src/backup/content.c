#include "content.h"

#include "files/walk.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { STAT_BLOCK_BYTES = 512, STEP_BYTES = 512 * 1024 };

/* A hole from here on is cut into large chunks: as restic does it, its list of chunks alone would
 * take 134 MB for each TiB. The chunks behind it are the same either way. */
static const uint64_t huge_hole_bytes = UINT64_C(64) << 30;
/* A file whose size says 0 is read as far as it goes, up to here. */
static const uint64_t unsized_bytes_max = UINT64_C(1) << 30;

/* A large file on the way through the thread's buffer. */
struct stream {
    struct upload_thread *thread;
    struct upload_entry *entry;
    int fd;
    uint64_t size;
    uint64_t offset; /* of the next byte to read */
    bool sparse;     /* then it is a hole, the data behind it, and so on: */
    uint64_t hole_start, data_start, data_end;
    bool ended;         /* the file was shorter than its size said */
    struct error *lost; /* why it cannot be stored; status OK: it can */
};

static ssize_t read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, len, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Of others (FUSE and network file systems, ZFS) it is known that some call data a hole: there all
 * is read. */
static bool knows_its_holes(int fd)
{
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return false;
    switch (info.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
        return true;
    default:
        return false;
    }
}

/* The hole at the offset (an empty one, in data) and the data behind it. What cannot be found out,
 * or makes no sense, is read as data. */
static void find_data(struct stream *stream)
{
    stream->hole_start = stream->offset;
    off_t start = lseek(stream->fd, (off_t)stream->offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) { /* a hole up to the end */
        stream->data_start = stream->size;
        stream->data_end = stream->size;
        return;
    }
    off_t end = start < 0 ? -1 : lseek(stream->fd, start, SEEK_HOLE);
    bool is_known = start >= (off_t)stream->offset && end > start;
    uint64_t data_start = is_known ? (uint64_t)start : stream->offset;
    uint64_t data_end = is_known ? (uint64_t)end : stream->size;
    stream->data_start = data_start < stream->size ? data_start : stream->size;
    stream->data_end = data_end < stream->size ? data_end : stream->size;
}

/* Some bytes more into the buffer, zeros for a hole. */
static void read_some(struct stream *stream)
{
    struct chunk_buffer *buffer = stream->thread->buffer;
    size_t room = CHUNK_BUFFER_BYTES - buffer->len;
    if (stream->sparse && stream->offset >= stream->data_end)
        find_data(stream);

    bool hole = stream->offset < stream->data_start;
    uint64_t end = hole ? stream->data_start : stream->data_end;
    size_t wanted = STEP_BYTES;
    if (room < wanted)
        wanted = room;
    if (end - stream->offset < wanted)
        wanted = (size_t)(end - stream->offset);
    ssize_t got = (ssize_t)wanted;
    if (hole)
        memset(buffer->bytes + buffer->len, 0, wanted);
    else
        got = read_at(stream->fd, buffer->bytes + buffer->len, wanted, stream->offset);
    if (got < 0) {
        error_set_errno(stream->lost, errno, "read");
        return;
    }
    stream->ended = got == 0;
    stream->offset += (uint64_t)got;
    buffer->len += (size_t)got;
}

static bool at_end(const struct stream *stream)
{
    return stream->ended || stream->offset >= stream->size;
}

/* False: the file is given up. */
static bool has_room(const struct stream *stream, uint64_t chunks)
{
    if (upload_entry_has_room(stream->entry, chunks))
        return true;
    error_set(stream->lost, STATUS_TOO_LARGE, "it would take more than %d chunks",
              UPLOAD_ENTRY_CHUNKS_MAX);
    return false;
}

/* Where the chunk begins that is next. */
static uint64_t position_of(const struct stream *stream)
{
    return stream->offset - stream->thread->buffer->len;
}

/* Takes so many bytes from the buffer, and if there are not as many, those that follow. */
static void pass(struct stream *stream, uint64_t bytes)
{
    struct chunk_buffer *buffer = stream->thread->buffer;
    size_t buffered = buffer->len < bytes ? buffer->len : (size_t)bytes;
    buffer->len -= buffered;
    memmove(buffer->bytes, buffer->bytes + buffered, buffer->len);
    stream->offset += bytes - buffered;
}

/* The chunks of zeros of this length that fit into what is left of the hole; all have this id. */
static enum status add_zeros(struct stream *stream, const struct blob_id *id, uint64_t len,
                             struct error *err)
{
    struct upload_thread *thread = stream->thread;
    uint64_t times = (stream->data_start - position_of(stream)) / len;
    size_t index = 0;
    if (!has_room(stream, times))
        return STATUS_OK;
    if (upload_pool_reserve_id(thread, stream->entry, times, &index, err) != STATUS_OK)
        return error_status(err);
    upload_pool_set_id(thread, stream->entry, index, id, times * len);
    pass(stream, times * len);
    return STATUS_OK;
}

static enum status find_large_zeros(struct upload_thread *thread, struct error *err)
{
    bool known = false;
    CLEANUP(free_any) void *zeros = NULL;
    if (thread->has_large_zeros)
        return STATUS_OK;
    zeros = calloc(1, CHUNK_MAX_BYTES);
    if (zeros == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a chunk of zeros");
    if (repository_save_blob(thread->repository, BLOB_DATA, zeros, CHUNK_MAX_BYTES,
                             &thread->large_zeros, &known, err) != STATUS_OK)
        return error_status(err);
    thread->has_large_zeros = true;
    return STATUS_OK;
}

/* Are so many bytes from the next chunk on all of a hole? */
static bool has_hole_of(const struct stream *stream, uint64_t bytes)
{
    uint64_t position = position_of(stream);
    return stream->sparse && position >= stream->hole_start &&
           position + bytes <= stream->data_start;
}

/* Chunks that lie in a hole are all the same one: CHUNK_MIN_BYTES of zeros, since a window of zeros
 * is a boundary for every polynomial. Once its id is known, they cost nothing. */
static enum status skip_zeros(struct stream *stream, struct error *err)
{
    struct upload_thread *thread = stream->thread;
    if (has_hole_of(stream, huge_hole_bytes) &&
        (find_large_zeros(thread, err) != STATUS_OK ||
         add_zeros(stream, &thread->large_zeros, CHUNK_MAX_BYTES, err) != STATUS_OK))
        return error_status(err);
    if (thread->has_zeros && has_hole_of(stream, CHUNK_MIN_BYTES))
        return add_zeros(stream, &thread->zeros, CHUNK_MIN_BYTES, err);
    return STATUS_OK;
}

/* The length of the chunk that the buffer begins with, which is read as far as that takes; 0: there
 * is none, or the file is given up. */
static size_t find_chunk(struct stream *stream)
{
    struct upload_thread *thread = stream->thread;
    size_t scanned = 0;
    while (stream->lost->status == STATUS_OK) {
        struct chunk_buffer *buffer = thread->buffer;
        if (chunker_scan(thread->chunker, buffer->bytes, buffer->len, &scanned))
            return scanned;
        if (at_end(stream))
            return buffer->len;
        read_some(stream);
    }
    return 0;
}

static bool is_zeros(const unsigned char *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

/* Saves the first chunk of zeros of a sparse file; the thread does it by itself, to know its id. */
static bool wants_zeros(const struct stream *stream, size_t len)
{
    return stream->sparse && !stream->thread->has_zeros && len == CHUNK_MIN_BYTES &&
           is_zeros(stream->thread->buffer->bytes, len);
}

static enum status save_here(struct stream *stream, size_t index, size_t len, struct error *err)
{
    struct upload_thread *thread = stream->thread;
    struct chunk_buffer *buffer = thread->buffer;
    bool zeros = wants_zeros(stream, len);
    struct blob_id id;
    bool known = false;
    if (repository_save_blob(thread->repository, BLOB_DATA, buffer->bytes, len, &id, &known, err) !=
        STATUS_OK)
        return error_status(err);
    upload_pool_set_id(thread, stream->entry, index, &id, len);
    if (zeros) {
        thread->zeros = id;
        thread->has_zeros = true;
    }
    buffer->len -= len;
    memmove(buffer->bytes, buffer->bytes + len, buffer->len);
    return STATUS_OK;
}

static enum status cut(struct stream *stream, size_t len, struct error *err)
{
    struct upload_thread *thread = stream->thread;
    size_t index = 0;
    if (!has_room(stream, 1))
        return STATUS_OK;
    if (upload_pool_reserve_id(thread, stream->entry, 1, &index, err) != STATUS_OK)
        return error_status(err);
    struct chunk_buffer *next = wants_zeros(stream, len) ? NULL : upload_pool_find_buffer(thread);
    if (next == NULL)
        return save_here(stream, index, len, err);
    next->len = thread->buffer->len - len;
    memcpy(next->bytes, thread->buffer->bytes + len, next->len);
    thread->buffer->len = len;
    upload_pool_offer(thread, stream->entry, index, next);
    return STATUS_OK;
}

static enum status read_stream(struct stream *stream, struct error *err)
{
    struct upload_thread *thread = stream->thread;
    thread->buffer->len = 0;
    while (!upload_pool_is_stopped(thread)) {
        if (skip_zeros(stream, err) != STATUS_OK)
            return error_status(err);
        size_t len = find_chunk(stream);
        if (len == 0)
            return STATUS_OK;
        if (cut(stream, len, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_large(struct upload_thread *thread, struct upload_entry *entry,
                              struct error *ret_lost, struct error *err)
{
    uint64_t size = (uint64_t)entry->info.st_size;
    bool sparse = (uint64_t)entry->info.st_blocks * STAT_BLOCK_BYTES < size;
    struct stream stream = {
        .thread = thread,
        .entry = entry,
        .fd = entry->fd,
        .size = size,
        .data_end = size,
        .sparse = sparse && knows_its_holes(entry->fd),
        .lost = ret_lost,
    };
    if (stream.sparse)
        stream.data_end = 0; /* to be asked for */
    return read_stream(&stream, err);
}

static enum status save_offered(struct upload_thread *thread, const struct chunk_buffer *buffer,
                                struct error *err)
{
    struct blob_id id;
    bool known = false;
    if (repository_save_blob(thread->repository, BLOB_DATA, buffer->bytes, buffer->len, &id, &known,
                             err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", buffer->entry->name);
    upload_pool_set_id(thread, buffer->entry, buffer->index, &id, buffer->len);
    return STATUS_OK;
}

static enum status read_all(int fd, unsigned char *bytes, size_t wanted, size_t *ret_len,
                            struct error *lost)
{
    size_t len = 0;
    while (len < wanted) {
        ssize_t got = read_at(fd, bytes + len, wanted - len, len);
        if (got < 0)
            return FAIL_ERRNO(lost, "read");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return STATUS_OK;
}

/* One chunk, which is in the buffer; nobody else has a part of it, so there is no need to lock
 * anything. */
static enum status save_small(struct upload_thread *thread, struct upload_entry *entry, size_t len,
                              struct error *err)
{
    struct upload_entry_content *content = &entry->content;
    bool known = false;
    if (len == 0)
        return STATUS_OK;
    if (repository_save_blob(thread->repository, BLOB_DATA, thread->buffer->bytes, len,
                             &content->one, &known, err) != STATUS_OK)
        return error_status(err);
    content->count = 1;
    content->chunks = 1;
    content->size = len;
    entry->counted = (int64_t)len < entry->bytes ? (int64_t)len : entry->bytes;
    thread->bytes += entry->counted;
    thread->chunks++;
    return STATUS_OK;
}

static enum status read_small(struct upload_thread *thread, struct upload_entry *entry,
                              struct error *ret_lost, struct error *err)
{
    size_t len = 0;
    size_t size = (size_t)entry->info.st_size;
    if (read_all(entry->fd, thread->buffer->bytes, size, &len, ret_lost) != STATUS_OK)
        return STATUS_OK;
    return save_small(thread, entry, len, err);
}

/* To its end, if that is near enough. */
static enum status read_endless(struct upload_thread *thread, struct upload_entry *entry,
                                struct error *ret_lost, struct error *err)
{
    struct stream stream = {
        .thread = thread,
        .entry = entry,
        .fd = entry->fd,
        .size = unsized_bytes_max,
        .data_end = unsized_bytes_max,
        .lost = ret_lost,
    };
    if (read_stream(&stream, err) != STATUS_OK)
        return error_status(err);
    if (ret_lost->status == STATUS_OK && stream.offset >= unsized_bytes_max)
        error_set(ret_lost, STATUS_TOO_LARGE,
                  "its size says 0, and behind 1 GiB there still is more of it");
    return STATUS_OK;
}

/* Such a file has only just been made, or its file system does not know how much is in it: procfs
 * and FUSE have such. */
static enum status read_unsized(struct upload_thread *thread, struct upload_entry *entry,
                                struct error *ret_lost, struct error *err)
{
    size_t len = 0;
    struct stat now;
    if (read_all(entry->fd, thread->buffer->bytes, CHUNK_MIN_BYTES, &len, ret_lost) != STATUS_OK)
        return STATUS_OK;
    if (len < CHUNK_MIN_BYTES)
        return save_small(thread, entry, len, err);
    if (fstat(entry->fd, &now) != 0 || now.st_size == 0)
        return read_endless(thread, entry, ret_lost, err);
    entry->info.st_size = now.st_size;
    entry->info.st_blocks = now.st_blocks;
    return read_large(thread, entry, ret_lost, err);
}

static enum status read_content(struct upload_thread *thread, struct upload_entry *entry,
                                struct error *ret_lost, struct error *err)
{
    if (entry->info.st_size == 0)
        return read_unsized(thread, entry, ret_lost, err);
    if (entry->info.st_size <= CHUNK_MIN_BYTES)
        return read_small(thread, entry, ret_lost, err);
    if (entry->info.st_size <= UPLOAD_ENTRY_BYTES_MAX)
        return read_large(thread, entry, ret_lost, err);
    error_set(ret_lost, STATUS_TOO_LARGE, "%lld bytes: %lld are possible",
              (long long)entry->info.st_size, (long long)UPLOAD_ENTRY_BYTES_MAX);
    return STATUS_OK;
}

static enum warning warning_of_content(const struct error *lost)
{
    return lost->status == STATUS_TOO_LARGE ? WARNING_TOO_LARGE : warning_of(lost);
}

static enum status read_opened(struct upload_thread *thread, struct upload_entry *entry,
                               struct error *err)
{
    struct error lost = {0};
    if (read_content(thread, entry, &lost, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", entry->name);
    if (lost.status != STATUS_OK)
        return upload_entry_fail(entry, warning_of_content(&lost), &lost, err);
    struct attributes_place place = {.fd = entry->fd};
    if (attributes_read_extended(&thread->attributes, &place, &entry->xattrs, &entry->xattr_count,
                                 &lost, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", entry->name);
    return lost.status == STATUS_OK ? STATUS_OK : upload_entry_lose_attributes(entry, &lost, err);
}

/* What stat(2) cannot know of a copy, which stays what it is. */
static void keep_origin(struct stat *info, const struct stat *seen)
{
    info->st_dev = seen->st_dev;
    info->st_ino = seen->st_ino;
    info->st_ctim = seen->st_ctim;
}

static enum status read_file(struct upload_thread *thread, struct upload_entry *entry,
                             struct error *err)
{
    struct error lost;
    struct stat seen = entry->info;
    entry->fd = walk_open_at(entry->holder->fd, entry->name, &thread->patience);
    if (entry->fd < 0 || fstat(entry->fd, &entry->info) != 0) {
        enum warning kind = errno == ELOOP ? WARNING_CHANGED : WARNING_UNREADABLE;
        error_set_errno(&lost, errno, "open");
        kind = kind == WARNING_CHANGED ? kind : warning_of(&lost);
        return upload_entry_fail(entry, kind, &lost, err);
    }
    if (!S_ISREG(entry->info.st_mode)) {
        error_set(&lost, STATUS_CONFLICT, "it is no regular file any more");
        return upload_entry_fail(entry, WARNING_CHANGED, &lost, err);
    }
    if (entry->has_origin)
        keep_origin(&entry->info, &seen);
    return read_opened(thread, entry, err);
}

const struct upload_tasks content_tasks = {.read = read_file, .save = save_offered};
