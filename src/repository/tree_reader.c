/*
 * Trees from text. A node is looked over once to find its end; everything that it decodes to fits
 * into as many bytes as its text has, so one arena of that size serves it, and nothing in there
 * moves before the next node.
 */
#include "blob_stream.h"
#include "core/array.h"
#include "core/base64.h"
#include "core/buffer.h"
#include "core/hex.h"
#include "json_scanner.h"
#include "quote.h"
#include "repository/tree.h"
#include "timestamp.h"
#include "tree_node.h"

#include <stddef.h>
#include <string.h>

enum {
    XATTRS_MAX = 64 * 1024,
    WINDOW_BYTES = 256 * 1024, /* of a tree that is read in pieces */
    MARGIN_BYTES = 64 * 1024
};

struct tree_reader {
    struct json_scanner scanner;
    struct buffer text;         /* what the scanner reads, if it is ours */
    struct blob_stream *stream; /* NULL: all of it is in text */
    bool started, ended;
    bool first;               /* node of the list */
    bool at_node;             /* in front of a node, past the comma */
    struct error failure;     /* found in front of a node; its reader is told */
    struct json_scanner node; /* the text of the present node alone */
    unsigned char *arena;
    size_t arena_size, arena_used;
    struct tree_node_xattr *xattrs;
    size_t xattr_capacity;
    struct buffer last_name;
    bool has_raw_target;
    struct buffer head; /* of the node that is looked for */
    struct blob_id matched[TREE_NODE_TEXT_MAX / BLOB_ID_TEXT_SIZE];
};

enum { NAME_MAX_BYTES = 1024 * 1024 };

enum status tree_reader_new(const void *text, size_t len, struct tree_reader **ret_reader,
                            struct error *err)
{
    struct tree_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a tree");
    json_scanner_init(&reader->scanner, text, len);
    buffer_init(&reader->last_name, NAME_MAX_BYTES);
    buffer_init(&reader->head, TREE_NODE_TEXT_MAX);
    *ret_reader = reader;
    return STATUS_OK;
}

static enum status open_stream(struct tree_reader *reader, struct repository *repository,
                               const struct blob_id *id, struct error *err)
{
    CLEANUP(buffer_done) struct buffer sealed;
    uint32_t plain_length = 0;
    buffer_init(&sealed, UINT32_MAX);
    if (repository_fetch_sealed(repository, BLOB_TREE, id, &sealed, &plain_length, err) !=
        STATUS_OK)
        return error_status(err);
    return blob_stream_new(repository, id, &sealed, plain_length, &reader->stream, err);
}

enum status tree_reader_open(struct repository *repository, const struct blob_id *id,
                             struct tree_reader **ret_reader, struct error *err)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    if (tree_reader_new(NULL, 0, &reader, err) != STATUS_OK)
        return error_status(err);
    assert(reader != NULL);
    buffer_init(&reader->text, UINT32_MAX);
    if (repository_blob_length(repository, BLOB_TREE, id) <= TREE_WHOLE_BYTES) {
        if (repository_load_blob(repository, BLOB_TREE, id, &reader->text, err) != STATUS_OK)
            return error_status(err);
        json_scanner_init(&reader->scanner, reader->text.bytes, reader->text.len);
    } else if (open_stream(reader, repository, id, err) != STATUS_OK) {
        char text[BLOB_ID_TEXT_SIZE];
        blob_id_to_text(id, text);
        return FAIL_IN(err, "blob %s", text);
    }
    *ret_reader = STEAL(reader);
    return STATUS_OK;
}

/* More text behind what has not been read yet, at least as much as that is, so that a long node
 * costs no more than twice its length. *ret_more false: there was none left. */
static enum status extend(struct tree_reader *reader, bool *ret_more, struct error *err)
{
    struct buffer *text = &reader->text;
    size_t left = (size_t)(reader->scanner.end - reader->scanner.at);
    *ret_more = false;
    if (reader->stream == NULL)
        return STATUS_OK;
    if (left > 0)
        memmove(text->bytes, reader->scanner.at, left);
    text->len = left;
    size_t wanted = left * 2 + WINDOW_BYTES;
    bool more = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && more && text->len < wanted)
        status = blob_stream_next(reader->stream, text, &more, err);
    json_scanner_init(&reader->scanner, text->bytes, text->len);
    *ret_more = text->len > left;
    return status;
}

/* What stands between two nodes is short: enough text for it, if there is any. */
static enum status look_ahead(struct tree_reader *reader, struct error *err)
{
    bool more = false;
    if (reader->scanner.end - reader->scanner.at >= MARGIN_BYTES)
        return STATUS_OK;
    return extend(reader, &more, err);
}

void tree_reader_free(struct tree_reader *reader)
{
    if (reader == NULL)
        return;
    blob_stream_free(reader->stream);
    buffer_done(&reader->text);
    free(reader->arena);
    free(reader->xattrs);
    buffer_done(&reader->last_name);
    buffer_done(&reader->head);
    free(reader);
}

static unsigned char *take(struct tree_reader *reader, size_t len)
{
    assert(reader->arena != NULL && len <= reader->arena_size - reader->arena_used);
    unsigned char *bytes = reader->arena + reader->arena_used;
    reader->arena_used += len;
    return bytes;
}

/* A string's bytes, NUL-terminated, in the arena. */
static enum status read_text(struct tree_reader *reader, char **ret_text, size_t *ret_len,
                             struct error *err)
{
    struct json_slice slice;
    if (json_scan_string(&reader->node, &slice, err) != STATUS_OK)
        return error_status(err);
    char *text = (char *)take(reader, slice.len + 1); /* the text has two quotation marks more */
    if (!json_slice_decode(&slice, text, ret_len))
        return json_scan_fail(&reader->node, "an escape that is none", err);
    text[*ret_len] = '\0';
    *ret_text = text;
    return STATUS_OK;
}

static enum status read_plain_text(struct tree_reader *reader, const char **ret_text,
                                   struct error *err)
{
    char *text = NULL;
    size_t len = 0;
    if (read_text(reader, &text, &len, err) != STATUS_OK)
        return error_status(err);
    if (memchr(text, '\0', len) != NULL)
        return json_scan_fail(&reader->node, "a NUL in a text", err);
    *ret_text = text;
    return STATUS_OK;
}

static enum status read_bytes(struct tree_reader *reader, unsigned char **ret_bytes,
                              size_t *ret_len, struct error *err)
{
    char *text = NULL;
    size_t len = 0;
    if (read_text(reader, &text, &len, err) != STATUS_OK)
        return error_status(err);
    unsigned char *bytes = (unsigned char *)text;
    if (!base64_decode(text, len, bytes, ret_len))
        return json_scan_fail(&reader->node, "not Base64", err);
    bytes[*ret_len] = '\0';
    *ret_bytes = bytes;
    return STATUS_OK;
}

static enum status read_id(struct tree_reader *reader, struct blob_id *ret_id, struct error *err)
{
    struct json_slice slice;
    char text[BLOB_ID_TEXT_SIZE];
    if (json_scan_string(&reader->node, &slice, err) != STATUS_OK)
        return error_status(err);
    if (slice.len == sizeof(text) - 1) {
        memcpy(text, slice.at, slice.len);
        text[slice.len] = '\0';
        if (hex_decode(text, ret_id->bytes, BLOB_ID_BYTES))
            return STATUS_OK;
    }
    return json_scan_fail(&reader->node, "an id of 64 digits is expected", err);
}

static enum status read_name(struct tree_reader *reader, struct tree_node *node, struct error *err)
{
    char *text = NULL;
    size_t len = 0;
    if (read_text(reader, &text, &len, err) != STATUS_OK)
        return error_status(err);
    if (!unquote(text, len, &len) || !tree_node_name_is_safe(text, len))
        return json_scan_fail(&reader->node, "a name that no file can have", err);
    text[len] = '\0';
    node->name = text;
    node->name_len = len;
    return STATUS_OK;
}

static enum status read_type(struct tree_reader *reader, struct tree_node *node, struct error *err)
{
    struct json_slice slice;
    if (json_scan_string(&reader->node, &slice, err) != STATUS_OK)
        return error_status(err);
    if (!tree_node_type_from_name(slice.at, slice.len, &node->type))
        return json_scan_fail(&reader->node, "a node of unknown type", err);
    return STATUS_OK;
}

static enum status read_mode(struct tree_reader *reader, struct tree_node *node, struct error *err)
{
    uint64_t mode = 0;
    if (json_scan_number(&reader->node, UINT32_MAX, &mode, err) != STATUS_OK)
        return error_status(err);
    node->mode = tree_node_mode_from_go((uint32_t)mode);
    return STATUS_OK;
}

static enum status read_time(struct tree_reader *reader, struct timespec *ret_time,
                             struct error *err)
{
    struct json_slice slice;
    if (json_scan_string(&reader->node, &slice, err) != STATUS_OK)
        return error_status(err);
    if (!timestamp_read(slice.at, slice.len, ret_time))
        return json_scan_fail(&reader->node, "not a point in time", err);
    return STATUS_OK;
}

static enum status read_u32(struct tree_reader *reader, uint32_t *ret_number, struct error *err)
{
    uint64_t number = 0;
    if (json_scan_number(&reader->node, UINT32_MAX, &number, err) != STATUS_OK)
        return error_status(err);
    *ret_number = (uint32_t)number;
    return STATUS_OK;
}

static enum status read_content(struct tree_reader *reader, struct tree_node *node,
                                struct error *err)
{
    bool first = true;
    bool more = true;
    if (json_scan_null(&reader->node))
        return STATUS_OK;
    /* An id of 32 bytes has 66 characters of text: they lie one behind the other. */
    struct blob_id *ids = (struct blob_id *)take(reader, 0);
    size_t count = 0;
    if (json_scan_char(&reader->node, '[', err) != STATUS_OK ||
        json_scan_element(&reader->node, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        struct blob_id id;
        if (read_id(reader, &id, err) != STATUS_OK ||
            json_scan_element(&reader->node, &first, &more, err) != STATUS_OK)
            return error_status(err);
        memcpy(take(reader, sizeof(id)), &id, sizeof(id));
        count++;
    }
    node->content = ids;
    node->content_count = count;
    return STATUS_OK;
}

static enum status read_subtree(struct tree_reader *reader, struct tree_node *node,
                                struct error *err)
{
    if (json_scan_null(&reader->node))
        return STATUS_OK;
    node->has_subtree = true;
    return read_id(reader, &node->subtree, err);
}

/* The raw form wins, wherever it stands. */
static enum status read_link_target(struct tree_reader *reader, bool raw, struct tree_node *node,
                                    struct error *err)
{
    const char *target = NULL;
    unsigned char *bytes = NULL;
    size_t len = 0;
    enum status status =
        raw ? read_bytes(reader, &bytes, &len, err) : read_plain_text(reader, &target, err);
    if (status != STATUS_OK)
        return status;
    if (raw && memchr(bytes, '\0', len) != NULL)
        return json_scan_fail(&reader->node, "a NUL in a text", err);
    if (raw || !reader->has_raw_target)
        node->link_target = raw ? (const char *)bytes : target;
    reader->has_raw_target = reader->has_raw_target || raw;
    return STATUS_OK;
}

static enum status grow_xattrs(struct tree_reader *reader, size_t count, struct error *err)
{
    if (count >= XATTRS_MAX)
        return json_scan_fail(&reader->node, "too many extended attributes", err);
    return array_reserve(&reader->xattrs, &reader->xattr_capacity, count + 1,
                         sizeof(*reader->xattrs), err);
}

static enum status read_xattr_member(struct tree_reader *reader, const struct json_slice *key,
                                     struct tree_node_xattr *xattr, struct error *err)
{
    if (json_slice_is(key, "name"))
        return read_plain_text(reader, &xattr->name, err);
    if (json_slice_is(key, "value") && !json_scan_null(&reader->node)) {
        unsigned char *value = NULL;
        if (read_bytes(reader, &value, &xattr->value_len, err) != STATUS_OK)
            return error_status(err);
        xattr->value = value;
        return STATUS_OK;
    }
    return json_slice_is(key, "value") ? STATUS_OK : json_scan_skip(&reader->node, err);
}

static enum status read_xattr(struct tree_reader *reader, struct tree_node_xattr *ret_xattr,
                              struct error *err)
{
    struct tree_node_xattr xattr = {.value = ""};
    struct json_slice key;
    bool first = true;
    bool more = true;
    if (json_scan_char(&reader->node, '{', err) != STATUS_OK ||
        json_scan_member(&reader->node, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read_xattr_member(reader, &key, &xattr, err) != STATUS_OK ||
            json_scan_member(&reader->node, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    if (xattr.name == NULL || xattr.name[0] == '\0')
        return json_scan_fail(&reader->node, "an extended attribute without name", err);
    *ret_xattr = xattr;
    return STATUS_OK;
}

static enum status read_xattrs(struct tree_reader *reader, struct tree_node *node,
                               struct error *err)
{
    bool first = true;
    bool more = true;
    size_t count = 0;
    if (json_scan_null(&reader->node))
        return STATUS_OK;
    if (json_scan_char(&reader->node, '[', err) != STATUS_OK ||
        json_scan_element(&reader->node, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (grow_xattrs(reader, count, err) != STATUS_OK ||
            read_xattr(reader, &reader->xattrs[count], err) != STATUS_OK ||
            json_scan_element(&reader->node, &first, &more, err) != STATUS_OK)
            return error_status(err);
        count++;
    }
    node->xattrs = reader->xattrs;
    node->xattr_count = count;
    return STATUS_OK;
}

/* How a member is read, and, for the plain ones, where it goes. */
enum member_kind {
    MEMBER_U64,
    MEMBER_U32,
    MEMBER_TEXT,
    MEMBER_TIME,
    MEMBER_NAME,
    MEMBER_TYPE,
    MEMBER_MODE,
    MEMBER_TARGET,
    MEMBER_RAW_TARGET,
    MEMBER_XATTRS,
    MEMBER_CONTENT,
    MEMBER_SUBTREE,
    MEMBER_UNKNOWN
};

static const struct member {
    const char *name;
    enum member_kind kind;
    size_t offset;
} members[] = {
    {"name", MEMBER_NAME, 0},
    {"type", MEMBER_TYPE, 0},
    {"mode", MEMBER_MODE, 0},
    {"mtime", MEMBER_TIME, offsetof(struct tree_node, mtime)},
    {"atime", MEMBER_TIME, offsetof(struct tree_node, atime)},
    {"ctime", MEMBER_TIME, offsetof(struct tree_node, ctime)},
    {"uid", MEMBER_U32, offsetof(struct tree_node, uid)},
    {"gid", MEMBER_U32, offsetof(struct tree_node, gid)},
    {"user", MEMBER_TEXT, offsetof(struct tree_node, user)},
    {"group", MEMBER_TEXT, offsetof(struct tree_node, group)},
    {"inode", MEMBER_U64, offsetof(struct tree_node, inode)},
    {"device_id", MEMBER_U64, offsetof(struct tree_node, device_id)},
    {"size", MEMBER_U64, offsetof(struct tree_node, size)},
    {"links", MEMBER_U64, offsetof(struct tree_node, links)},
    {"linktarget", MEMBER_TARGET, 0},
    {"linktarget_raw", MEMBER_RAW_TARGET, 0},
    {"extended_attributes", MEMBER_XATTRS, 0},
    {"device", MEMBER_U64, offsetof(struct tree_node, device)},
    {"content", MEMBER_CONTENT, 0},
    {"subtree", MEMBER_SUBTREE, 0},
    {NULL, MEMBER_UNKNOWN, 0},
};

static const struct member *member_of(const struct json_slice *key)
{
    const struct member *member = members;
    while (member->name != NULL && !json_slice_is(key, member->name))
        member++;
    return member;
}

static enum status read_member(struct tree_reader *reader, const struct member *member,
                               struct tree_node *node, struct error *err)
{
    void *place = (char *)node + member->offset;
    /* clang-format off */
    switch (member->kind) {
    case MEMBER_U64:        return json_scan_number(&reader->node, UINT64_MAX, place, err);
    case MEMBER_U32:        return read_u32(reader, place, err);
    case MEMBER_TEXT:       return read_plain_text(reader, place, err);
    case MEMBER_TIME:       return read_time(reader, place, err);
    case MEMBER_NAME:       return read_name(reader, node, err);
    case MEMBER_TYPE:       return read_type(reader, node, err);
    case MEMBER_MODE:       return read_mode(reader, node, err);
    case MEMBER_TARGET:     return read_link_target(reader, false, node, err);
    case MEMBER_RAW_TARGET: return read_link_target(reader, true, node, err);
    case MEMBER_XATTRS:     return read_xattrs(reader, node, err);
    case MEMBER_CONTENT:    return read_content(reader, node, err);
    case MEMBER_SUBTREE:    return read_subtree(reader, node, err);
    case MEMBER_UNKNOWN:    break;
    }
    /* clang-format on */
    return json_scan_skip(&reader->node, err);
}

/* Strictly ascending, as restic demands: no name twice. */
static enum status check_order(struct tree_reader *reader, const struct tree_node *node,
                               struct error *err)
{
    struct buffer *last = &reader->last_name;
    size_t common = last->len < node->name_len ? last->len : node->name_len;
    int order = common == 0 ? 0 : memcmp(last->bytes, node->name, common);
    if (order > 0 || (order == 0 && last->len >= node->name_len))
        return json_scan_fail(&reader->node, "names do not ascend", err);
    buffer_clear(last);
    return buffer_add(last, node->name, node->name_len, err);
}

static enum status read_node(struct tree_reader *reader, struct tree_node *ret_node,
                             struct error *err)
{
    struct tree_node node = {.name = NULL};
    struct json_slice key;
    bool first = true;
    bool more = true;
    bool has_type = false;
    if (json_scan_char(&reader->node, '{', err) != STATUS_OK ||
        json_scan_member(&reader->node, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        const struct member *member = member_of(&key);
        has_type = has_type || member->kind == MEMBER_TYPE;
        if (read_member(reader, member, &node, err) != STATUS_OK ||
            json_scan_member(&reader->node, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    if (node.name == NULL || !has_type)
        return json_scan_fail(&reader->node, "a node without name or type", err);
    if (node.type == TREE_NODE_FILE && node.content == NULL)
        return json_scan_fail(&reader->node, "a file without content", err);
    *ret_node = node;
    return check_order(reader, ret_node, err);
}

/* Past the next node, with more text as long as its end is not there. *ret_start: where it begins,
 * which moves meanwhile. */
static enum status pass_node(struct tree_reader *reader, const char **ret_start, struct error *err)
{
    for (;;) {
        bool more = false;
        struct error ignored;
        const char *start = reader->scanner.at;
        if (json_scan_skip(&reader->scanner, err) == STATUS_OK) {
            *ret_start = start;
            return STATUS_OK;
        }
        reader->scanner.at = start;
        if (extend(reader, &more, &ignored) != STATUS_OK) {
            *err = ignored;
            return error_status(err);
        }
        if (!more)
            return error_status(err);
    }
}

/* Finds the end of the next node, and makes room for what it decodes to. */
static enum status frame_node(struct tree_reader *reader, struct error *err)
{
    const char *start = NULL;
    (void)json_scan_peek(&reader->scanner);
    if (pass_node(reader, &start, err) != STATUS_OK)
        return error_status(err);
    size_t len = (size_t)(reader->scanner.at - start);
    if (reader->arena_size < len) {
        size_t size = len < 4096 ? 4096 : len;
        free(reader->arena);
        reader->arena_size = 0;
        reader->arena = malloc(size);
        if (reader->arena == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a node of %zu bytes", size);
        reader->arena_size = size;
    }
    reader->arena_used = 0;
    reader->has_raw_target = false;
    reader->node = (struct json_scanner){
        .start = reader->scanner.start, .at = start, .end = reader->scanner.at};
    return STATUS_OK;
}

/* From the front to the first node. */
static enum status start_reading(struct tree_reader *reader, bool *ret_more, struct error *err)
{
    struct json_slice key;
    bool first = true;
    if (json_scan_char(&reader->scanner, '{', err) != STATUS_OK)
        return error_status(err);
    for (;;) {
        if (json_scan_member(&reader->scanner, &first, &key, ret_more, err) != STATUS_OK)
            return error_status(err);
        if (!*ret_more)
            return json_scan_fail(&reader->scanner, "a tree without nodes", err);
        if (json_slice_is(&key, "nodes"))
            break;
        if (json_scan_skip(&reader->scanner, err) != STATUS_OK)
            return error_status(err);
    }
    reader->first = true;
    *ret_more = !json_scan_null(&reader->scanner);
    return *ret_more ? json_scan_char(&reader->scanner, '[', err) : STATUS_OK;
}

/* Behind the last node. */
static enum status end(struct tree_reader *reader, struct error *err)
{
    struct json_slice key;
    bool first = false;
    bool more = true;
    while (more) {
        if (json_scan_member(&reader->scanner, &first, &key, &more, err) != STATUS_OK ||
            (more && json_scan_skip(&reader->scanner, err) != STATUS_OK))
            return error_status(err);
        if (more && json_slice_is(&key, "nodes"))
            return json_scan_fail(&reader->scanner, "nodes twice", err);
    }
    reader->ended = true;
    return json_scan_end(&reader->scanner, err);
}

/* To the next node, with enough text for what stands between two of them. */
static enum status go_to_node(struct tree_reader *reader, bool *ret_more, struct error *err)
{
    bool more = !reader->ended;
    if (look_ahead(reader, err) != STATUS_OK)
        return error_status(err);
    if (!reader->started) {
        reader->started = true;
        if (start_reading(reader, &more, err) != STATUS_OK)
            return error_status(err);
        if (!more && end(reader, err) != STATUS_OK)
            return error_status(err);
    }
    if (more && json_scan_element(&reader->scanner, &reader->first, &more, err) != STATUS_OK)
        return error_status(err);
    *ret_more = more;
    return more || reader->ended ? STATUS_OK : end(reader, err);
}

static enum status next(struct tree_reader *reader, struct tree_node *ret_node, bool *ret_more,
                        struct error *err)
{
    if (!reader->at_node && go_to_node(reader, &reader->at_node, err) != STATUS_OK)
        return error_status(err);
    *ret_more = reader->at_node;
    if (!reader->at_node)
        return STATUS_OK;
    reader->at_node = false;
    if (frame_node(reader, err) != STATUS_OK)
        return error_status(err);
    return read_node(reader, ret_node, err);
}

static bool pass(const char **at, const char *limit, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(limit - *at) < len || memcmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

/* The ids in quotation marks, up to the list's end. */
static bool match_ids(struct tree_reader *reader, const char **at, const char *limit,
                      size_t *ret_count)
{
    enum { ID_CHARS = 2 * BLOB_ID_BYTES };

    size_t count = 0;
    while (!pass(at, limit, "]")) {
        char text[BLOB_ID_TEXT_SIZE];
        if ((count > 0 && !pass(at, limit, ",")) || !pass(at, limit, "\"") ||
            limit - *at < ID_CHARS || count == sizeof(reader->matched) / sizeof(reader->matched[0]))
            return false;
        memcpy(text, *at, ID_CHARS);
        text[ID_CHARS] = '\0';
        *at += ID_CHARS;
        if (!hex_decode(text, reader->matched[count++].bytes, BLOB_ID_BYTES) ||
            !pass(at, limit, "\""))
            return false;
    }
    *ret_count = count;
    return true;
}

/* The start of the node's text, in head. */
static bool write_head(struct tree_reader *reader, const struct tree_node *node)
{
    struct error ignored;
    size_t max = tree_node_text_head_max(node);
    if (max > TREE_NODE_TEXT_MAX || buffer_reserve(&reader->head, max, &ignored) != STATUS_OK)
        return false;
    char *text = (char *)reader->head.bytes;
    reader->head.len = (size_t)(tree_node_text_head(text, node) - text);
    return true;
}

/* In front of a node; a failure on the way there is kept for whoever wants the next one. */
static bool stands_at_node(struct tree_reader *reader)
{
    struct error cause;
    if (!reader->at_node && go_to_node(reader, &reader->at_node, &cause) != STATUS_OK)
        reader->failure = cause;
    return reader->at_node;
}

bool tree_reader_match(struct tree_reader *reader, const struct tree_node *node,
                       struct tree_node_text *ret_text)
{
    struct error ignored;
    if (node->type != TREE_NODE_FILE || !stands_at_node(reader) || !write_head(reader, node))
        return false;
    const char *start = reader->scanner.at;
    size_t left = (size_t)(reader->scanner.end - start);
    const char *limit = start + (left < TREE_NODE_TEXT_MAX ? left : TREE_NODE_TEXT_MAX);
    if (left < reader->head.len || memcmp(start, reader->head.bytes, reader->head.len) != 0)
        return false;
    const char *at = start + reader->head.len;
    size_t count = 0;
    if (!pass(&at, limit, ",\"content\":[") || !match_ids(reader, &at, limit, &count) ||
        !pass(&at, limit, "}") || check_order(reader, node, &ignored) != STATUS_OK)
        return false;
    reader->scanner.at = at;
    reader->at_node = false;
    *ret_text = (struct tree_node_text){.text = start,
                                        .len = (size_t)(at - start),
                                        .content = reader->matched,
                                        .content_count = count};
    return true;
}

enum status tree_reader_next(struct tree_reader *reader, struct tree_node *ret_node, bool *ret_more,
                             struct error *err)
{
    bool more = false;
    if (reader->failure.status != STATUS_OK) {
        *err = reader->failure;
        return FAIL_IN(err, "tree");
    }
    if (next(reader, ret_node, &more, err) != STATUS_OK)
        return FAIL_IN(err, "tree");
    *ret_more = more;
    return STATUS_OK;
}
