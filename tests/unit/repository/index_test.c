#include "src/repository/index_file.h"
#include "src/repository/pack.h"
#include "src/repository/sealer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct blob_index blobs;
static struct error err;

static void open_index(void)
{
    cr_assert(eq(int, (int)blob_index_init(&blobs, &err), (int)STATUS_OK));
}

static void close_index(void)
{
    blob_index_done(&blobs);
}

TestSuite(blob_index, .init = open_index, .fini = close_index);
TestSuite(index_file_read, .init = open_index, .fini = close_index);
TestSuite(index_file_write, .init = open_index, .fini = close_index);

/* Ids that differ in the last bytes only are the worst case for a table that hashes the first. */
static struct blob_id id_of(uint32_t number)
{
    struct blob_id id = {{0}};
    number *= 2654435761u;
    memcpy(id.bytes, &number, sizeof(number));
    memcpy(id.bytes + 28, &number, sizeof(number));
    return id;
}

static uint32_t add(uint32_t number, enum blob_type type, uint32_t pack)
{
    uint32_t entry_number = 0;
    struct blob_entry entry = {.id = id_of(number),
                               .pack_and_type = pack << 1 | (uint32_t)type,
                               .offset = number,
                               .length = number + 40,
                               .plain_length = number};
    cr_assert(eq(int, (int)blob_index_add(&blobs, &entry, &entry_number, &err), (int)STATUS_OK));
    return entry_number;
}

Test(blob_index, finds_what_was_added_and_nothing_else)
{
    enum { COUNT = 100000 };

    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert(eq(u32, add(i, i % 2 ? BLOB_TREE : BLOB_DATA, i % 7), i));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct blob_id id = id_of(i), other = id_of(i + COUNT);
        enum blob_type type = i % 2 ? BLOB_TREE : BLOB_DATA;
        const struct blob_entry *entry = blob_index_find(&blobs, type, &id);
        if (entry == NULL || entry->offset != i || blob_entry_pack(entry) != i % 7 ||
            blob_entry_type(entry) != type)
            cr_assert(false, "blob %u", i);
        if (blob_index_find(&blobs, type == BLOB_TREE ? BLOB_DATA : BLOB_TREE, &id) != NULL ||
            blob_index_find(&blobs, type, &other) != NULL)
            cr_assert(false, "blob %u is found where it is not", i);
    }
}

Test(blob_index, is_empty_at_first_and_after_clear)
{
    struct blob_id id = id_of(1);
    cr_expect(blob_index_find(&blobs, BLOB_DATA, &id) == NULL);
    (void)add(1, BLOB_DATA, 0);
    blob_index_clear(&blobs);
    cr_expect(blob_index_find(&blobs, BLOB_DATA, &id) == NULL);
    (void)add(1, BLOB_DATA, 0);
    cr_expect(blob_index_find(&blobs, BLOB_DATA, &id) != NULL);
}

Test(blob_index, keeps_the_first_of_two)
{
    struct blob_id id = id_of(1);
    cr_expect(eq(u32, add(1, BLOB_DATA, 5), 0u));
    cr_expect(eq(u32, add(1, BLOB_DATA, 6), 0u));
    cr_expect(eq(u32, add(1, BLOB_TREE, 7), 1u));
    cr_expect(eq(u32, blob_entry_pack(blob_index_find(&blobs, BLOB_DATA, &id)), 5u));
    cr_expect(eq(sz, blobs.count, (size_t)2));
}

Test(blob_index, takes_at_most_60_bytes_a_blob)
{
    for (uint32_t i = 0; i < 200000; i++) {
        (void)add(i, BLOB_DATA, 0);
        size_t bytes =
            blobs.count * sizeof(struct blob_entry) + blobs.slot_count * sizeof(*blobs.slots);
        if (blobs.count >= 1024 && bytes / blobs.count > 60)
            cr_assert(false, "%zu bytes for %zu blobs", bytes, blobs.count);
    }
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static enum status read_text(const char *text)
{
    /* A copy of its own, so that a read behind its end is seen. */
    size_t len = strlen(text);
    char *copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    enum status status = index_file_read(copy, len, &blobs, &err);
    free(copy);
    return status;
}

static const struct blob_entry *find(enum blob_type type, const char *text)
{
    struct blob_id id;
    cr_assert(blob_id_from_text(text, &id));
    return blob_index_find(&blobs, type, &id);
}

Test(index_file_read, reads_what_the_format_shows)
{
    cr_assert(eq(int,
                 (int)read_text(
                     "{\"supersedes\":[\"" ID_A "\"],\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":["
                     "{\"id\":\"" ID_B "\",\"type\":\"data\",\"offset\":0,\"length\":42,"
                     "\"uncompressed_length\":1},"
                     "{\"id\":\"" ID_C "\",\"type\":\"tree\",\"offset\":42,\"length\":100}]}]}\n"),
                 (int)STATUS_OK),
              "%s", err.text);
    const struct blob_entry *b = find(BLOB_DATA, ID_B), *c = find(BLOB_TREE, ID_C);
    cr_assert(b != NULL && c != NULL);
    cr_expect(eq(u32, b->length, 42u));
    cr_expect(eq(u32, b->plain_length, 1u));
    cr_expect(eq(u32, c->offset, 42u));
    cr_expect(eq(u32, c->plain_length, 0u));
    cr_expect(eq(int, blobs.packs[blob_entry_pack(b)].bytes[0], 0xaa));
    cr_expect(find(BLOB_TREE, ID_B) == NULL);
}

Test(index_file_read, does_not_care_for_order_spaces_and_unknown_members)
{
    cr_assert(
        eq(int,
           (int)read_text(" { \"x\" : {\"y\":[1,2.5e3,\"]\\\"\",{}],\"z\":null} , \"packs\" : [ {\n"
                          "\"blobs\" : [ { \"new\" : true , \"length\" : 50,\"type\":\"data\" ,"
                          "\t\"id\":\"" ID_B "\" } ] , \"id\" : \"" ID_A "\" } ] } "),
           (int)STATUS_OK),
        "%s", err.text);
    cr_assert(find(BLOB_DATA, ID_B) != NULL);
}

Test(index_file_read, leaves_out_packs_that_are_to_be_deleted)
{
    cr_assert(eq(int,
                 (int)read_text("{\"packs\":[],\"packs_to_delete\":[{\"id\":\"" ID_A
                                "\",\"blobs\":[{\"id\":\"" ID_B
                                "\",\"type\":\"data\",\"offset\":0,\"length\":42}]}]}"),
                 (int)STATUS_OK));
    cr_assert(find(BLOB_DATA, ID_B) == NULL);
}

#define ONE_BLOB(blob) "{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[" blob "]}]}"

Test(index_file_read, refuses_hostile_texts)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", STATUS_CORRUPT},
        {"[]", STATUS_UNSUPPORTED},
        {"{", STATUS_CORRUPT},
        {"{}x", STATUS_CORRUPT},
        {"{\"packs\"", STATUS_CORRUPT},
        {"{\"packs\":", STATUS_CORRUPT},
        {"{\"packs\":{}}", STATUS_CORRUPT},
        {"{\"packs\":[,]}", STATUS_CORRUPT},
        {"{\"packs\":[{}]}", STATUS_CORRUPT},
        {"{\"packs\":[{\"id\":\"abc\"}]}", STATUS_CORRUPT},
        {"{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[1]}]}", STATUS_CORRUPT},
        {ONE_BLOB("{}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\"}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"other\",\"length\":42}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":31}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":-42}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":4.2}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":4294967296}"), STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":99999999999999999999999}"),
         STATUS_CORRUPT},
        {ONE_BLOB("{\"id\":\"" ID_B
                  "\",\"type\":\"data\",\"length\":4294967295,\"offset\":4294967295}"),
         STATUS_CORRUPT},
        {"{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
         STATUS_CORRUPT},
        {"{\"x\":[}]}", STATUS_CORRUPT},
        {"{\"x\":\"\\", STATUS_CORRUPT},
        {"{\"x\":\"\n\"}", STATUS_CORRUPT},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(eq(int, (int)read_text(cases[i].text), (int)cases[i].status), "%s: %s",
                  cases[i].text, err.text);
}

Test(index_file_read, refuses_every_shorter_text)
{
    static const char text[] =
        ONE_BLOB("{\"id\":\"" ID_B "\",\"type\":\"data\",\"length\":42,\"offset\":1}");
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = strndup(text, len);
        cr_expect(eq(int, (int)read_text(copy), (int)STATUS_CORRUPT), "%s", copy);
        free(copy);
    }
}

Test(index_file_write, makes_what_read_reads)
{
    enum { PACKS = 3, PER_PACK = 2000 };
    struct index_pack packs[PACKS];
    struct text_stream *stream = NULL;
    struct sealer sealer = {.crypto = NULL};
    struct crypto_keys keys = {.encrypt = {1}, .mac_k = {1}, .mac_r = {1}};
    unsigned char digest[HASH_BYTES];
    for (uint32_t p = 0; p < PACKS; p++) {
        uint32_t number = 0;
        packs[p].entries = malloc(PER_PACK * sizeof(struct blob_entry *));
        packs[p].count = PER_PACK;
        cr_assert(eq(int, (int)blob_index_add_pack(&blobs, &number, &err), (int)STATUS_OK));
        packs[p].id = id_of(1000 + p);
        blobs.packs[number] = packs[p].id;
        for (uint32_t i = 0; i < PER_PACK; i++)
            packs[p].entries[i] = blob_index_entry(
                &blobs, add(p * PER_PACK + i, p == 1 ? BLOB_TREE : BLOB_DATA, number));
    }

    cr_assert(eq(int, (int)text_stream_new("", &stream, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)index_file_write(packs, PACKS, stream, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)text_stream_finish(stream, digest, &err), (int)STATUS_OK));

    /* Unsealed, the first segment's IV is still zeros: what follows it is the frame. */
    struct buffer text;
    struct blob_index again;
    size_t count = 0;
    const struct segment *segments = text_stream_segments(stream, &count);
    struct buffer frame;
    buffer_init(&frame, 1 << 24);
    buffer_init(&text, 1 << 24);
    cr_assert(eq(int, (int)sealer_init(&sealer, &keys, &err), (int)STATUS_OK));
    for (size_t i = 0; i < count; i++)
        cr_assert(eq(int,
                     (int)buffer_add(&frame, segments[i].bytes + (i == 0 ? SEAL_IV_BYTES : 0),
                                     segments[i].len - (i == 0 ? SEAL_IV_BYTES : 0), &err),
                     (int)STATUS_OK));
    cr_assert(eq(int,
                 (int)compressor_expand(sealer.compressor, frame.bytes, frame.len, 0, &text, &err),
                 (int)STATUS_OK));
    cr_assert(eq(int, (int)blob_index_init(&again, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)index_file_read(text.bytes, text.len, &again, &err), (int)STATUS_OK),
              "%s", err.text);

    cr_assert(eq(sz, again.count, (size_t)PACKS * PER_PACK));
    cr_assert(eq(int, text.bytes[text.len - 1], '\n'));
    for (size_t i = 0; i < again.count; i++)
        if (memcmp(blob_index_entry(&again, i), blob_index_entry(&blobs, i),
                   sizeof(struct blob_entry)) != 0)
            cr_assert(false, "entry %zu", i);
    cr_assert(memcmp(again.packs, blobs.packs, PACKS * sizeof(*blobs.packs)) == 0);
    for (size_t p = 0; p < PACKS; p++)
        free(packs[p].entries);
    blob_index_done(&again);
    text_stream_free(stream);
    buffer_done(&frame);
    buffer_done(&text);
    sealer_done(&sealer);
}

struct header_seen {
    struct blob_entry entries[4];
    enum blob_type types[4];
    size_t count;
};

static enum status on_entry(void *context, enum blob_type type, const struct blob_entry *entry,
                            struct error *e)
{
    struct header_seen *seen = context;
    if (seen->count == 4)
        return FAIL(e, STATUS_INTERNAL, "too many");
    seen->types[seen->count] = type;
    seen->entries[seen->count++] = *entry;
    return STATUS_OK;
}

Test(pack_header, is_read_as_it_was_written)
{
    static const struct blob_entry entries[] = {
        {.pack_and_type = BLOB_DATA, .length = 100},
        {.pack_and_type = BLOB_TREE, .length = 200},
        {.pack_and_type = BLOB_DATA, .length = 0x01020304, .plain_length = 0x05060708},
        {.pack_and_type = BLOB_TREE, .length = 300, .plain_length = 1},
    };
    unsigned char header[4 * PACK_HEADER_ENTRY_MAX], *end = header;
    struct header_seen seen = {.count = 0};
    for (size_t i = 0; i < 4; i++)
        end = pack_header_write(end, &entries[i]);
    cr_assert(eq(sz, (size_t)(end - header), (size_t)(37 + 37 + 41 + 41)));
    cr_assert(eq(int, header[0], 0));
    cr_assert(eq(int, header[37], 1));
    cr_assert(eq(int, header[74], 2));
    cr_assert(memcmp(header + 75, "\x04\x03\x02\x01\x08\x07\x06\x05", 8) == 0);
    cr_assert(eq(int, header[115], 3));

    cr_assert(eq(int, (int)pack_header_read(header, (size_t)(end - header), on_entry, &seen, &err),
                 (int)STATUS_OK));

    cr_assert(eq(sz, seen.count, (size_t)4));
    cr_assert(eq(u32, seen.entries[3].offset, 300u + 0x01020304u));
    cr_assert(eq(int, (int)seen.types[3], (int)BLOB_TREE));
    for (size_t cut = 1; cut < (size_t)(end - header); cut++) {
        seen.count = 0;
        enum status status = pack_header_read(header, cut, on_entry, &seen, &err);
        bool whole = cut == 37 || cut == 74 || cut == 115;
        cr_expect(eq(int, (int)status, (int)(whole ? STATUS_OK : STATUS_CORRUPT)), "%zu", cut);
    }
}

Test(pack_header, refuses_what_cannot_be)
{
    struct header_seen seen = {.count = 0};
    unsigned char header[41] = {4, 100};
    cr_expect(eq(int, (int)pack_header_read(header, 41, on_entry, &seen, &err),
                 (int)STATUS_CORRUPT)); /* no such type */
    header[0] = 2;
    header[1] = 31;
    cr_expect(eq(int, (int)pack_header_read(header, 41, on_entry, &seen, &err),
                 (int)STATUS_CORRUPT)); /* shorter than IV and MAC */
}
