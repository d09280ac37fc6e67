/*
 * Trees as text. A node is written in pieces whose size is known beforehand; between two pieces
 * the text may move on into a stream, once there is more of it than TEXT_KEEP_BYTES. Most trees
 * are small and never need a stream.
 */
#include "core/base64.h"
#include "core/buffer.h"
#include "core/hex.h"
#include "quote.h"
#include "repository/tree.h"
#include "repository_internal.h"
#include "tree_node.h"

#include <stdio.h>
#include <string.h>

enum {
    TEXT_KEEP_BYTES = 256 * 1024,
    PIECE_MAX = 1024 * 1024, /* a name, a link target or an xattr of 64 KiB, six times quoted */
    IDS_PER_PIECE = 1024,
    ID_TEXT_MAX = BLOB_ID_TEXT_SIZE + 3, /* with its quotes and comma */
    NUMBERS_MAX = TREE_NODE_TEXT_NUMBERS_MAX,
    END_MAX = 16 /* behind the last node */
};

struct tree_writer {
    struct repository *repository;
    struct buffer text;
    struct buffer last_name;
    struct text_stream *stream; /* NULL: all of it is still in text */
    bool any;
    bool finished;
};

static enum status spill(struct tree_writer *writer, struct error *err)
{
    if (writer->stream == NULL && text_stream_new("", &writer->stream, err) != STATUS_OK)
        return error_status(err);
    if (text_stream_add(writer->stream, writer->text.bytes, writer->text.len, err) != STATUS_OK)
        return error_status(err);
    buffer_clear(&writer->text);
    return STATUS_OK;
}

/* Room for a piece of at most len bytes: *ret_to; piece_end() takes what was used. */
static enum status piece_start(struct tree_writer *writer, size_t len, char **ret_to,
                               struct error *err)
{
    if (writer->text.len + len > TEXT_KEEP_BYTES && writer->text.len > 0 &&
        spill(writer, err) != STATUS_OK)
        return error_status(err);
    if (buffer_reserve(&writer->text, len, err) != STATUS_OK)
        return error_status(err);
    *ret_to = (char *)writer->text.bytes + writer->text.len;
    return STATUS_OK;
}

static void piece_end(struct tree_writer *writer, const char *to)
{
    writer->text.len = (size_t)(to - (const char *)writer->text.bytes);
}

enum status tree_writer_new(struct repository *repository, struct tree_writer **ret_writer,
                            struct error *err)
{
    CLEANUP(tree_writer_freep) struct tree_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a tree");
    writer->repository = repository;
    buffer_init(&writer->text, TEXT_KEEP_BYTES + PIECE_MAX);
    buffer_init(&writer->last_name, PIECE_MAX);
    if (buffer_add_text(&writer->text, "{\"nodes\":[", err) != STATUS_OK)
        return error_status(err);
    *ret_writer = STEAL(writer);
    return STATUS_OK;
}

void tree_writer_free(struct tree_writer *writer)
{
    if (writer == NULL)
        return;
    text_stream_free(writer->stream);
    buffer_done(&writer->text);
    buffer_done(&writer->last_name);
    free(writer);
}

static enum status add_head(struct tree_writer *writer, const struct tree_node *node,
                            struct error *err)
{
    char *to = NULL;
    if (piece_start(writer, tree_node_text_head_max(node) + 1, &to, err) != STATUS_OK)
        return error_status(err);
    if (writer->any)
        *to++ = ',';
    piece_end(writer, tree_node_text_head(to, node));
    return STATUS_OK;
}

/* A target that is not UTF-8 loses bytes as JSON: its raw form stands beside it. */
static enum status add_link_target(struct tree_writer *writer, const struct tree_node *node,
                                   struct error *err)
{
    if (node->type != TREE_NODE_SYMLINK || node->link_target == NULL)
        return STATUS_OK;
    char *to = NULL;
    size_t len = strlen(node->link_target);
    size_t room = QUOTED_MAX(len) + BASE64_LEN(len) + NUMBERS_MAX;
    if (piece_start(writer, room, &to, err) != STATUS_OK)
        return error_status(err);
    to = tree_node_text_string(to, ",\"linktarget\":", node->link_target);
    if (!quote_is_lossless(node->link_target, len)) {
        to = base64_encode(node->link_target, len, stpcpy(to, ",\"linktarget_raw\":\""));
        to = stpcpy(to, "\"");
    }
    piece_end(writer, to);
    return STATUS_OK;
}

static enum status add_xattr(struct tree_writer *writer, const struct tree_node_xattr *xattr,
                             const char *before, struct error *err)
{
    char *to = NULL;
    size_t name_len = strlen(xattr->name);
    size_t room = QUOTED_MAX(name_len) + BASE64_LEN(xattr->value_len) + NUMBERS_MAX;
    if (piece_start(writer, room, &to, err) != STATUS_OK)
        return error_status(err);
    to = quote_json(stpcpy(to, before), xattr->name, name_len);
    to = base64_encode(xattr->value, xattr->value_len, stpcpy(to, ",\"value\":\""));
    piece_end(writer, stpcpy(to, "\"}"));
    return STATUS_OK;
}

static enum status add_text(struct tree_writer *writer, const char *text, struct error *err)
{
    char *to = NULL;
    if (piece_start(writer, strlen(text) + 1, &to, err) != STATUS_OK)
        return error_status(err);
    piece_end(writer, stpcpy(to, text));
    return STATUS_OK;
}

static enum status add_xattrs(struct tree_writer *writer, const struct tree_node *node,
                              struct error *err)
{
    if (node->xattr_count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < node->xattr_count; i++) {
        const char *before = i == 0 ? ",\"extended_attributes\":[{\"name\":" : ",{\"name\":";
        if (add_xattr(writer, &node->xattrs[i], before, err) != STATUS_OK)
            return error_status(err);
    }
    return add_text(writer, "]", err);
}

static enum status add_ids(struct tree_writer *writer, const struct blob_id *ids, size_t count,
                           bool first, struct error *err)
{
    char *to = NULL;
    if (piece_start(writer, count * ID_TEXT_MAX, &to, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        to = stpcpy(to, first && i == 0 ? "\"" : ",\"");
        hex_encode(ids[i].bytes, BLOB_ID_BYTES, to);
        to = stpcpy(to + 2 * (size_t)BLOB_ID_BYTES, "\"");
    }
    piece_end(writer, to);
    return STATUS_OK;
}

static enum status add_repeated(struct tree_writer *writer, const struct blob_id *id,
                                uint64_t times, bool first, struct error *err)
{
    struct blob_id piece[IDS_PER_PIECE];
    for (size_t i = 0; i < IDS_PER_PIECE; i++)
        piece[i] = *id;
    while (times > 0) {
        size_t count = times < IDS_PER_PIECE ? (size_t)times : IDS_PER_PIECE;
        if (add_ids(writer, piece, count, first, err) != STATUS_OK)
            return error_status(err);
        first = false;
        times -= count;
    }
    return STATUS_OK;
}

static enum status add_all_ids(struct tree_writer *writer, const struct tree_node *node,
                               struct error *err)
{
    size_t repeat = 0;
    size_t count = 0;
    for (size_t i = 0; i < node->content_count; i += count) {
        bool has_more = repeat < node->repeat_count;
        size_t end = has_more ? node->repeats[repeat].index : node->content_count;
        bool is_repeated = has_more && end == i;
        count = end - i < IDS_PER_PIECE ? end - i : IDS_PER_PIECE;
        if (is_repeated)
            count = 1;
        enum status status = is_repeated ? add_repeated(writer, node->content + i,
                                                        node->repeats[repeat++].times, i == 0, err)
                                         : add_ids(writer, node->content + i, count, i == 0, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status add_content(struct tree_writer *writer, const struct tree_node *node,
                               struct error *err)
{
    char device[NUMBERS_MAX];
    *tree_node_text_member(device, ",\"device\":", node->device) = '\0';
    if (add_text(writer, device, err) != STATUS_OK)
        return error_status(err);
    if (node->type != TREE_NODE_FILE)
        return add_text(writer, ",\"content\":null", err);
    if (add_text(writer, ",\"content\":[", err) != STATUS_OK)
        return error_status(err);
    if (add_all_ids(writer, node, err) != STATUS_OK)
        return error_status(err);
    return add_text(writer, "]", err);
}

static enum status add_subtree(struct tree_writer *writer, const struct tree_node *node,
                               struct error *err)
{
    if (node->type != TREE_NODE_DIR)
        return STATUS_OK;
    if (!node->has_subtree)
        return FAIL(err, STATUS_INVALID, "a directory without subtree");
    if (add_text(writer, ",\"subtree\":", err) != STATUS_OK)
        return error_status(err);
    return add_ids(writer, &node->subtree, 1, true, err);
}

/* Strictly ascending by raw bytes, as readers rely on. */
static enum status check_name(struct tree_writer *writer, const char *name, size_t len,
                              struct error *err)
{
    const struct buffer *last = &writer->last_name;
    if (writer->finished)
        return FAIL(err, STATUS_CONFLICT, "the tree is finished");
    if (!tree_node_name_is_safe(name, len))
        return FAIL(err, STATUS_INVALID, "not a file's name");
    size_t common = last->len < len ? last->len : len;
    int order = common == 0 ? 0 : memcmp(last->bytes, name, common);
    if (writer->any && (order > 0 || (order == 0 && last->len >= len)))
        return FAIL(err, STATUS_INVALID, "names do not ascend");
    buffer_clear(&writer->last_name);
    return buffer_add(&writer->last_name, name, len, err);
}

/* Not less than the text of the node takes. */
static uint64_t text_max(const struct tree_node *node)
{
    uint64_t ids = node->content_count;
    for (size_t i = 0; i < node->repeat_count; i++)
        ids += node->repeats[i].times;
    uint64_t len = tree_node_text_head_max(node) + ids * ID_TEXT_MAX + 4 * (uint64_t)NUMBERS_MAX;
    if (node->link_target != NULL)
        len += QUOTED_MAX(strlen(node->link_target)) + BASE64_LEN(strlen(node->link_target));
    for (size_t i = 0; i < node->xattr_count; i++) {
        const struct tree_node_xattr *xattr = &node->xattrs[i];
        len += QUOTED_MAX(strlen(xattr->name)) + BASE64_LEN(xattr->value_len) + NUMBERS_MAX;
    }
    return len;
}

/* Before any of it is written: a tree that is too large loses one entry, not all. */
static enum status check_room(const struct tree_writer *writer, uint64_t len, struct error *err)
{
    uint64_t used = writer->text.len;
    if (writer->stream != NULL)
        used += text_stream_text_len(writer->stream);
    if (used + len + END_MAX <= BLOB_BYTES_MAX)
        return STATUS_OK;
    return FAIL(err, STATUS_TOO_LARGE,
                "its directory would take more than the %d bytes that the repository's format "
                "keeps of one",
                BLOB_BYTES_MAX);
}

enum status tree_writer_add(struct tree_writer *writer, const struct tree_node *node,
                            struct error *err)
{
    if (check_room(writer, text_max(node), err) != STATUS_OK ||
        check_name(writer, node->name, node->name_len, err) != STATUS_OK ||
        add_head(writer, node, err) != STATUS_OK ||
        add_link_target(writer, node, err) != STATUS_OK ||
        add_xattrs(writer, node, err) != STATUS_OK || add_content(writer, node, err) != STATUS_OK ||
        add_subtree(writer, node, err) != STATUS_OK || add_text(writer, "}", err) != STATUS_OK)
        return FAIL_IN(err, "tree: '%s'", node->name);
    writer->any = true;
    return STATUS_OK;
}

enum status tree_writer_add_text(struct tree_writer *writer, const char *name, const char *text,
                                 size_t len, struct error *err)
{
    char *to = NULL;
    if (check_room(writer, len + 1, err) != STATUS_OK ||
        check_name(writer, name, strlen(name), err) != STATUS_OK ||
        piece_start(writer, len + 1, &to, err) != STATUS_OK)
        return FAIL_IN(err, "tree: '%s'", name);
    if (writer->any)
        *to++ = ',';
    piece_end(writer, mempcpy(to, text, len));
    writer->any = true;
    return STATUS_OK;
}

static enum status finish_stream(struct tree_writer *writer, struct blob_id *ret_id,
                                 struct error *err)
{
    struct blob_id id;
    if (spill(writer, err) != STATUS_OK ||
        text_stream_finish(writer->stream, id.bytes, err) != STATUS_OK ||
        repository_save_stream(writer->repository, BLOB_TREE, writer->stream, &id, err) !=
            STATUS_OK)
        return error_status(err);
    *ret_id = id;
    return STATUS_OK;
}

enum status tree_writer_finish(struct tree_writer *writer, struct blob_id *ret_id,
                               struct error *err)
{
    bool ignored = false;
    if (writer->finished)
        return FAIL(err, STATUS_CONFLICT, "the tree is finished");
    writer->finished = true;
    if (add_text(writer, "]}\n", err) != STATUS_OK)
        return error_status(err);
    if (writer->stream != NULL)
        return finish_stream(writer, ret_id, err);
    return repository_save_blob(writer->repository, BLOB_TREE, writer->text.bytes, writer->text.len,
                                ret_id, &ignored, err);
}
