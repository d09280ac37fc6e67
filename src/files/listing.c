#include "files/listing.h"

#include "core/array.h"
#include "core/cleanup.h"

#include <fcntl.h>
#include <string.h>

static int compare(const void *left, const void *right, void *context)
{
    const unsigned char *text = context;
    const uint32_t *a = left;
    const uint32_t *b = right;
    return strcmp((const char *)text + *a, (const char *)text + *b);
}

static enum status add(struct listing *listing, size_t *capacity, const char *name,
                       struct error *err)
{
    if (array_reserve(&listing->offsets, capacity, listing->count + 1, sizeof(*listing->offsets),
                      err) != STATUS_OK)
        return FAIL_IN(err, "a list of names");
    listing->offsets[listing->count] = (uint32_t)listing->text.len;
    if (buffer_add(&listing->text, name, strlen(name) + 1, err) != STATUS_OK)
        return error_status(err);
    listing->count++;
    return STATUS_OK;
}

/* Some file systems list a name twice, and all may while the directory is being changed. */
static void drop_repeated(struct listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++)
        if (kept == 0 || strcmp(listing_at(listing, kept - 1), listing_at(listing, i)) != 0)
            listing->offsets[kept++] = listing->offsets[i];
    listing->count = kept;
}

static enum status read_all(DIR *directory, struct listing *listing, struct error *err)
{
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0)
            return FAIL_ERRNO(err, "read directory");
        if (entry == NULL)
            return STATUS_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (add(listing, &capacity, entry->d_name, err) != STATUS_OK)
            return error_status(err);
    }
}

enum status listing_read(int directory, struct listing *ret_listing, struct error *err)
{
    int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return FAIL_ERRNO(err, "duplicate a directory's descriptor");
    CLEANUP(dir_closep) DIR *stream = fdopendir(copy);
    if (stream == NULL) {
        (void)FAIL_ERRNO(err, "open directory");
        (void)close(copy);
        return error_status(err);
    }

    struct listing listing = {0};
    buffer_init(&listing.text, LISTING_BYTES_MAX);
    if (read_all(stream, &listing, err) != STATUS_OK) {
        listing_done(&listing);
        return error_status(err);
    }
    if (listing.count > 1)
        qsort_r(listing.offsets, listing.count, sizeof(listing.offsets[0]), compare,
                listing.text.bytes);
    drop_repeated(&listing);
    *ret_listing = listing;
    return STATUS_OK;
}

void listing_done(struct listing *listing)
{
    free(listing->offsets);
    buffer_done(&listing->text);
    *listing = (struct listing){0};
}

const char *listing_at(const struct listing *listing, size_t index)
{
    return (const char *)listing->text.bytes + listing->offsets[index];
}

bool listing_find(const struct listing *listing, const char *name, size_t *ret_index)
{
    size_t low = 0;
    size_t high = listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(listing_at(listing, middle), name);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
