/*
 * The readers of what a repository holds. The first byte of the input picks one, the rest is what
 * it reads: a tree, an index, a key file, a config, a lock, a pack header, a quoted name, zstd.
 * Scrypt is kept out: a key file's parameters are only ever computed if they are tiny.
 */
#include "../../src/repository/blob_index.h"
#include "../../src/repository/compress.h"
#include "../../src/repository/config.h"
#include "../../src/repository/index_file.h"
#include "../../src/repository/key.h"
#include "../../src/repository/lock_file.h"
#include "../../src/repository/pack.h"
#include "../../src/repository/quote.h"
#include "../../src/repository/snapshot_file.h"
#include "../../src/repository/timestamp.h"
#include "core/base64.h"
#include "repository/tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EXPANDED_MAX = 1 << 20 };

static volatile size_t sink; /* keeps the compiler from leaving reads out */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Uses every byte that a node points to, so that a wrong pointer is found. */
static size_t touch(const struct tree_node *node)
{
    size_t sum = strlen(node->name) != node->name_len;
    if (sum != 0)
        abort(); /* a NUL in a name */
    sum += node->user == NULL ? 0 : strlen(node->user);
    sum += node->group == NULL ? 0 : strlen(node->group);
    sum += node->link_target == NULL ? 0 : strlen(node->link_target);
    for (size_t i = 0; i < node->xattr_count; i++) {
        const unsigned char *value = node->xattrs[i].value;
        sum += strlen(node->xattrs[i].name);
        for (size_t j = 0; j < node->xattrs[i].value_len; j++)
            sum += value[j];
    }
    for (size_t i = 0; i < node->content_count; i++)
        sum += node->content[i].bytes[BLOB_ID_BYTES - 1];
    return sum;
}

/* What one reader has read, another one finds again, where it stands as the writer writes it. */
static void match_tree(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct tree_reader *readers[2] = {NULL, NULL};
    struct tree_node node, other;
    bool more = true;
    bool ready = tree_reader_new(data, size, &readers[0], &err) == STATUS_OK &&
                 tree_reader_new(data, size, &readers[1], &err) == STATUS_OK;
    while (ready && more && tree_reader_next(readers[0], &node, &more, &err) == STATUS_OK && more) {
        struct tree_node_text text;
        if (tree_reader_match(readers[1], &node, &text))
            sink += (unsigned char)text.text[text.len - 1] + text.content_count;
        else if (tree_reader_next(readers[1], &other, &more, &err) != STATUS_OK || !more ||
                 strcmp(other.name, node.name) != 0)
            abort(); /* it has passed what it did not match */
    }
    tree_reader_free(readers[0]);
    tree_reader_free(readers[1]);
}

static void read_tree(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct tree_reader *reader = NULL;
    struct tree_node node;
    bool more = true;
    if (tree_reader_new(data, size, &reader, &err) != STATUS_OK)
        return;
    while (tree_reader_next(reader, &node, &more, &err) == STATUS_OK && more)
        sink += touch(&node);
    tree_reader_free(reader);
    match_tree(data, size);
}

static void read_index(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct blob_index index;
    if (blob_index_init(&index, &err) != STATUS_OK)
        abort();
    if (index_file_read(data, size, &index, &err) == STATUS_OK)
        for (size_t i = 0; i < index.count; i++)
            if (blob_entry_pack(blob_index_entry(&index, i)) >= index.pack_count)
                abort();
    blob_index_done(&index);
}

static void read_key(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct crypto_keys keys;
    bool opened = false;
    /* Three digits at most in a row: N up to 512, and the whole in well under a millisecond. */
    size_t digits = 0;
    for (size_t i = 0; i < size && digits < 4; i++)
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
    if (digits < 4)
        (void)!key_file_open(data, size, "passphrase", &keys, &opened, &err);
}

static void read_config(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct repository_config config;
    (void)!config_read(data, size, &config, &err);
}

static void read_lock(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct lock_file lock;
    if (lock_file_read(data, size, &lock, &err) == STATUS_OK)
        (void)lock_file_is_dead(&lock);
}

static enum status on_entry(void *context, enum blob_type type, const struct blob_entry *entry,
                            struct error *err)
{
    uint64_t *end = context;
    (void)type;
    (void)err;
    if (entry->offset != *end)
        abort();
    *end += entry->length;
    return STATUS_OK;
}

static void read_pack_header(const uint8_t *data, size_t size)
{
    struct error err = {0};
    uint64_t end = 0;
    (void)!pack_header_read(data, size, on_entry, &end, &err);
}

/* What was unquoted and is quoted again must unquote to the same. */
static void read_quoted(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *quoted = malloc(QUOTED_MAX(size));
    size_t len = 0;
    if (text == NULL || quoted == NULL)
        abort();
    memcpy(text, data, size);
    if (unquote(text, size, &len) && len > size)
        abort();
    char *end = quote_name(quoted, (const char *)data, size);
    if ((size_t)(end - quoted) > QUOTED_MAX(size))
        abort();
    end = quote_json(quoted, (const char *)data, size);
    if ((size_t)(end - quoted) > QUOTED_MAX(size))
        abort();
    free(quoted);
    free(text);
}

static void expand(const uint8_t *data, size_t size)
{
    static struct compressor *compressor;
    struct error err = {0};
    struct buffer buffer;
    if (compressor == NULL && compressor_new(&compressor, &err) != STATUS_OK)
        abort();
    buffer_init(&buffer, EXPANDED_MAX);
    (void)!compressor_expand(compressor, data, size, size % 7 * 1000, &buffer, &err);
    if (buffer.len > EXPANDED_MAX)
        abort();
    buffer_done(&buffer);
}

static void read_small(const uint8_t *data, size_t size)
{
    struct timespec time;
    unsigned char *bytes = malloc(size + 1);
    size_t len = 0;
    if (bytes == NULL)
        abort();
    if (base64_decode((const char *)data, size, bytes, &len) && len > size)
        abort();
    if (timestamp_read((const char *)data, size, &time) &&
        (time.tv_nsec < 0 || time.tv_nsec > 999999999))
        abort();
    free(bytes);
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    size_t *sum = context;
    (void)err;
    for (size_t i = 0; snapshot->paths[i] != NULL; i++)
        *sum += strlen(snapshot->paths[i]);
    for (size_t i = 0; snapshot->excludes[i] != NULL; i++)
        *sum += strlen(snapshot->excludes[i]);
    for (size_t i = 0; snapshot->tags[i] != NULL; i++)
        *sum += strlen(snapshot->tags[i]);
    return STATUS_OK;
}

static void read_snapshot(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct blob_id id = {{0}};
    size_t sum = 0;
    (void)!snapshot_file_read(data, size, &id, on_snapshot, &sum, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {
        read_tree,        read_index,  read_key, read_config, read_lock,
        read_pack_header, read_quoted, expand,   read_small,  read_snapshot};
    if (size > 0)
        readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](data + 1, size - 1);
    return 0;
}
