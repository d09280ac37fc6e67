#include "core/cleanup.h"
#include "directories.h"
#include "job.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPORT_EACH = 1024 };

static enum status report_now_and_then(struct restore *restore, size_t number, struct error *err)
{
    return number % REPORT_EACH == 0 ? operation_report(&restore->operation, err) : STATUS_OK;
}

/* Is it still what was being restored, and not what somebody has put in its place? */
static bool is_own(const struct restore *restore, const struct restore_file *file, int directory)
{
    struct stat info;
    bool fresh = (restore->tree.directories[file->directory].flags & DIRECTORY_FRESH) != 0;
    return fresh || (fstatat(directory, restore_tree_name(&restore->tree, file->name), &info,
                             AT_SYMLINK_NOFOLLOW) == 0 &&
                     info.st_ino == file->inode);
}

/* Whole or not at all: what lacks a piece does not stay under its name. */
static enum status remove_failed(struct restore *restore, struct restore_directories *directories,
                                 struct error *err)
{
    for (size_t i = 0; i < restore->tree.file_count; i++) {
        const struct restore_file *file = &restore->tree.files[i];
        int directory = -1;
        struct error ignored;
        if (!file->failed || (file->flags & (FILE_MADE | FILE_PARTIAL)) == 0)
            continue;
        if (report_now_and_then(restore, i, err) != STATUS_OK)
            return error_status(err);
        if (restore_directories_open(directories, file->directory, &directory, &ignored) ==
                STATUS_OK &&
            is_own(restore, file, directory))
            (void)unlinkat(directory, restore_tree_name(&restore->tree, file->name), 0);
    }
    return STATUS_OK;
}

static enum status link_at(int from_directory, const char *from, int directory, const char *name,
                           struct error *err)
{
    if (linkat(from_directory, from, directory, name, 0) == 0)
        return STATUS_OK;
    if (errno != EEXIST)
        return FAIL_ERRNO(err, "hard link");
    if (restore_clear(directory, name, err) != STATUS_OK)
        return error_status(err);
    if (linkat(from_directory, from, directory, name, 0) != 0)
        return FAIL_ERRNO(err, "hard link");
    return STATUS_OK;
}

static enum status make_link(struct restore *restore, struct restore_directories *from,
                             struct restore_directories *to, const struct restore_link *link,
                             struct error *err)
{
    int from_directory = -1;
    int directory = -1;
    if (link->file != directory_none && restore->tree.files[link->file].failed)
        return FAIL(err, STATUS_CORRUPT, "a hard link of '%.100s', which is not restored",
                    restore_tree_name(&restore->tree, link->from_name));
    if (restore_directories_open(from, link->from_directory, &from_directory, err) != STATUS_OK ||
        restore_directories_open(to, link->directory, &directory, err) != STATUS_OK)
        return error_status(err);
    return link_at(from_directory, restore_tree_name(&restore->tree, link->from_name), directory,
                   restore_tree_name(&restore->tree, link->name), err);
}

static enum status make_links(struct restore *restore, struct restore_directories *directories,
                              struct error *err)
{
    struct restore_directories from;
    enum status status = STATUS_OK;
    restore_directories_init(&from, &restore->tree);
    for (size_t i = 0; status == STATUS_OK && i < restore->tree.link_count; i++) {
        const struct restore_link *link = &restore->tree.links[i];
        struct error cause = {0};
        enum restore_problem kind = PROBLEM_FILE;
        if (make_link(restore, &from, directories, link, &cause) == STATUS_OK) {
            status = report_now_and_then(restore, i, err);
            continue;
        }
        if (cause.status == STATUS_CORRUPT)
            kind = PROBLEM_DAMAGED;
        status = restore_note(restore, kind, link->directory,
                              restore_tree_name(&restore->tree, link->name), &cause, err);
    }
    restore_directories_done(&from);
    return status;
}

static enum status finish_directory(struct restore *restore,
                                    struct restore_directories *directories, uint32_t number,
                                    struct error *ret_lost, struct error *err)
{
    const struct restore_directory *entry = &restore->tree.directories[number];
    int parent = -1;
    const char *name = ".";
    if (entry->parent == directory_none)
        parent = restore->tree.roots[entry->name].fd;
    else if (restore_directories_open(directories, entry->parent, &parent, err) != STATUS_OK)
        return error_status(err);
    else
        name = restore_tree_name(&restore->tree, entry->name);
    CLEANUP(fd_closep)
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return FAIL_ERRNO(err, "open directory");
    if ((entry->flags & DIRECTORY_FRESH) != 0)
        return attributes_set(&entry->attributes, &restore->tree.xattrs, fd, ret_lost, err);
    return attributes_set_over(&entry->attributes, &restore->tree.xattrs, fd, ret_lost, err);
}

static enum status finish_directories(struct restore *restore,
                                      struct restore_directories *directories, struct error *err)
{
    for (size_t i = restore->tree.directory_count; i-- > 0;) {
        uint32_t flags = restore->tree.directories[i].flags;
        struct error cause = {0};
        struct error lost = {0};
        if ((flags & DIRECTORY_MADE) == 0 || (flags & DIRECTORY_PLAIN) != 0)
            continue;
        if (report_now_and_then(restore, i, err) != STATUS_OK)
            return error_status(err);
        if (finish_directory(restore, directories, (uint32_t)i, &lost, &cause) == STATUS_OK)
            cause = lost;
        if (cause.status != STATUS_OK &&
            restore_note(restore, PROBLEM_ATTRIBUTES, (uint32_t)i, NULL, &cause, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status restore_finish(void *owner, struct error *err)
{
    struct restore *restore = owner;
    struct restore_directories directories;
    restore_directories_init(&directories, &restore->tree);
    enum status status = remove_failed(restore, &directories, err);
    if (status == STATUS_OK)
        status = make_links(restore, &directories, err);
    if (status == STATUS_OK)
        status = finish_directories(restore, &directories, err);
    restore_directories_done(&directories);
    return status;
}
