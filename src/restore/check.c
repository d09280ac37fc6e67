/*
 * What is there already, from an attempt that was cut short or from the application itself: a file
 * that has the right size is hashed piece by piece; pieces that are right need not be fetched. The
 * time of modification says nothing here: after a power cut a file may have it without its content.
 */
#include "core/cleanup.h"
#include "core/directory.h"
#include "directories.h"
#include "job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct checker {
    struct pack_reader *reader;
    struct restore_directories directories;
    unsigned char *bytes;
    size_t capacity;
};

static void release_checker(void *state)
{
    struct checker *checker = state;
    pack_reader_free(checker->reader);
    restore_directories_done(&checker->directories);
    free(checker->bytes);
    free(checker);
}

static enum status make_checker(struct restore *restore, void *shared UNUSED, void **ret_state,
                                struct error *err)
{
    struct checker *checker = calloc(1, sizeof(*checker));
    if (checker == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a thread");
    restore_directories_init(&checker->directories, &restore->tree);
    if (pack_reader_new(restore->operation.repository, 0, &checker->reader, err) != STATUS_OK) {
        release_checker(checker);
        return error_status(err);
    }
    *ret_state = checker;
    return STATUS_OK;
}

/* False: it cannot be read. */
static bool read_piece(int fd, uint64_t offset, unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = pread(fd, bytes, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return true;
}

static enum status check_piece(struct checker *checker, int fd, const struct restore_want *want,
                               bool *ret_same, struct error *err)
{
    size_t len = blob_place_plain_bytes(want->place);
    *ret_same = false;
    if (len > checker->capacity) {
        unsigned char *bytes = realloc(checker->bytes, len);
        if (bytes == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "a blob of %zu bytes", len);
        checker->bytes = bytes;
        checker->capacity = len;
    }
    if (!read_piece(fd, want->offset, checker->bytes, len))
        return STATUS_OK;
    return pack_reader_compare(checker->reader, want->place, checker->bytes, len, ret_same, err);
}

/* Pieces that are right are served. */
static enum status check_pieces(struct restore *restore, struct checker *checker, int fd,
                                struct restore_file *file, struct error *err)
{
    for (uint32_t i = 0; i < file->wants; i++) {
        struct restore_want *want = &restore->tree.wants[file->first_want + i];
        bool same = false;
        if (check_piece(checker, fd, want, &same, err) != STATUS_OK)
            return error_status(err);
        if (!same)
            continue;
        atomic_fetch_add(&restore->bytes_done, blob_place_plain_bytes(want->place));
        want->place = NULL;
        file->left--;
    }
    return STATUS_OK;
}

/* As we leave it until its last piece is written: nobody else's, and nobody reads it. */
static bool is_in_the_making(const struct stat *info)
{
    return info->st_uid == geteuid() && info->st_nlink == 1 &&
           (info->st_mode & 07777) == (S_IRUSR | S_IWUSR);
}

/* -1: there is nothing that could be right. */
static int open_candidate(int directory, const char *name, const struct restore_file *file,
                          struct stat *ret_info)
{
    CLEANUP(fd_closep)
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_info) != 0 || !S_ISREG(ret_info->st_mode) ||
        (uint64_t)ret_info->st_size != file->size)
        return -1;
    return STEAL_FD(fd);
}

/* In a file that must not be written into nothing is right unless everything is. */
static void forget_pieces(struct restore *restore, struct restore_file *file,
                          const struct blob_entry *const *places)
{
    for (uint32_t i = 0; i < file->wants; i++) {
        struct restore_want *want = &restore->tree.wants[file->first_want + i];
        if (want->place == NULL)
            atomic_fetch_sub(&restore->bytes_done, blob_place_plain_bytes(places[i]));
        want->place = places[i];
    }
    file->left = file->wants;
}

static enum status start_anew(struct restore *restore, struct restore_file *file, int directory,
                              struct error *err)
{
    if (file->wants == 1)
        return STATUS_OK; /* made with its content */
    CLEANUP(fd_closep) int fd = -1;
    if (restore_create(restore, file, directory, &fd, err) != STATUS_OK)
        return error_status(err);
    return ftruncate(fd, (off_t)file->size) == 0 ? STATUS_OK : FAIL_ERRNO(err, "give it its size");
}

static enum status check_open(struct restore *restore, struct checker *checker,
                              struct restore_file *file, int fd, const struct stat *info,
                              struct error *err)
{
    CLEANUP(free_any)
    const struct blob_entry **places =
        calloc(file->wants, sizeof(*places)); /* NOLINT(bugprone-sizeof-expression) */
    if (places == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%u blobs", file->wants);
    for (uint32_t i = 0; i < file->wants; i++)
        places[i] = restore->tree.wants[file->first_want + i].place;
    if (check_pieces(restore, checker, fd, file, err) != STATUS_OK)
        return error_status(err);
    if (file->left > 0 && (!is_in_the_making(info) || file->left == file->wants))
        forget_pieces(restore, file, places);
    else if (file->left > 0)
        file->flags |= FILE_PARTIAL;
    file->inode = info->st_ino;
    return STATUS_OK;
}

/* Its content is right; what else it has may be fixed. */
static enum status complete_there(struct restore *restore, const struct restore_file *file,
                                  int directory, int fd, struct error *err)
{
    if (restore_complete(restore, file, fd, err) == STATUS_OK)
        return STATUS_OK;
    const char *name = restore_tree_name(&restore->tree, file->name);
    const char *fixed =
        err->status == STATUS_FORBIDDEN ? directory_why_fixed(directory, name, EPERM) : NULL;
    return fixed == NULL ? error_status(err) : FAIL_IN(err, "it is %s", fixed);
}

static enum status check_file(struct restore *restore, struct checker *checker,
                              struct restore_file *file, struct error *err)
{
    int directory = -1;
    struct stat info;
    if (restore_directories_open(&checker->directories, file->directory, &directory, err) !=
        STATUS_OK)
        return error_status(err);
    CLEANUP(fd_closep)
    int fd = open_candidate(directory, restore_tree_name(&restore->tree, file->name), file, &info);
    if (fd >= 0 && check_open(restore, checker, file, fd, &info, err) != STATUS_OK)
        return error_status(err);
    if (file->left == 0)
        return complete_there(restore, file, directory, fd, err);
    if ((file->flags & FILE_PARTIAL) != 0)
        return STATUS_OK;
    return start_anew(restore, file, directory, err);
}

static enum status check_item(struct restore *restore, void *state, size_t item, struct error *err)
{
    struct restore_file *file = &restore->tree.files[item];
    struct error cause = {0};
    if ((file->flags & FILE_CANDIDATE) == 0 || file->failed ||
        check_file(restore, state, file, &cause) == STATUS_OK)
        return STATUS_OK;
    return restore_fail_file(restore, file, PROBLEM_FILE, &cause, err);
}

static bool any_candidate(const struct restore_tree *tree)
{
    for (size_t i = 0; i < tree->file_count; i++)
        if ((tree->files[i].flags & FILE_CANDIDATE) != 0)
            return true;
    return false;
}

enum status restore_check_files(void *owner, struct error *err)
{
    struct restore *restore = owner;
    struct restore_work work = {
        .make = make_checker,
        .release = release_checker,
        .item = check_item,
        .count = restore->tree.file_count,
    };
    return any_candidate(&restore->tree) ? restore_threads(restore, &work, err) : STATUS_OK;
}
