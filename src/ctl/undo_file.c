#include "undo_file.h"

#include "complaints.h"
#include "core/base64.h"
#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"

#include <jansson.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Redis keeps 512 MiB at most in a string, which are 683 MiB as base64. */
static const size_t line_bytes_max = (size_t)1 << 30;

void undo_file_init(struct undo_file *file, const char *directory)
{
    *file = (struct undo_file){.fd = -1};
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);
    (void)snprintf(file->path, sizeof(file->path), "%.3900s/doctor-%s-%d.undo", directory, now,
                   (int)getpid());
}

void undo_file_close(struct undo_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}

static enum status make(struct undo_file *file, struct error *err)
{
    if (file->fd >= 0)
        return STATUS_OK;
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return FAIL_ERRNO(err, "undo file '%s'", file->path);
    return file_sync_directory_of(file->path, err);
}

static enum status write_line(struct undo_file *file, const json_t *json, struct error *err)
{
    CLEANUP(freep) char *text = json_write(json);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo file");
    if (strlen(text) >= line_bytes_max)
        return FAIL(err, STATUS_TOO_LARGE, "undo file: a repair of more than %zu bytes",
                    line_bytes_max);
    if (file_write_all(file->fd, text, strlen(text), err) != STATUS_OK ||
        file_write_all(file->fd, "\n", 1, err) != STATUS_OK)
        return FAIL_IN(err, "undo file '%s'", file->path);
    if (fdatasync(file->fd) != 0)
        return FAIL_ERRNO(err, "undo file '%s'", file->path);
    return STATUS_OK;
}

/* NULL: no memory. */
static json_t *encode(const struct store_bytes *bytes)
{
    CLEANUP(freep) char *text = malloc(BASE64_LEN(bytes->len) + 1);
    if (text == NULL)
        return NULL;
    const char *end = base64_encode(bytes->bytes, bytes->len, text);
    return json_stringn_nocheck(text, (size_t)(end - text));
}

static enum status describe_part(const struct store_part *part, json_t *parts, struct error *err)
{
    json_t *json = json_pack("{s:s, s:o, s:o, s:b, s:o, s:I, s:s}", "kind", part->kind, "key",
                             encode(&part->place.key), "member", encode(&part->place.member),
                             "existed", part->existed, "content", encode(&part->content),
                             "expires_ms", (json_int_t)part->expires_ms, "digest", part->digest);
    if (json_array_append_new(parts, json) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "undo file");
    return STATUS_OK;
}

enum status undo_file_add(struct undo_file *file, const struct store_finding *finding,
                          const struct store_plan *plan, struct error *err)
{
    json_auto_t *parts = json_array();
    char where[PLACE_TEXT_SIZE];
    if (make(file, err) != STATUS_OK)
        return error_status(err);
    file->repairs++;
    for (size_t i = 0; i < plan->part_count; i++) {
        struct store_part part = {0};
        if (store_plan_part(plan, i, &part, err) != STATUS_OK ||
            describe_part(&part, parts, err) != STATUS_OK)
            return error_status(err);
    }
    complaint_place_text(&finding->place, where);
    json_auto_t *line = json_pack("{s:I, s:s, s:s, s:O}", "repair", (json_int_t)file->repairs,
                                  "where", where, "what", finding->what, "parts", parts);
    if (line == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo file");
    return write_line(file, line, err);
}

enum status undo_file_add_done(struct undo_file *file, const redisReply *traces, size_t count,
                               struct error *err)
{
    json_auto_t *done = json_array();
    for (size_t i = 0; i < count; i++) {
        struct store_trace trace = store_trace_of(traces, i);
        json_t *json = json_pack("{s:b, s:s}", "exists", trace.exists, "digest", trace.digest);
        if (json_array_append_new(done, json) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "undo file");
    }
    json_auto_t *line = json_pack("{s:I, s:O}", "repair", (json_int_t)file->repairs, "done", done);
    if (line == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "undo file");
    return write_line(file, line, err);
}

/* --- reading --- */

static enum status not_one(const char *path, struct error *err)
{
    return FAIL(err, STATUS_INVALID, "'%s' is no undo file of the doctor's", path);
}

/* A file that is mapped, and so of any size; what is read of it at a time is a line. */
struct text {
    char *bytes;
    size_t len;
};

static void text_unmap(const struct text *text)
{
    if (text->len > 0)
        (void)munmap(text->bytes, text->len);
}

static enum status map_file(const char *path, struct text *ret_text, struct error *err)
{
    struct stat info;
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "undo file '%s'", path);
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        return not_one(path, err);
    char *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return FAIL_ERRNO(err, "undo file '%s'", path);
    *ret_text = (struct text){.bytes = bytes, .len = (size_t)info.st_size};
    return bytes[0] == '{' ? STATUS_OK : not_one(path, err);
}

/* Where the last line of so many bytes begins; 0, if that is further away than a line is long. */
static size_t last_line(const char *bytes, size_t len)
{
    size_t from = len > line_bytes_max ? len - line_bytes_max : 0;
    const char *newline = memrchr(bytes + from, '\n', len - from);
    return newline == NULL ? 0 : (size_t)(newline - bytes) + 1;
}

/* A line that was cut short, without a newline, is of a repair that did not happen. */
static struct text whole_lines(const struct text *text)
{
    return (struct text){.bytes = text->bytes, .len = last_line(text->bytes, text->len)};
}

/* Takes the last line, an object, from the lines. */
static enum status cut_line(const char *path, struct text *lines, json_t **ret_line,
                            struct error *err)
{
    size_t start = last_line(lines->bytes, lines->len - 1);
    size_t len = lines->len - start;
    json_auto_t *json = NULL;
    if (len > line_bytes_max || json_read(lines->bytes + start, len, &json, err) != STATUS_OK ||
        !json_is_integer(json_object_get(json, "repair")))
        return not_one(path, err);
    lines->len = start;
    *ret_line = STEAL(json);
    return STATUS_OK;
}

/* Nothing is put back from what is no undo file, not even from its last lines. */
static enum status check_lines(const char *path, struct text lines, struct error *err)
{
    if (lines.len == 0)
        return not_one(path, err);
    while (lines.len > 0) {
        json_auto_t *line = NULL;
        if (cut_line(path, &lines, &line, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static bool decode(const json_t *object, const char *field, struct buffer *buffer,
                   struct error *err)
{
    const json_t *text = json_object_get(object, field);
    size_t len = json_string_length(text);
    buffer_init(buffer, len + 1);
    if (!json_is_string(text) || buffer_reserve(buffer, len + 1, err) != STATUS_OK)
        return false;
    return base64_decode(json_string_value(text), len, buffer->bytes, &buffer->len);
}

static struct store_bytes borrow(const struct buffer *buffer)
{
    return (struct store_bytes){.bytes = (const char *)buffer->bytes, .len = buffer->len};
}

struct replay {
    const char *path;
    undo_part_fn *on_part;
    void *context;
};

static enum status replay_part(const struct replay *replay, const json_t *json, const json_t *trace,
                               struct error *err)
{
    CLEANUP(buffer_done) struct buffer key = {0}, member = {0}, content = {0};
    const char *kind = json_string_value(json_object_get(json, "kind"));
    const char *before = json_string_value(json_object_get(json, "digest"));
    const char *after = json_string_value(json_object_get(trace, "digest"));
    if (kind == NULL || before == NULL || (trace != NULL && after == NULL) ||
        !decode(json, "key", &key, err) || !decode(json, "member", &member, err) ||
        !decode(json, "content", &content, err))
        return not_one(replay->path, err);
    const struct store_part part = {
        .kind = kind,
        .place = {.key = borrow(&key), .member = borrow(&member)},
        .existed = json_is_true(json_object_get(json, "existed")),
        .content = borrow(&content),
        .expires_ms = json_integer_value(json_object_get(json, "expires_ms")),
        .digest = before,
    };
    const struct store_trace known = {.exists = json_is_true(json_object_get(trace, "exists")),
                                      .digest = after};
    return replay->on_part(replay->context, &part, trace == NULL ? NULL : &known, err);
}

static enum status replay_repair(const struct replay *replay, const json_t *parts,
                                 const json_t *done, struct error *err)
{
    size_t count = json_array_size(parts);
    if (done != NULL && json_array_size(done) != count)
        return not_one(replay->path, err);
    for (size_t i = count; i-- > 0;) {
        const json_t *trace = json_array_get(done, i);
        if (replay_part(replay, json_array_get(parts, i), trace, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status replay_lines(const struct replay *replay, struct text lines, struct error *err)
{
    json_auto_t *done = NULL; /* it comes behind the parts, and so before them here */
    while (lines.len > 0) {
        json_auto_t *line = NULL;
        if (cut_line(replay->path, &lines, &line, err) != STATUS_OK)
            return error_status(err);
        const json_t *parts = json_object_get(line, "parts");
        if (parts != NULL && replay_repair(replay, parts, done, err) != STATUS_OK)
            return error_status(err);
        json_decref(done);
        done = parts == NULL ? json_incref(json_object_get(line, "done")) : NULL;
    }
    return STATUS_OK;
}

enum status undo_file_replay(const char *path, undo_part_fn *on_part, void *context,
                             struct error *err)
{
    const struct replay replay = {.path = path, .on_part = on_part, .context = context};
    CLEANUP(text_unmap) struct text text = {0};
    if (map_file(path, &text, err) != STATUS_OK)
        return error_status(err);
    struct text lines = whole_lines(&text);
    if (check_lines(path, lines, err) != STATUS_OK)
        return error_status(err);
    return replay_lines(&replay, lines, err);
}
