#include "job.h"

#include "core/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 256 };

void restore_describe(void *owner, struct work_report *report UNUSED)
{
    struct restore *restore = owner;
    struct work_result *result = restore->operation.result;
    restore_problems_tell(&restore->problems, result->state_details);
    if (result->bytes_total >= 0)
        result->bytes_done = (int64_t)atomic_load(&restore->bytes_done);
}

enum status restore_note(struct restore *restore, enum restore_problem kind, uint32_t directory,
                         const char *name, const struct error *cause, struct error *err)
{
    if (restore_is_fatal(cause->status)) {
        *err = *cause;
        return error_status(err);
    }
    char path[PATH_SHOWN];
    restore_problems_add(&restore->problems, kind,
                         restore_tree_path(&restore->tree, directory, name, path, sizeof(path)),
                         cause);
    return STATUS_OK;
}

enum status restore_fail_file(struct restore *restore, struct restore_file *file,
                              enum restore_problem kind, const struct error *cause,
                              struct error *err)
{
    if (atomic_exchange(&file->failed, true))
        return STATUS_OK;
    return restore_note(restore, kind, file->directory,
                        restore_tree_name(&restore->tree, file->name), cause, err);
}

enum status restore_clear(int directory, const char *name, struct error *err)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return STATUS_OK;
    if (errno == EISDIR && unlinkat(directory, name, AT_REMOVEDIR) == 0)
        return STATUS_OK;
    const char *fixed = directory_why_fixed(directory, name, errno);
    if (fixed != NULL)
        return FAIL(err, STATUS_FORBIDDEN, "replace what is there: it is %s", fixed);
    return FAIL_ERRNO(err, "replace what is there");
}

/* Others may write to its directory, which may also have an ACL for all that is made in it. */
static void note_made(struct restore_file *file, int fd)
{
    struct stat info;
    attributes_drop_inherited(fd);
    file->inode = fstat(fd, &info) == 0 ? info.st_ino : 0;
}

enum status restore_create(struct restore *restore, struct restore_file *file, int directory,
                           int *ret_fd, struct error *err)
{
    const char *name = restore_tree_name(&restore->tree, file->name);
    mode_t mode = file->wants > 1 ? S_IRUSR | S_IWUSR /* in the making */
                                  : attributes_first_mode(&file->attributes);
    bool fresh = (restore->tree.directories[file->directory].flags & DIRECTORY_FRESH) != 0;
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(directory, name, flags, mode);
    if (fd < 0 && errno == EEXIST) {
        if (restore_clear(directory, name, err) != STATUS_OK)
            return error_status(err);
        fd = openat(directory, name, flags, mode);
    }
    if (fd < 0)
        return FAIL_ERRNO(err, "create");
    file->flags |= FILE_MADE;
    if (!fresh)
        note_made(file, fd);
    *ret_fd = fd;
    return STATUS_OK;
}

enum status restore_complete(struct restore *restore, const struct restore_file *file, int fd,
                             struct error *err)
{
    struct error lost;
    const struct plain_attributes *attributes = &file->attributes;
    enum status status =
        (file->flags & FILE_MADE) != 0
            ? attributes_set(attributes, &restore->tree.xattrs, fd, &lost, err)
            : attributes_set_over(attributes, &restore->tree.xattrs, fd, &lost, err);
    if (status != STATUS_OK)
        return status;
    if (lost.status == STATUS_OK)
        return STATUS_OK;
    return restore_note(restore, PROBLEM_ATTRIBUTES, file->directory,
                        restore_tree_name(&restore->tree, file->name), &lost, err);
}
