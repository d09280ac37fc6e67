#include "content.h"

#include "files/walk.h"

#include <string.h>
#include <unistd.h>

enum { STAT_BLOCK_BYTES = 512, STEP_BYTES = 512 * 1024 };

/* A large file on the way through the hand's slab. */
struct stream {
    struct hand *hand;
    struct errand *errand;
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

/* Some bytes more into the slab, zeros for a hole. */
static enum status read_some(struct stream *stream, struct error *lost)
{
    struct slab *slab = stream->hand->slab;
    size_t room = SLAB_BYTES - slab->len;
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
        memset(slab->bytes + slab->len, 0, wanted);
    else
        got = read_at(stream->fd, slab->bytes + slab->len, wanted, stream->offset);
    if (got < 0)
        return FAIL_ERRNO(lost, "read");
    stream->ended = got == 0;
    stream->offset += (uint64_t)got;
    slab->len += (size_t)got;
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
    struct hand *hand = stream->hand;
    for (;;) {
        struct slab *slab = hand->slab;
        uint64_t position = stream->offset - slab->len;
        bool in_hole = stream->sparse && position >= stream->hole_start &&
                       position + CHUNK_MIN_BYTES <= stream->data_start;
        size_t index = 0;
        if (!hand->has_zeros || !in_hole || crew_is_stopped(hand))
            return STATUS_OK;
        if (crew_reserve_id(hand, stream->errand, &index, err) != STATUS_OK)
            return err->status;
        crew_set_id(hand, stream->errand, index, &hand->zeros, CHUNK_MIN_BYTES);
        size_t buffered = slab->len < CHUNK_MIN_BYTES ? slab->len : CHUNK_MIN_BYTES;
        slab->len -= buffered;
        memmove(slab->bytes, slab->bytes + buffered, slab->len);
        stream->offset += CHUNK_MIN_BYTES - buffered;
    }
}

/* The length of the chunk that the slab begins with, which is read as far as that takes. */
static enum status find_chunk(struct stream *stream, size_t *ret_len, struct error *lost)
{
    struct hand *hand = stream->hand;
    size_t scanned = 0;
    for (;;) {
        struct slab *slab = hand->slab;
        if (chunker_scan(hand->chunker, slab->bytes, slab->len, &scanned))
            break;
        if (at_end(stream)) {
            scanned = slab->len;
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

/* Of a sparse file, the first chunk of zeros: the thread does it by itself, to know its id. */
static bool wants_zeros(const struct stream *stream, size_t len)
{
    return stream->sparse && !stream->hand->has_zeros && len == CHUNK_MIN_BYTES &&
           is_zeros(stream->hand->slab->bytes, len);
}

static enum status save_here(struct stream *stream, size_t index, size_t len, struct error *err)
{
    struct hand *hand = stream->hand;
    struct slab *slab = hand->slab;
    bool zeros = wants_zeros(stream, len);
    struct blob_id id;
    bool known = false;
    if (repository_save_blob(hand->repository, BLOB_DATA, slab->bytes, len, &id, &known, err) !=
        STATUS_OK)
        return err->status;
    crew_set_id(hand, stream->errand, index, &id, len);
    if (zeros) {
        hand->zeros = id;
        hand->has_zeros = true;
    }
    slab->len -= len;
    memmove(slab->bytes, slab->bytes + len, slab->len);
    return STATUS_OK;
}

static enum status cut(struct stream *stream, size_t len, struct error *err)
{
    struct hand *hand = stream->hand;
    size_t index = 0;
    if (crew_reserve_id(hand, stream->errand, &index, err) != STATUS_OK)
        return err->status;
    struct slab *next = wants_zeros(stream, len) ? NULL : crew_find_slab(hand);
    if (next == NULL)
        return save_here(stream, index, len, err);
    next->len = hand->slab->len - len;
    memcpy(next->bytes, hand->slab->bytes + len, next->len);
    hand->slab->len = len;
    crew_offer(hand, stream->errand, index, next);
    return STATUS_OK;
}

static enum status read_large(struct hand *hand, struct errand *errand, struct error *ret_lost,
                              struct error *err)
{
    const struct stat *info = &errand->info;
    struct stream stream = {
        .hand = hand,
        .errand = errand,
        .fd = errand->fd,
        .size = (uint64_t)info->st_size,
        .data_end = (uint64_t)info->st_size,
        .sparse = (uint64_t)info->st_blocks * STAT_BLOCK_BYTES < (uint64_t)info->st_size,
    };
    if (stream.sparse)
        stream.data_end = 0; /* to be asked for */
    hand->slab->len = 0;
    while (!crew_is_stopped(hand)) {
        size_t len = 0;
        if (skip_zeros(&stream, err) != STATUS_OK)
            return err->status;
        if (find_chunk(&stream, &len, ret_lost) != STATUS_OK || len == 0)
            return STATUS_OK;
        if (cut(&stream, len, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

static enum status save_offered(struct hand *hand, const struct slab *slab, struct error *err)
{
    struct blob_id id;
    bool known = false;
    if (repository_save_blob(hand->repository, BLOB_DATA, slab->bytes, slab->len, &id, &known,
                             err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", slab->errand->name);
    crew_set_id(hand, slab->errand, slab->index, &id, slab->len);
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
static enum status read_small(struct hand *hand, struct errand *errand, struct error *ret_lost,
                              struct error *err)
{
    struct errand_content *content = &errand->content;
    unsigned char *bytes = hand->slab->bytes;
    size_t len = 0;
    bool known = false;
    if (read_all(errand->fd, bytes, (size_t)errand->info.st_size, &len, ret_lost) != STATUS_OK)
        return STATUS_OK;
    if (len == 0)
        return STATUS_OK;
    if (repository_save_blob(hand->repository, BLOB_DATA, bytes, len, &content->one, &known, err) !=
        STATUS_OK)
        return err->status;
    content->count = 1;
    content->size = len;
    errand->counted = (int64_t)len < errand->bytes ? (int64_t)len : errand->bytes;
    hand->bytes += errand->counted;
    hand->chunks++;
    return STATUS_OK;
}

static enum status read_opened(struct hand *hand, struct errand *errand, struct error *err)
{
    struct error lost = {0};
    enum status status = errand->info.st_size <= CHUNK_MIN_BYTES
                             ? read_small(hand, errand, &lost, err)
                             : read_large(hand, errand, &lost, err);
    if (status != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", errand->name);
    if (lost.status != STATUS_OK)
        return errand_fail(errand, WARNING_UNREADABLE, &lost, err);
    struct attributes_place place = {.fd = errand->fd};
    if (attributes_read_extended(&hand->attributes, &place, &errand->xattrs, &errand->xattr_count,
                                 &lost, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", errand->name);
    return lost.status == STATUS_OK ? STATUS_OK : errand_lose_attributes(errand, &lost, err);
}

/* What stat(2) cannot know of a copy, which stays what it is. */
static void keep_origin(struct stat *info, const struct stat *seen)
{
    info->st_dev = seen->st_dev;
    info->st_ino = seen->st_ino;
    info->st_ctim = seen->st_ctim;
}

static enum status read_file(struct hand *hand, struct errand *errand, struct error *err)
{
    struct error lost;
    struct stat seen = errand->info;
    errand->fd = walk_open_at(errand->holder->fd, errand->name, 0);
    if (errand->fd < 0 || fstat(errand->fd, &errand->info) != 0) {
        enum warning kind = errno == ELOOP ? WARNING_CHANGED : WARNING_UNREADABLE;
        error_set_errno(&lost, errno, "open");
        kind = kind == WARNING_CHANGED ? kind : warning_of(&lost);
        return errand_fail(errand, kind, &lost, err);
    }
    if (!S_ISREG(errand->info.st_mode)) {
        error_set(&lost, STATUS_CONFLICT, "it is no regular file any more");
        return errand_fail(errand, WARNING_CHANGED, &lost, err);
    }
    if (errand->has_origin)
        keep_origin(&errand->info, &seen);
    return read_opened(hand, errand, err);
}

const struct crew_tasks content_tasks = {.read = read_file, .save = save_offered};
