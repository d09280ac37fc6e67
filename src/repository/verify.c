#include "repository/verify.h"

#include "core/array.h"
#include "pointer_set.h"
#include "repository/tree.h"
#include "repository_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_BYTES = 8 * 1024 * 1024,
    HEADER_BYTES_MAX = 32 * 1024 * 1024,
    TREE_BYTES_MAX = INT32_MAX,
    PLAIN_HEADER_ENTRY = 37,
    ABSENT_ASKED_FOR_MAX = 64
};

struct pack_facts {
    uint64_t bytes;    /* as listed, or as the object itself says; 0: not there */
    uint64_t expected; /* at least, by what the index knows of it; 0: of nothing in it */
    bool listed;       /* whatever its size */
    bool damaged;      /* some of its blobs may be among the bad ones */
    bool unreadable;   /* all of it is bad */
};

struct verification {
    struct repository *repository;
    struct pack_facts *packs; /* by the number in the index */
    uint32_t *sorted;         /* numbers of packs, by id */
    struct hash *hash;        /* of a whole pack, while the repository's is used for its blobs */
    struct buffer window, plain;
    struct pointer_set bad;  /* entries of the index whose blob is damaged */
    struct pointer_set good; /* trees below which everything is well */
    size_t damage_count;
    char damages[VERIFICATION_DAMAGES_MAX][VERIFICATION_TEXT_SIZE];
};

PRINTF_LIKE(2, 3)

static void add_damage(struct verification *verification, const char *format, ...)
{
    if (verification->damage_count < VERIFICATION_DAMAGES_MAX) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(verification->damages[verification->damage_count], VERIFICATION_TEXT_SIZE,
                        format, args);
        va_end(args);
    }
    verification->damage_count++;
}

/* --- what is there --- */

static const struct blob_id *pack_id(const struct verification *verification, size_t pack)
{
    return &verification->repository->index.packs[pack];
}

const struct blob_id *verification_pack_id(const struct verification *verification, size_t pack)
{
    return pack_id(verification, pack);
}

bool verification_pack_is_bad(const struct verification *verification, size_t pack)
{
    return verification->packs[pack].damaged || verification->packs[pack].unreadable;
}

static int compare_packs(const void *a, const void *b, void *context)
{
    const uint32_t *first = a, *second = b;
    return memcmp(pack_id(context, *first), pack_id(context, *second), sizeof(struct blob_id));
}

/* What the index knows of each pack: where its last blob ends, and how long its header must be. */
static void expect(struct verification *verification)
{
    struct blob_index *index = &verification->repository->index;
    for (size_t i = 0; i < index->count; i++) {
        const struct blob_entry *entry = blob_index_entry(index, i);
        struct pack_facts *facts = &verification->packs[blob_entry_pack(entry)];
        uint64_t end = (uint64_t)entry->offset + entry->length;
        if (facts->bytes < end) /* lent for the moment: the listing comes later */
            facts->bytes = end;
        facts->expected += entry->plain_length > 0 ? (uint64_t)PACK_HEADER_ENTRY_MAX
                                                   : (uint64_t)PLAIN_HEADER_ENTRY;
    }
    for (size_t i = 0; i < index->pack_count; i++) {
        struct pack_facts *facts = &verification->packs[i];
        if (facts->expected > 0)
            facts->expected += facts->bytes + SEAL_OVERHEAD + PACK_TRAILER_BYTES;
        facts->bytes = 0;
    }
}

/* The place in the sorted list of the first pack that is not before this one. */
static size_t find_pack(const struct verification *verification, const struct blob_id *id)
{
    size_t low = 0, high = verification->repository->index.pack_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(pack_id(verification, verification->sorted[middle]), id, sizeof(*id)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum status on_pack(void *context, const char *name, uint64_t size, UNUSED struct error *err)
{
    struct verification *verification = context;
    size_t count = verification->repository->index.pack_count;
    struct blob_id id;
    if (!pack_name_read(name, &id))
        return STATUS_OK;
    for (size_t i = find_pack(verification, &id); i < count; i++) { /* two indexes may name it */
        uint32_t pack = verification->sorted[i];
        if (memcmp(pack_id(verification, pack), &id, sizeof(id)) != 0)
            break;
        verification->packs[pack].bytes = size == OBJECT_SIZE_UNKNOWN ? 0 : size;
        verification->packs[pack].listed = true;
    }
    return STATUS_OK;
}

/* "" for a pack that is there as long as it must be. */
static void problem_of_pack(const struct verification *verification, size_t pack,
                            char problem[VERIFICATION_TEXT_SIZE])
{
    const struct pack_facts *facts = &verification->packs[pack];
    char path[OBJECT_PATH_SIZE];
    pack_path(path, pack_id(verification, pack));
    problem[0] = '\0';
    if (facts->bytes >= facts->expected && facts->bytes > 0)
        return;
    if (facts->bytes == 0)
        (void)snprintf(problem, VERIFICATION_TEXT_SIZE, "%s is gone", path);
    else {
        (void)snprintf(problem, VERIFICATION_TEXT_SIZE,
                       "%s has %llu bytes, at least %llu are expected", path,
                       (unsigned long long)facts->bytes, (unsigned long long)facts->expected);
    }
}

static bool is_doubtful(const struct pack_facts *facts)
{
    return facts->expected > 0 && (facts->bytes == 0 || facts->bytes < facts->expected);
}

/* *ret_bytes 0: it is gone. */
static enum status ask_for_size(const struct verification *verification, size_t pack,
                                uint64_t *ret_bytes, struct error *err)
{
    struct object_store *store = verification->repository->store;
    char path[OBJECT_PATH_SIZE];
    bool gone = false;
    pack_path(path, pack_id(verification, pack));
    *ret_bytes = 0;
    enum status status = object_store_is_gone(store, path, &gone, err);
    return status == STATUS_OK && !gone ? object_store_size(store, path, ret_bytes, err) : status;
}

/* What the listing lacks, or has too short, is asked for itself: a store that lists less than it
 * has is not to be believed. The first ones answer for all of many. */
static enum status settle_doubts(struct verification *verification, struct error *err)
{
    size_t count = verification->repository->index.pack_count;
    size_t absent = 0;
    for (size_t i = 0; i < count; i++) {
        struct pack_facts *facts = &verification->packs[i];
        if (!is_doubtful(facts) || (!facts->listed && absent == ABSENT_ASKED_FOR_MAX))
            continue;
        if (ask_for_size(verification, i, &facts->bytes, err) != STATUS_OK)
            return error_status(err);
        absent += !facts->listed;
        if (!facts->listed && facts->bytes > 0) {
            char path[OBJECT_PATH_SIZE];
            pack_path(path, pack_id(verification, i));
            return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                               "the bucket does not list %s, which is there: what it lists is not "
                               "to be believed",
                               path);
        }
    }
    return STATUS_OK;
}

static enum status look(struct verification *verification, struct error *err)
{
    size_t count = verification->repository->index.pack_count;
    for (size_t i = 0; i < count; i++)
        verification->sorted[i] = (uint32_t)i;
    qsort_r(verification->sorted, count, sizeof(uint32_t), compare_packs, verification);
    expect(verification);
    if (object_store_list(verification->repository->store, "data/", on_pack, verification, err) !=
            STATUS_OK ||
        settle_doubts(verification, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        char problem[VERIFICATION_TEXT_SIZE];
        if (verification->packs[i].expected == 0)
            continue;
        problem_of_pack(verification, i, problem);
        if (problem[0] != '\0')
            add_damage(verification, "%s", problem);
    }
    return STATUS_OK;
}

enum status verification_new(struct repository *repository, struct verification **ret_verification,
                             struct error *err)
{
    CLEANUP(verification_freep) struct verification *verification = NULL;
    verification = calloc(1, sizeof(*verification));
    if (verification == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "verification");
    size_t count = repository->index.pack_count;
    verification->repository = repository;
    buffer_init(&verification->window, UINT32_MAX);
    buffer_init(&verification->plain, UINT32_MAX);
    verification->packs = calloc(count + 1, sizeof(verification->packs[0]));
    verification->sorted = calloc(count + 1, sizeof(verification->sorted[0]));
    if (verification->packs == NULL || verification->sorted == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "verification of %zu packs", count);
    if (hash_new(&verification->hash, err) != STATUS_OK || look(verification, err) != STATUS_OK)
        return FAIL_IN(err, "verification");
    *ret_verification = STEAL(verification);
    return STATUS_OK;
}

void verification_free(struct verification *verification)
{
    if (verification == NULL)
        return;
    hash_free(verification->hash);
    buffer_done(&verification->window);
    buffer_done(&verification->plain);
    pointer_set_done(&verification->bad);
    pointer_set_done(&verification->good);
    free(verification->packs);
    free(verification->sorted);
    free(verification);
}

size_t verification_pack_count(const struct verification *verification)
{
    return verification->repository->index.pack_count;
}

uint64_t verification_pack_bytes(const struct verification *verification, size_t pack)
{
    return verification->packs[pack].bytes;
}

size_t verification_damage_count(const struct verification *verification)
{
    return verification->damage_count;
}

const char *verification_damage(const struct verification *verification, size_t number)
{
    return verification->damages[number];
}

/* --- reading one pack --- */

struct pack_reading {
    struct verification *verification;
    size_t pack;
    char path[OBJECT_PATH_SIZE];
    uint64_t body;  /* bytes of blobs, in front of the header */
    uint64_t start; /* of the window */
    bool again;     /* damage was seen already, and may have happened on the way */
};

static enum status read_part(const struct pack_reading *reading, uint64_t offset, size_t len,
                             struct buffer *buffer, struct error *err)
{
    buffer_clear(buffer);
    if (buffer_reserve(buffer, len, err) != STATUS_OK ||
        object_store_get_range(reading->verification->repository->store, reading->path, offset, len,
                               buffer->bytes, err) != STATUS_OK)
        return error_status(err);
    buffer->len = len;
    return STATUS_OK;
}

/* The sealed bytes of a blob; the blobs come in the order in which they lie. */
static enum status need(struct pack_reading *reading, const struct blob_entry *entry,
                        unsigned char **ret_bytes, struct error *err)
{
    struct buffer *window = &reading->verification->window;
    uint64_t end = (uint64_t)entry->offset + entry->length;
    if (end > reading->body)
        return FAIL(err, STATUS_CORRUPT, "its header names more than it has");
    if (window->len == 0 || end > reading->start + window->len) {
        uint64_t len = reading->body - entry->offset;
        if (len > WINDOW_BYTES)
            len = entry->length > WINDOW_BYTES ? entry->length : (uint64_t)WINDOW_BYTES;
        if (read_part(reading, entry->offset, (size_t)len, window, err) != STATUS_OK)
            return error_status(err);
        reading->start = entry->offset;
    }
    *ret_bytes = window->bytes + (entry->offset - reading->start);
    return STATUS_OK;
}

/* Decrypts in place. */
static enum status check_content(struct verification *verification, const struct blob_entry *entry,
                                 unsigned char *bytes, struct error *err)
{
    struct sealer *sealer = &verification->repository->sealer;
    struct buffer *plain = &verification->plain;
    struct blob_id found;
    size_t len = 0;
    buffer_clear(plain);
    if (crypto_open(sealer->crypto, bytes, entry->length, &len, err) != STATUS_OK)
        return error_status(err);
    const unsigned char *text = bytes + SEAL_IV_BYTES;
    if (entry->plain_length > 0) {
        if (compressor_expand(sealer->compressor, text, len, entry->plain_length, plain, err) !=
            STATUS_OK)
            return error_status(err);
        text = plain->bytes;
        len = plain->len;
    }
    if (hash_bytes(sealer->hash, text, len, found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, &entry->id, sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "its content does not have the hash that is its id");
    return STATUS_OK;
}

/* The index must say the same, if it takes the blob from this very pack. */
static enum status check_index(const struct pack_reading *reading, const struct blob_entry *entry,
                               const struct blob_entry *known, struct error *err)
{
    const struct verification *verification = reading->verification;
    if (known == NULL || memcmp(pack_id(verification, blob_entry_pack(known)),
                                pack_id(verification, reading->pack), sizeof(struct blob_id)) != 0)
        return STATUS_OK;
    if (known->offset != entry->offset || known->length != entry->length ||
        known->plain_length != entry->plain_length)
        return FAIL(err, STATUS_CORRUPT, "it lies elsewhere than its index says");
    return STATUS_OK;
}

static bool is_damage(enum status status)
{
    return status == STATUS_CORRUPT || status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE;
}

static enum status note_bad_blob(struct pack_reading *reading, const struct blob_entry *entry,
                                 const struct blob_entry *known, struct error *err)
{
    struct verification *verification = reading->verification;
    char id[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(&entry->id, id);
    add_damage(verification, "%s: blob %.12s at byte %u: %s", reading->path, id, entry->offset,
               err->text);
    verification->packs[reading->pack].damaged = true;
    *err = (struct error){0};
    return known == NULL ? STATUS_OK : pointer_set_add(&verification->bad, known, err);
}

static enum status on_entry(void *context, enum blob_type type, const struct blob_entry *entry,
                            struct error *err)
{
    struct pack_reading *reading = context;
    struct verification *verification = reading->verification;
    const struct blob_entry *known =
        blob_index_find(&verification->repository->index, type, &entry->id);
    unsigned char *bytes = NULL;
    if (need(reading, entry, &bytes, err) != STATUS_OK ||
        hash_piece(verification->hash, bytes, entry->length, err) != STATUS_OK)
        return error_status(err);
    enum status status = check_index(reading, entry, known, err);
    if (status == STATUS_OK)
        status = check_content(verification, entry, bytes, err);
    return is_damage(status) && reading->again ? note_bad_blob(reading, entry, known, err) : status;
}

/* The header, as it lies there, with its length behind it: they belong to the hash. */
static enum status read_header(struct pack_reading *reading, struct buffer *stored,
                               struct error *err)
{
    uint64_t bytes = reading->verification->packs[reading->pack].bytes;
    unsigned char length[PACK_TRAILER_BYTES];
    if (bytes < PACK_TRAILER_BYTES + SEAL_OVERHEAD)
        return FAIL(err, STATUS_CORRUPT, "it has only %llu bytes", (unsigned long long)bytes);
    if (read_part(reading, bytes - sizeof(length), sizeof(length), stored, err) != STATUS_OK)
        return error_status(err);
    memcpy(length, stored->bytes, sizeof(length));
    uint64_t header = (uint64_t)length[0] | (uint64_t)length[1] << 8 | (uint64_t)length[2] << 16 |
                      (uint64_t)length[3] << 24;
    if (header < SEAL_OVERHEAD || header > bytes - sizeof(length) || header > HEADER_BYTES_MAX)
        return FAIL(err, STATUS_CORRUPT, "the length of its header is damaged");
    reading->body = bytes - sizeof(length) - header;
    return read_part(reading, reading->body, (size_t)header + sizeof(length), stored, err);
}

static enum status check_pack(struct pack_reading *reading, struct buffer *stored,
                              struct error *err)
{
    struct verification *verification = reading->verification;
    CLEANUP(buffer_done) struct buffer header;
    struct blob_id found;
    size_t len = 0;
    buffer_init(&header, HEADER_BYTES_MAX);
    if (read_header(reading, stored, err) != STATUS_OK ||
        buffer_add(&header, stored->bytes, stored->len - PACK_TRAILER_BYTES, err) != STATUS_OK ||
        crypto_open(verification->repository->sealer.crypto, header.bytes, header.len, &len, err) !=
            STATUS_OK)
        return FAIL_IN(err, "header");
    if (hash_start(verification->hash, err) != STATUS_OK ||
        pack_header_read(header.bytes + SEAL_IV_BYTES, len, on_entry, reading, err) != STATUS_OK ||
        hash_piece(verification->hash, stored->bytes, stored->len, err) != STATUS_OK ||
        hash_finish(verification->hash, found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, pack_id(verification, reading->pack), sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "its bytes do not have the hash that is its name");
    return STATUS_OK;
}

/* A hash that is wrong where every blob is right harms nothing that is restored. */
static void note_bad_pack(struct pack_reading *reading, size_t damages_before,
                          const struct error *cause)
{
    struct verification *verification = reading->verification;
    struct pack_facts *facts = &verification->packs[reading->pack];
    bool blobs_known = reading->body > 0 && strstr(cause->text, "hash that is its name") != NULL;
    facts->damaged = true;
    if (!blobs_known)
        facts->unreadable = true;
    if (verification->damage_count == damages_before || !blobs_known)
        add_damage(verification, "%s: %s", reading->path, cause->text);
}

static struct pack_reading start_reading(struct verification *verification, size_t pack, bool again)
{
    struct pack_reading reading = {.verification = verification, .pack = pack, .again = again};
    pack_path(reading.path, pack_id(verification, pack));
    buffer_clear(&verification->window);
    return reading;
}

enum status verification_read_pack(struct verification *verification, size_t pack,
                                   struct error *err)
{
    CLEANUP(buffer_done) struct buffer stored;
    size_t damages = verification->damage_count;
    if (verification->packs[pack].bytes == 0)
        return STATUS_OK; /* known from the listing */
    buffer_init(&stored, HEADER_BYTES_MAX + PACK_TRAILER_BYTES);
    struct pack_reading reading = start_reading(verification, pack, false);
    enum status status = check_pack(&reading, &stored, err);
    if (is_damage(status)) {
        if (object_store_look_again(verification->repository->store, err) != STATUS_OK)
            return error_status(err);
        reading = start_reading(verification, pack, true);
        status = check_pack(&reading, &stored, err);
    }
    if (status == STATUS_OK || !is_damage(status))
        return status;
    note_bad_pack(&reading, damages, err);
    *err = (struct error){0};
    return STATUS_OK;
}

/* --- what a snapshot needs --- */

/* Trees still to be read, and those that have been on the way. */
struct tree_walk {
    struct verification *verification;
    struct blob_id *waiting;
    size_t count, capacity;
    struct pointer_set seen;
    char *problem; /* VERIFICATION_TEXT_SIZE */
};

static enum status push(struct tree_walk *walk, const struct blob_id *id, struct error *err)
{
    if (array_reserve(&walk->waiting, &walk->capacity, walk->count + 1, sizeof(*walk->waiting),
                      err) != STATUS_OK)
        return FAIL_IN(err, "trees to walk");
    walk->waiting[walk->count++] = *id;
    return STATUS_OK;
}

/* NULL: not there, or not as it should be; then walk->problem says why. */
static const struct blob_entry *check_blob(struct tree_walk *walk, enum blob_type type,
                                           const struct blob_id *id)
{
    struct verification *verification = walk->verification;
    const struct blob_entry *entry = blob_index_find(&verification->repository->index, type, id);
    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(id, text);
    if (entry == NULL) {
        (void)snprintf(walk->problem, VERIFICATION_TEXT_SIZE, "blob %s is in no index", text);
        return NULL;
    }
    const struct pack_facts *facts = &verification->packs[blob_entry_pack(entry)];
    problem_of_pack(verification, blob_entry_pack(entry), walk->problem);
    if (walk->problem[0] != '\0')
        return NULL;
    if (facts->unreadable || (facts->damaged && pointer_set_has(&verification->bad, entry))) {
        char path[OBJECT_PATH_SIZE];
        pack_path(path, pack_id(verification, blob_entry_pack(entry)));
        (void)snprintf(walk->problem, VERIFICATION_TEXT_SIZE, "%s is damaged at blob %.12s", path,
                       text);
        return NULL;
    }
    return entry;
}

static enum status check_node(struct tree_walk *walk, const struct tree_node *node,
                              struct error *err)
{
    for (size_t i = 0; node->type == TREE_NODE_FILE && i < node->content_count; i++)
        if (check_blob(walk, BLOB_DATA, &node->content[i]) == NULL)
            return STATUS_OK;
    return node->has_subtree ? push(walk, &node->subtree, err) : STATUS_OK;
}

static enum status read_tree(struct tree_walk *walk, const struct buffer *text, struct error *err)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    if (tree_reader_new(text->bytes, text->len, &reader, err) != STATUS_OK)
        return error_status(err);
    for (;;) {
        struct tree_node node;
        bool more = false;
        if (tree_reader_next(reader, &node, &more, err) != STATUS_OK)
            return error_status(err);
        if (!more || walk->problem[0] != '\0')
            return STATUS_OK;
        if (check_node(walk, &node, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status check_one(struct tree_walk *walk, const struct blob_id *id, struct error *err)
{
    struct verification *verification = walk->verification;
    const struct blob_entry *entry = check_blob(walk, BLOB_TREE, id);
    if (entry == NULL || pointer_set_has(&verification->good, entry) ||
        pointer_set_has(&walk->seen, entry))
        return STATUS_OK;
    CLEANUP(buffer_done) struct buffer text;
    buffer_init(&text, TREE_BYTES_MAX);
    enum status status = repository_load_blob(verification->repository, BLOB_TREE, id, &text, err);
    if (status == STATUS_OK)
        status = read_tree(walk, &text, err);
    if (is_damage(status)) {
        (void)snprintf(walk->problem, VERIFICATION_TEXT_SIZE, "%.250s", err->text);
        *err = (struct error){0};
        return STATUS_OK;
    }
    return status == STATUS_OK ? pointer_set_add(&walk->seen, entry, err) : status;
}

static enum status walk_trees(struct tree_walk *walk, const struct cancel *cancel,
                              struct error *err)
{
    while (walk->count > 0 && walk->problem[0] == '\0') {
        struct blob_id id = walk->waiting[--walk->count];
        if (cancel_check(cancel, err) != STATUS_OK || check_one(walk, &id, err) != STATUS_OK)
            return error_status(err);
    }
    if (walk->problem[0] != '\0')
        return STATUS_OK;
    return pointer_set_add_all(&walk->verification->good, &walk->seen, err);
}

enum status verification_check_tree(struct verification *verification, const struct blob_id *root,
                                    const struct cancel *cancel,
                                    char problem[VERIFICATION_TEXT_SIZE], struct error *err)
{
    struct tree_walk walk = {.verification = verification, .problem = problem};
    problem[0] = '\0';
    enum status status = push(&walk, root, err);
    if (status == STATUS_OK)
        status = walk_trees(&walk, cancel, err);
    free(walk.waiting);
    pointer_set_done(&walk.seen);
    return status;
}
