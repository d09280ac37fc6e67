/*
 * A large index, and what it takes to hold it, for tests/bench/index_bench.py:
 *   bench_index make DIRECTORY BLOBS   a repository whose index lists so many blobs; no packs
 *   bench_index load DIRECTORY         prints {"blobs": N, "bytes": B, "seconds": S}
 */
#include "core/clock.h"
#include "repository/repository.h"
#include "src/repository/repository_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of files of a few KiB, as they are in packs of 16 MiB at worst: more of them make fewer packs. */
enum { EXIT_USAGE = 64, BLOBS_IN_PACK = 100, PACKS_IN_FILE = INDEX_BLOBS / BLOBS_IN_PACK };

static const char passphrase[] = "benchmark";

/* One index file's worth. */
struct sample {
    struct blob_entry entries[PACKS_IN_FILE][BLOBS_IN_PACK];
    struct blob_entry *places[PACKS_IN_FILE][BLOBS_IN_PACK];
    struct index_pack packs[PACKS_IN_FILE];
};

static enum status draw_pack(struct sample *sample, size_t pack, size_t count, struct error *err)
{
    struct index_pack *drawn = &sample->packs[pack];
    *drawn = (struct index_pack){.entries = sample->places[pack], .count = count};
    if (crypto_random(&drawn->id, sizeof(drawn->id), err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        struct blob_entry *entry = &sample->entries[pack][i];
        *entry = (struct blob_entry){
            .offset = (uint32_t)(i * 3000), .length = 3000, .plain_length = 7000};
        sample->places[pack][i] = entry;
        if (crypto_random(&entry->id, sizeof(entry->id), err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status make_file(struct repository *repository, struct sample *sample, size_t blobs,
                             struct error *err)
{
    CLEANUP(text_stream_freep) struct text_stream *stream = NULL;
    struct blob_id ignored;
    size_t packs = 0;
    for (; blobs > 0; packs++) {
        size_t count = blobs < BLOBS_IN_PACK ? blobs : BLOBS_IN_PACK;
        if (draw_pack(sample, packs, count, err) != STATUS_OK)
            return error_status(err);
        blobs -= count;
    }
    if (text_stream_new(UNPACKED_PREFIX, &stream, err) != STATUS_OK ||
        index_file_write(sample->packs, packs, stream, err) != STATUS_OK)
        return error_status(err);
    return unpacked_save_stream(repository, &repository->sealer, "index", stream, &ignored, err);
}

static enum status make(struct object_store *store, size_t blobs, struct error *err)
{
    CLEANUP(repository_closep) struct repository *repository = NULL;
    CLEANUP(free_any) struct sample *sample = malloc(sizeof(*sample));
    if (sample == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a sample");
    if (repository_create(store, passphrase, &repository, err) != STATUS_OK)
        return error_status(err);
    while (blobs > 0) {
        size_t count = blobs < INDEX_BLOBS ? blobs : INDEX_BLOBS;
        if (make_file(repository, sample, count, err) != STATUS_OK)
            return error_status(err);
        blobs -= count;
    }
    return STATUS_OK;
}

static enum status load(struct object_store *store, struct error *err)
{
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (repository_open(store, passphrase, &repository, err) != STATUS_OK)
        return error_status(err);
    int64_t started_ms = clock_mono_ms();
    if (repository_load_index(repository, NULL, err) != STATUS_OK)
        return error_status(err);
    const struct blob_index *index = &repository->index;
    size_t bytes = index->count * sizeof(struct blob_entry) +
                   index->slot_count * sizeof(*index->slots) +
                   index->pack_capacity * sizeof(*index->packs);
    printf("{\"blobs\": %zu, \"bytes\": %zu, \"seconds\": %.3f}\n", index->count, bytes,
           (double)(clock_mono_ms() - started_ms) / 1000);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    bool is_make = argc == 4 && strcmp(argv[1], "make") == 0;
    if (!is_make && (argc != 3 || strcmp(argv[1], "load") != 0)) {
        (void)fputs("Usage: bench_index make DIRECTORY BLOBS | load DIRECTORY\n", stderr);
        return EXIT_USAGE;
    }
    enum status status = object_store_open_directory("benchmark", argv[2], "", &store, &err);
    if (status == STATUS_OK)
        status = is_make ? make(store, strtoul(argv[3], NULL, 10), &err) : load(store, &err);
    if (status == STATUS_OK)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "bench_index: %s\n", err.text);
    return EXIT_FAILURE;
}
