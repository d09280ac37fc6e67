#include "yaml_listing.h"

#include "trusted.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void yaml_listing_free(struct yaml_listing *listing)
{
    if (listing == NULL)
        return;
    for (size_t i = 0; i < listing->count; i++)
        free(listing->names[i]);
    free(listing);
}

/* Hidden files are those of editors and package managers on their way. */
static bool is_listed(const char *name)
{
    size_t len = strlen(name);
    size_t ending = strlen(YAML_LISTING_ENDING);
    return *name != '.' && len > ending && strcmp(name + len - ending, YAML_LISTING_ENDING) == 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static enum status read_names(DIR *directory, struct yaml_listing *listing, struct error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory); // cppcheck-suppress readdirCalled
        if (entry == NULL && errno != 0)
            return FAIL_ERRNO(err, "read");
        if (entry == NULL)
            return STATUS_OK;
        if (!is_listed(entry->d_name))
            continue;
        if (listing->count == YAML_LISTING_MAX)
            return FAIL(err, STATUS_TOO_LARGE, "at most %d files are expected", YAML_LISTING_MAX);
        listing->names[listing->count] = strdup(entry->d_name);
        if (listing->names[listing->count] == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "listing");
        listing->count++;
    }
}

/* The descriptor stays open for openat(2); the stream gets its own. */
enum status yaml_listing_read(int directory, struct yaml_listing **ret_listing, struct error *err)
{
    int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    CLEANUP(dir_closep) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        (void)FAIL_ERRNO(err, "read");
        fd_closep(&copy);
        return error_status(err);
    }
    CLEANUP(yaml_listing_freep) struct yaml_listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "listing");
    if (read_names(stream, listing, err) != STATUS_OK)
        return error_status(err);
    qsort(listing->names, listing->count, sizeof(listing->names[0]), compare_names);
    *ret_listing = STEAL(listing);
    return STATUS_OK;
}

enum status yaml_listing_open(int directory, const char *path, const char *file,
                              struct document **ret_document, struct error *err)
{
    CLEANUP(freep) char *whole = NULL;
    if (asprintf(&whole, "%s/%s", path, file) < 0) {
        whole = NULL; /* asprintf leaves it undefined */
        return FAIL(err, STATUS_NO_MEMORY, "%s", file);
    }
    CLEANUP(fd_closep) int fd = -1;
    if (trusted_open(directory, file, S_IFREG, whole, &fd, err) != STATUS_OK)
        return error_status(err);
    return document_read(fd, whole, ret_document, err);
}
