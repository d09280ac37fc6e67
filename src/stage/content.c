#include "content.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BLOCK_BYTES = 512 };

/* A file on the way through the buffer. */
struct stream {
    int fd;
    uint64_t size;
    uint64_t offset; /* of the next byte to read */
    bool sparse;     /* then it is a hole, the data behind it, and so on: */
    uint64_t hole_start, data_start, data_end;
    size_t start, len; /* of what the buffer holds and has not been cut yet */
    bool ended;        /* the file was shorter than its size said */
};

enum status content_init(struct content *content, struct repository *repository,
                         content_progress_fn *progress, void *context, struct error *err)
{
    *content = (struct content){
        .repository = repository,
        .progress = progress,
        .context = context,
        .bytes = malloc(CONTENT_BUFFER_BYTES),
    };
    if (content->bytes == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a buffer of %d bytes", CONTENT_BUFFER_BYTES);
    chunker_init(&content->chunker, repository_polynomial(repository));
    return STATUS_OK;
}

void content_done(struct content *content)
{
    free(content->bytes);
    free(content->ids);
    content->bytes = NULL;
    content->ids = NULL;
}

static enum status add_id(struct content *content, const struct blob_id *id, struct error *err)
{
    if (content->count == content->capacity) {
        size_t capacity = content->capacity == 0 ? 64 : content->capacity * 2;
        struct blob_id *ids = realloc(content->ids, capacity * sizeof(*ids));
        if (ids == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "%zu chunks of one file", capacity);
        content->ids = ids;
        content->capacity = capacity;
    }
    content->ids[content->count++] = *id;
    return STATUS_OK;
}

static enum status count_bytes(struct content *content, uint64_t bytes, struct error *err)
{
    content->size += bytes;
    return content->progress(content->context, bytes, err);
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

static ssize_t read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, len, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Some bytes more into the buffer, zeros for a hole. */
static enum status read_some(struct content *content, struct stream *stream, struct error *lost)
{
    unsigned char *free_bytes = content->bytes + stream->start + stream->len;
    size_t room = CONTENT_BUFFER_BYTES - stream->start - stream->len;
    if (stream->sparse && stream->offset >= stream->data_end &&
        find_data(stream, lost) != STATUS_OK)
        return lost->status;

    bool hole = stream->offset < stream->data_start;
    uint64_t end = hole ? stream->data_start : stream->data_end;
    size_t wanted = end - stream->offset < room ? (size_t)(end - stream->offset) : room;
    ssize_t got = (ssize_t)wanted;
    if (hole)
        memset(free_bytes, 0, wanted);
    else
        got = read_at(stream->fd, free_bytes, wanted, stream->offset);
    if (got < 0)
        return FAIL_ERRNO(lost, "read");
    stream->ended = got == 0;
    stream->offset += (uint64_t)got;
    stream->len += (size_t)got;
    return STATUS_OK;
}

static bool at_end(const struct stream *stream)
{
    return stream->ended || stream->offset >= stream->size;
}

/* As much as the chunker needs to see, or all that is left. */
static enum status fill(struct content *content, struct stream *stream, struct error *lost)
{
    if (stream->len >= CHUNK_MAX_BYTES || at_end(stream))
        return STATUS_OK;
    if (stream->start > 0 && stream->len > 0)
        memmove(content->bytes, content->bytes + stream->start, stream->len);
    stream->start = 0;
    while (stream->start + stream->len < CONTENT_BUFFER_BYTES && !at_end(stream))
        if (read_some(content, stream, lost) != STATUS_OK)
            return lost->status;
    return STATUS_OK;
}

/* Chunks that lie in a hole are all the same one: CHUNK_MIN_BYTES of zeros, since a window of zeros
 * is a boundary for every polynomial. Once its id is known, they cost nothing. */
static enum status skip_zeros(struct content *content, struct stream *stream, struct error *err)
{
    for (;;) {
        uint64_t position = stream->offset - stream->len;
        bool in_hole = stream->sparse && position >= stream->hole_start &&
                       position + CHUNK_MIN_BYTES <= stream->data_start;
        if (!content->has_zeros || !in_hole)
            return STATUS_OK;
        if (add_id(content, &content->zeros, err) != STATUS_OK ||
            count_bytes(content, CHUNK_MIN_BYTES, err) != STATUS_OK)
            return err->status;
        size_t buffered = stream->len < CHUNK_MIN_BYTES ? stream->len : CHUNK_MIN_BYTES;
        stream->start += buffered;
        stream->len -= buffered;
        stream->offset += CHUNK_MIN_BYTES - buffered;
    }
}

static bool is_zeros(const unsigned char *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static enum status cut_one(struct content *content, struct stream *stream, struct error *err)
{
    const unsigned char *bytes = content->bytes + stream->start;
    size_t len = chunker_next(&content->chunker, bytes, stream->len);
    struct blob_id id;
    bool known = false;
    if (repository_save_blob(content->repository, BLOB_DATA, bytes, len, &id, &known, err) !=
            STATUS_OK ||
        add_id(content, &id, err) != STATUS_OK)
        return err->status;
    if (!content->has_zeros && stream->sparse && len == CHUNK_MIN_BYTES && is_zeros(bytes, len)) {
        content->zeros = id;
        content->has_zeros = true;
    }
    stream->start += len;
    stream->len -= len;
    return count_bytes(content, len, err);
}

enum status content_read(struct content *content, int fd, const struct stat *info,
                         struct error *ret_lost, struct error *err)
{
    struct stream stream = {
        .fd = fd,
        .size = (uint64_t)info->st_size,
        .data_end = (uint64_t)info->st_size,
        .sparse = (uint64_t)info->st_blocks * STAT_BLOCK_BYTES < (uint64_t)info->st_size,
    };
    if (stream.sparse)
        stream.data_end = 0; /* to be asked for */
    content->count = 0;
    content->size = 0;
    *ret_lost = (struct error){0};
    for (;;) {
        if (skip_zeros(content, &stream, err) != STATUS_OK)
            return err->status;
        if (fill(content, &stream, ret_lost) != STATUS_OK)
            return STATUS_OK;
        if (stream.len == 0)
            return STATUS_OK;
        if (cut_one(content, &stream, err) != STATUS_OK)
            return err->status;
    }
}
