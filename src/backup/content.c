#include "content.h"

#include "files/walk.h"

#include <string.h>
#include <unistd.h>

enum { STAT_BLOCK_BYTES = 512, STEP_BYTES = 512 * 1024 };

/* A large file on the way through the thread's buffer. */
struct stream {
    struct upload_thread *thread;
    struct upload_entry *entry;
    int fd;
    uint64_t size;
    uint64_t offset; /* of the next byte to read */
    bool sparse;     /* then it is a hole, the data behind it, and so on: */
    uint64_t hole_start, data_start, data_end;
    bool ended; /* the file was shorter than its size said */
};

static ssize_t read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, len, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The hole at the offset (an empty one, in data) and the data behind it. A file system that does
 * not know says that all is data. */
static enum status find_data(struct stream *stream, struct error *lost)
{
    stream->hole_start = stream->offset;
    off_t start = lseek(stream->fd, (off_t)stream->offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) { /* a hole up to the end */
        stream->data_start = stream->size;
        stream->data_end = stream->size;
        return STATUS_OK;
    }
    off_t end = start < 0 ? -1 : lseek(stream->fd, start, SEEK_HOLE);
    if (end < 0)
        return FAIL_ERRNO(lost, "look for holes");
    stream->data_start = (uint64_t)start < stream->size ? (uint64_t)start : stream->size;
    stream->data_end = (uint64_t)end < stream->size ? (uint64_t)end : stream->size;
    return STATUS_OK;
}

/* Some bytes more into the buffer, zeros for a hole. */
static enum status read_some(struct stream *stream, struct error *lost)
{
    struct chunk_buffer *buffer = stream->thread->buffer;
    size_t room = CHUNK_BUFFER_BYTES - buffer->len;
    if (stream->sparse && stream->offset >= stream->data_end &&
        find_data(stream, lost) != STATUS_OK)
        return lost->status;

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
    if (got < 0)
        return FAIL_ERRNO(lost, "read");
    stream->ended = got == 0;
    stream->offset += (uint64_t)got;
    buffer->len += (size_t)got;
    return STATUS_OK;
}

static bool at_end(const struct stream *stream)
{
    return stream->ended || stream->offset >= stream->size;
}

/* Chunks that lie in a hole are all the same one: CHUNK_MIN_BYTES of zeros, since a window of zeros
 * is a boundary for every polynomial. Once its id is known, they cost nothing. */
static enum status skip_zeros(struct stream *stream, struct error *err)
{
    struct upload_thread *thread = stream->thread;
    for (;;) {
        struct chunk_buffer *buffer = thread->buffer;
        uint64_t position = stream->offset - buffer->len;
        bool in_hole = stream->sparse && position >= stream->hole_start &&
                       position + CHUNK_MIN_BYTES <= stream->data_start;
        size_t index = 0;
        if (!thread->has_zeros || !in_hole || upload_pool_is_stopped(thread))
            return STATUS_OK;
        if (upload_pool_reserve_id(thread, stream->entry, &index, err) != STATUS_OK)
            return error_status(err);
        upload_pool_set_id(thread, stream->entry, index, &thread->zeros, CHUNK_MIN_BYTES);
        size_t buffered = buffer->len < CHUNK_MIN_BYTES ? buffer->len : CHUNK_MIN_BYTES;
        buffer->len -= buffered;
        memmove(buffer->bytes, buffer->bytes + buffered, buffer->len);
        stream->offset += CHUNK_MIN_BYTES - buffered;
    }
}

/* The length of the chunk that the buffer begins with, which is read as far as that takes. */
static enum status find_chunk(struct stream *stream, size_t *ret_len, struct error *lost)
{
    struct upload_thread *thread = stream->thread;
    size_t scanned = 0;
    for (;;) {
        struct chunk_buffer *buffer = thread->buffer;
        if (chunker_scan(thread->chunker, buffer->bytes, buffer->len, &scanned))
            break;
        if (at_end(stream)) {
            scanned = buffer->len;
            break;
        }
        if (read_some(stream, lost) != STATUS_OK)
            return lost->status;
    }
    *ret_len = scanned;
    return STATUS_OK;
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
    if (upload_pool_reserve_id(thread, stream->entry, &index, err) != STATUS_OK)
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

static enum status read_large(struct upload_thread *thread, struct upload_entry *entry,
                              struct error *ret_lost, struct error *err)
{
    const struct stat *info = &entry->info;
    struct stream stream = {
        .thread = thread,
        .entry = entry,
        .fd = entry->fd,
        .size = (uint64_t)info->st_size,
        .data_end = (uint64_t)info->st_size,
        .sparse = (uint64_t)info->st_blocks * STAT_BLOCK_BYTES < (uint64_t)info->st_size,
    };
    if (stream.sparse)
        stream.data_end = 0; /* to be asked for */
    thread->buffer->len = 0;
    while (!upload_pool_is_stopped(thread)) {
        size_t len = 0;
        if (skip_zeros(&stream, err) != STATUS_OK)
            return error_status(err);
        if (find_chunk(&stream, &len, ret_lost) != STATUS_OK || len == 0)
            return STATUS_OK;
        if (cut(&stream, len, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
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

/* One chunk; nobody else has a part of it, so there is no need to lock anything. */
static enum status read_small(struct upload_thread *thread, struct upload_entry *entry,
                              struct error *ret_lost, struct error *err)
{
    struct upload_entry_content *content = &entry->content;
    unsigned char *bytes = thread->buffer->bytes;
    size_t len = 0;
    bool known = false;
    if (read_all(entry->fd, bytes, (size_t)entry->info.st_size, &len, ret_lost) != STATUS_OK)
        return STATUS_OK;
    if (len == 0)
        return STATUS_OK;
    if (repository_save_blob(thread->repository, BLOB_DATA, bytes, len, &content->one, &known,
                             err) != STATUS_OK)
        return error_status(err);
    content->count = 1;
    content->size = len;
    entry->counted = (int64_t)len < entry->bytes ? (int64_t)len : entry->bytes;
    thread->bytes += entry->counted;
    thread->chunks++;
    return STATUS_OK;
}

static enum status read_opened(struct upload_thread *thread, struct upload_entry *entry,
                               struct error *err)
{
    struct error lost = {0};
    enum status status = entry->info.st_size <= CHUNK_MIN_BYTES
                             ? read_small(thread, entry, &lost, err)
                             : read_large(thread, entry, &lost, err);
    if (status != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", entry->name);
    if (lost.status != STATUS_OK)
        return upload_entry_fail(entry, WARNING_UNREADABLE, &lost, err);
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
    struct patience none = {0};
    entry->fd = walk_open_at(entry->holder->fd, entry->name, &none);
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
