#include "repository/pack_reader.h"

#include "repository_internal.h"

#include <string.h>

enum { WINDOW_BYTES = 512 * 1024, WINDOWS = 8 };

/* A part of a pack, as it is stored. */
struct window {
    unsigned char *bytes;
    size_t len; /* 0: empty */
    uint32_t pack;
    uint64_t from;
    uint64_t used; /* the reader's clock, when last */
};

struct pack_reader {
    const struct repository *repository; /* borrowed */
    size_t run_bytes_max;
    struct sealer sealer;
    struct buffer run;   /* sealed, opened in place */
    struct buffer plain; /* of a compressed blob */
    struct buffer again; /* a blob that is fetched a second time */
    struct window windows[WINDOWS];
    uint64_t clock;
};

/* A part of the list that is fetched at once. */
struct run {
    size_t first, end; /* of the list */
    uint64_t from;     /* in the pack */
    size_t bytes;
};

const struct blob_entry *repository_find_blob(const struct repository *repository,
                                              enum blob_type type, const struct blob_id *id)
{
    return blob_index_find(&repository->index, type, id);
}

uint32_t blob_place_pack(const struct blob_entry *place)
{
    return blob_entry_pack(place);
}

uint32_t blob_place_offset(const struct blob_entry *place)
{
    return place->offset;
}

uint32_t blob_place_plain_bytes(const struct blob_entry *place)
{
    return place->plain_length == 0 ? place->length - SEAL_OVERHEAD : place->plain_length;
}

size_t repository_pack_count(const struct repository *repository)
{
    return repository->index.pack_count;
}

enum status pack_reader_new(const struct repository *repository, size_t run_bytes_max,
                            struct pack_reader **ret_reader, struct error *err)
{
    CLEANUP(pack_reader_freep) struct pack_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a reader of packs");
    reader->repository = repository;
    reader->run_bytes_max = run_bytes_max;
    buffer_init(&reader->run, UINT32_MAX);
    buffer_init(&reader->plain, UINT32_MAX);
    buffer_init(&reader->again, UINT32_MAX);
    if (sealer_init(&reader->sealer, &repository->keys, err) != STATUS_OK)
        return error_status(err);
    *ret_reader = STEAL(reader);
    return STATUS_OK;
}

void pack_reader_free(struct pack_reader *reader)
{
    if (reader == NULL)
        return;
    sealer_done(&reader->sealer);
    buffer_done(&reader->run);
    buffer_done(&reader->plain);
    buffer_done(&reader->again);
    for (size_t i = 0; i < WINDOWS; i++)
        free(reader->windows[i].bytes);
    free(reader);
}

enum status pack_reader_compare(struct pack_reader *reader, const struct blob_entry *place,
                                const void *bytes, size_t len, bool *ret_same, struct error *err)
{
    struct blob_id found = {{0}};
    if (hash_bytes(reader->sealer.hash, bytes, len, found.bytes, err) != STATUS_OK)
        return error_status(err);
    *ret_same = memcmp(&found, &place->id, sizeof(found)) == 0;
    return STATUS_OK;
}

/* sealed: the blob's, which become its plaintext or what that is expanded from. */
static enum status decode(struct pack_reader *reader, const struct blob_entry *place,
                          unsigned char *sealed, const unsigned char **ret_bytes, size_t *ret_len,
                          struct error *err)
{
    const unsigned char *bytes = sealed + SEAL_IV_BYTES;
    size_t len = 0;
    bool same = false;
    if (crypto_open(reader->sealer.crypto, sealed, place->length, &len, err) != STATUS_OK)
        return error_status(err);
    if (place->plain_length != 0) {
        buffer_clear(&reader->plain);
        if (compressor_expand(reader->sealer.compressor, bytes, len, place->plain_length,
                              &reader->plain, err) != STATUS_OK)
            return error_status(err);
        bytes = reader->plain.bytes;
        len = reader->plain.len;
    }
    if (pack_reader_compare(reader, place, bytes, len, &same, err) != STATUS_OK)
        return error_status(err);
    if (!same || len != blob_place_plain_bytes(place))
        return FAIL(err, STATUS_CORRUPT, "its content does not have the hash that is its id");
    *ret_bytes = bytes;
    *ret_len = len;
    return STATUS_OK;
}

/* What did not verify may have been damaged on its way: it is fetched once more. */
static enum status decode_again(struct pack_reader *reader, const struct blob_entry *place,
                                const unsigned char **ret_bytes, size_t *ret_len, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    pack_path(path, &reader->repository->index.packs[blob_entry_pack(place)]);
    buffer_clear(&reader->again);
    if (object_store_look_again(reader->repository->store, err) != STATUS_OK ||
        buffer_reserve(&reader->again, place->length, err) != STATUS_OK ||
        object_store_get_range(reader->repository->store, path, place->offset, place->length,
                               reader->again.bytes, err) != STATUS_OK)
        return error_status(err);
    return decode(reader, place, reader->again.bytes, ret_bytes, ret_len, err);
}

/* Memory and the like is our trouble, not the blob's. */
static bool is_damage(enum status status)
{
    return status == STATUS_CORRUPT || status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE;
}

static void name_place(const struct pack_reader *reader, const struct blob_entry *place,
                       struct error *damage)
{
    char blob[BLOB_ID_TEXT_SIZE];
    char pack[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(&place->id, blob);
    blob_id_to_text(&reader->repository->index.packs[blob_entry_pack(place)], pack);
    damage->status = STATUS_CORRUPT;
    error_wrap(damage, "pack %s: blob %.16s… at byte %u", pack, blob, place->offset);
}

struct reading {
    struct pack_reader *reader;
    const struct blob_entry *const *places;
    pack_blob_fn *seen;
    void *context;
    char path[OBJECT_PATH_SIZE]; /* of the pack */
};

static enum status hand_out(const struct reading *reading, size_t index, unsigned char *sealed,
                            struct error *err)
{
    const struct blob_entry *place = reading->places[index];
    const unsigned char *bytes = NULL;
    size_t len = 0;
    struct error damage = {0};
    enum status status = decode(reading->reader, place, sealed, &bytes, &len, &damage);
    if (is_damage(status))
        status = decode_again(reading->reader, place, &bytes, &len, &damage);
    if (status == STATUS_OK)
        return reading->seen(reading->context, index, bytes, len, NULL, err);
    if (!is_damage(damage.status)) {
        *err = damage;
        return error_status(err);
    }
    name_place(reading->reader, place, &damage);
    return reading->seen(reading->context, index, NULL, 0, &damage, err);
}

static enum status fetch(const struct reading *reading, const struct run *run, struct error *err)
{
    struct buffer *buffer = &reading->reader->run;
    buffer_clear(buffer);
    if (buffer_reserve(buffer, run->bytes, err) != STATUS_OK)
        return error_status(err);
    return object_store_get_range(reading->reader->repository->store, reading->path, run->from,
                                  run->bytes, buffer->bytes, err);
}

static struct run run_of_one(const struct reading *reading, size_t index)
{
    return (struct run){.first = index,
                        .end = index + 1,
                        .from = reading->places[index]->offset,
                        .bytes = reading->places[index]->length};
}

/* The run could not be read as a whole: what is in front of the damage is worth having. */
static enum status read_singly(const struct reading *reading, const struct run *run,
                               struct error *err)
{
    if (object_store_look_again(reading->reader->repository->store, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = run->first; i < run->end; i++) {
        struct run one = run_of_one(reading, i);
        struct error damage = {0};
        if (fetch(reading, &one, &damage) == STATUS_OK) {
            if (hand_out(reading, i, reading->reader->run.bytes, err) != STATUS_OK)
                return error_status(err);
            continue;
        }
        if (!is_damage(damage.status)) {
            *err = damage;
            return error_status(err);
        }
        name_place(reading->reader, reading->places[i], &damage);
        if (reading->seen(reading->context, i, NULL, 0, &damage, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_run(const struct reading *reading, const struct run *run, struct error *err)
{
    enum status status = fetch(reading, run, err);
    if (is_damage(status))
        return read_singly(reading, run, err);
    for (size_t i = run->first; status == STATUS_OK && i < run->end; i++)
        status = hand_out(
            reading, i, reading->reader->run.bytes + (reading->places[i]->offset - run->from), err);
    return status;
}

/* The blobs from here on that fit into one read. */
static struct run next_run(const struct reading *reading, size_t first, size_t count)
{
    struct run run = run_of_one(reading, first);
    for (; run.end < count; run.end++) {
        const struct blob_entry *place = reading->places[run.end];
        uint64_t end = run.from + run.bytes;
        uint64_t place_end = (uint64_t)place->offset + place->length;
        if (place->offset < end || place->offset - end > PACK_READER_GAP_BYTES ||
            place_end - run.from > reading->reader->run_bytes_max)
            break;
        run.bytes = (size_t)(place_end - run.from);
    }
    return run;
}

enum status pack_reader_read(struct pack_reader *reader, const struct blob_entry *const *places,
                             size_t count, pack_blob_fn *seen, void *context, struct error *err)
{
    struct reading reading = {.reader = reader, .places = places, .seen = seen, .context = context};
    if (count > 0)
        pack_path(reading.path, &reader->repository->index.packs[blob_entry_pack(places[0])]);
    for (size_t first = 0; first < count;) {
        struct run run = next_run(&reading, first, count);
        if (read_run(&reading, &run, err) != STATUS_OK)
            return error_status(err);
        first = run.end;
    }
    return STATUS_OK;
}

static bool holds(const struct window *window, const struct blob_entry *place)
{
    return window->len > 0 && window->pack == blob_entry_pack(place) &&
           window->from <= place->offset &&
           (uint64_t)place->offset + place->length <= window->from + window->len;
}

/* The one that holds the blob, or the one to be used for it. */
static struct window *choose_window(struct pack_reader *reader, const struct blob_entry *place)
{
    struct window *oldest = &reader->windows[0];
    for (size_t i = 0; i < WINDOWS; i++) {
        if (holds(&reader->windows[i], place))
            return &reader->windows[i];
        if (reader->windows[i].used < oldest->used)
            oldest = &reader->windows[i];
    }
    return oldest;
}

static enum status fill_window(struct pack_reader *reader, struct window *window,
                               const struct blob_entry *place, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    uint64_t end = (uint64_t)place->offset + place->length;
    uint64_t from = end > WINDOW_BYTES ? end - WINDOW_BYTES : 0;
    if (from > place->offset)
        from = place->offset;
    size_t len = (size_t)(end - from);
    unsigned char *bytes = realloc(window->bytes, len);
    window->len = 0;
    if (bytes == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu bytes of a pack", len);
    window->bytes = bytes;
    pack_path(path, &reader->repository->index.packs[blob_entry_pack(place)]);
    if (object_store_get_range(reader->repository->store, path, from, len, bytes, err) != STATUS_OK)
        return error_status(err);
    window->pack = blob_entry_pack(place);
    window->from = from;
    window->len = len;
    return STATUS_OK;
}

/* A copy of what is stored, to be opened in place. */
static enum status read_window(struct pack_reader *reader, const struct blob_entry *place,
                               struct error *err)
{
    struct window *window = choose_window(reader, place);
    if (!holds(window, place) && fill_window(reader, window, place, err) != STATUS_OK)
        return error_status(err);
    window->used = ++reader->clock;
    buffer_clear(&reader->run);
    return buffer_add(&reader->run, window->bytes + (place->offset - window->from), place->length,
                      err);
}

static enum status load_from_window(struct pack_reader *reader, const struct blob_entry *place,
                                    struct buffer *buffer, struct error *err)
{
    const unsigned char *bytes = NULL;
    size_t len = 0;
    enum status status = read_window(reader, place, err);
    if (status == STATUS_OK)
        status = decode(reader, place, reader->run.bytes, &bytes, &len, err);
    if (is_damage(status))
        status = decode_again(reader, place, &bytes, &len, err);
    if (status != STATUS_OK)
        return error_status(err);
    return buffer_add(buffer, bytes, len, err);
}

enum status pack_reader_load(struct pack_reader *reader, const struct blob_entry *place,
                             struct buffer *buffer, struct error *err)
{
    buffer_clear(buffer);
    enum status status = load_from_window(reader, place, buffer, err);
    if (is_damage(status))
        name_place(reader, place, err);
    return status == STATUS_OK ? STATUS_OK : error_status(err);
}
