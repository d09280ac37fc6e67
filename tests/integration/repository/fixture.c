#include "fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void fixture_open(struct fixture *f)
{
    scratch_open(&f->scratch);
    scratch_shell(&f->scratch, "mkdir bucket source");
    MUST(f, object_store_open_directory("nightly", scratch_path(&f->scratch, "bucket"), "shop",
                                        &f->store, &f->err));
}

void fixture_close(struct fixture *f)
{
    repository_close(f->repository);
    object_store_close(f->store);
    scratch_close(&f->scratch);
}

void fixture_begin(struct fixture *f)
{
    MUST(f, repository_open_or_create(f->store, PASSPHRASE, &f->repository, &f->err));
    MUST(f, repository_lock(f->repository, false, NULL, &f->err));
    MUST(f, repository_load_index(f->repository, NULL, &f->err));
    chunker_init(&f->chunker, repository_polynomial(f->repository));
}

void fixture_end(struct fixture *f)
{
    repository_close(f->repository);
    f->repository = NULL;
}

void fixture_check(struct fixture *f)
{
    restic(f, "check --read-data");
    scratch_shell(&f->scratch, "test -z \"$(find bucket/shop/locks -type f ! -name '*~*')\"");
}

static void read_extras(const char *path, const struct stat *info, struct tree_node *node,
                        struct file_extras *extras)
{
    const struct passwd *user = getpwuid(info->st_uid);
    const struct group *group = getgrgid(info->st_gid);
    if (user != NULL) {
        (void)snprintf(extras->user, sizeof(extras->user), "%s", user->pw_name);
        node->user = extras->user;
    }
    if (group != NULL) {
        (void)snprintf(extras->group, sizeof(extras->group), "%s", group->gr_name);
        node->group = extras->group;
    }
    if (S_ISLNK(info->st_mode)) { /* restic 0.14 has no attributes of links either */
        ssize_t len = readlink(path, extras->target, sizeof(extras->target) - 1);
        cr_assert(len >= 0);
        extras->target[len] = '\0';
        node->link_target = extras->target;
        return;
    }
    ssize_t len = llistxattr(path, extras->names, sizeof(extras->names));
    for (char *name = extras->names; len > 0 && name < extras->names + len;
         name += strlen(name) + 1) {
        size_t i = node->xattr_count++;
        cr_assert(lt(sz, i, (size_t)XATTRS_MAX));
        ssize_t value_len = lgetxattr(path, name, extras->values[i], sizeof(extras->values[i]));
        cr_assert(value_len >= 0);
        extras->xattrs[i] = (struct tree_node_xattr){name, extras->values[i], (size_t)value_len};
    }
    node->xattrs = extras->xattrs;
}

/* Reads the whole file; the content's ids are the caller's. */
static struct blob_id *backup_content(struct fixture *f, const char *path, struct tree_node *node)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    cr_assert(fd >= 0, "%s", path);
    size_t len = (size_t)node->size, done = 0;
    unsigned char *bytes = malloc(len + 1);
    struct blob_id *ids = calloc(len / CHUNK_MIN_BYTES + 1, sizeof(*ids));
    while (done < len) {
        ssize_t got = read(fd, bytes + done, len - done);
        cr_assert(got > 0);
        done += (size_t)got;
    }
    (void)close(fd);
    for (size_t start = 0; start < len;) {
        bool known = false;
        size_t chunk = chunker_next(&f->chunker, bytes + start, len - start);
        MUST(f, repository_save_blob(f->repository, BLOB_DATA, bytes + start, chunk,
                                     &ids[node->content_count++], &known, &f->err));
        start += chunk;
    }
    free(bytes);
    node->content = ids;
    return ids;
}

static struct blob_id backup_directory(struct fixture *f, const char *path);

static void backup_entry(struct fixture *f, const char *path, const char *name,
                         struct tree_writer *writer)
{
    struct stat info;
    struct tree_node node;
    struct file_extras *extras = calloc(1, sizeof(*extras));
    struct blob_id *ids = NULL;
    cr_assert(lstat(path, &info) == 0, "%s", path);
    if (tree_node_from_stat(&info, &node)) {
        node.name = name;
        node.name_len = strlen(name);
        read_extras(path, &info, &node, extras);
        if (node.type == TREE_NODE_FILE)
            ids = backup_content(f, path, &node);
        if (node.type == TREE_NODE_DIR) {
            node.subtree = backup_directory(f, path);
            node.has_subtree = true;
        }
        MUST(f, tree_writer_add(writer, &node, &f->err));
    }
    free(ids);
    free(extras);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static struct blob_id backup_directory(struct fixture *f, const char *path)
{
    struct tree_writer *writer = NULL;
    struct dirent **entries = NULL;
    struct blob_id id;
    int count = scandir(path, &entries, NULL, by_bytes);
    cr_assert(count >= 2, "%s", path);
    MUST(f, tree_writer_new(f->repository, &writer, &f->err));
    for (int i = 0; i < count; i++) {
        char *inner = NULL;
        cr_assert(asprintf(&inner, "%s/%s", path, entries[i]->d_name) > 0);
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            backup_entry(f, inner, entries[i]->d_name, writer);
        free(inner);
        free(entries[i]);
    }
    free(entries);
    MUST(f, tree_writer_finish(writer, &id, &f->err));
    tree_writer_free(writer);
    return id;
}

struct blob_id fixture_backup(struct fixture *f)
{
    struct tree_writer *writer = NULL;
    char source[128];
    const char *paths[] = {source, NULL};
    (void)snprintf(source, sizeof(source), "%s/source", f->scratch.path);
    static const char *const tags[] = {"appbackup", NULL};
    struct repository_snapshot snapshot = {.paths = paths, .tags = tags};
    (void)clock_gettime(CLOCK_REALTIME, &snapshot.time);
    fixture_begin(f);
    MUST(f, tree_writer_new(f->repository, &writer, &f->err));
    backup_entry(f, source, "source", writer);
    MUST(f, tree_writer_finish(writer, &snapshot.tree, &f->err));
    tree_writer_free(writer);
    MUST(f, repository_flush(f->repository, &f->err));
    MUST(f, repository_save_snapshot(f->repository, &snapshot, &f->err));
    fixture_end(f);
    return snapshot.id;
}

static void restore_content(struct fixture *f, const char *path, const struct tree_node *node)
{
    struct buffer buffer;
    uint64_t size = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert(fd >= 0, "%s", path);
    buffer_init(&buffer, CHUNK_MAX_BYTES);
    for (size_t i = 0; i < node->content_count; i++) {
        MUST(f,
             repository_load_blob(f->repository, BLOB_DATA, &node->content[i], &buffer, &f->err));
        cr_assert(write(fd, buffer.bytes, buffer.len) == (ssize_t)buffer.len);
        size += buffer.len;
    }
    cr_expect(eq(u64, size, node->size), "%s", path);
    buffer_done(&buffer);
    (void)close(fd);
}

/* True if it was made as a link to one that is there already. */
static bool restore_link(struct restoring *r, const char *path, const struct tree_node *node)
{
    if (node->links < 2 || node->type == TREE_NODE_DIR)
        return false;
    for (size_t i = 0; i < r->link_count; i++) {
        if (r->links[i].inode == node->inode) {
            cr_assert(link(r->links[i].path, path) == 0);
            return true;
        }
    }
    cr_assert(lt(sz, r->link_count, (size_t)16));
    r->links[r->link_count].inode = node->inode;
    (void)snprintf(r->links[r->link_count++].path, 4096, "%s", path);
    return false;
}

static void restore_metadata(const char *path, const struct tree_node *node)
{
    struct timespec times[2] = {node->atime, node->mtime};
    cr_assert(lchown(path, node->uid, node->gid) == 0);
    for (size_t i = 0; i < node->xattr_count; i++)
        cr_assert(lsetxattr(path, node->xattrs[i].name, node->xattrs[i].value,
                            node->xattrs[i].value_len, 0) == 0);
    if (node->type != TREE_NODE_SYMLINK)
        cr_assert(chmod(path, node->mode) == 0);
    cr_assert(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static void restore_tree(struct restoring *r, const struct blob_id *id, const char *path);

static void restore_node(struct restoring *r, const char *path, const struct tree_node *node)
{
    if (restore_link(r, path, node))
        return;
    switch (node->type) {
    case TREE_NODE_FILE:
        restore_content(r->f, path, node);
        break;
    case TREE_NODE_DIR:
        cr_assert(node->has_subtree);
        cr_assert(mkdir(path, 0700) == 0, "%s", path);
        restore_tree(r, &node->subtree, path);
        break;
    case TREE_NODE_SYMLINK:
        cr_assert(symlink(node->link_target, path) == 0);
        break;
    case TREE_NODE_DEV:
    case TREE_NODE_CHARDEV:
        cr_assert(mknod(path, node->type == TREE_NODE_DEV ? S_IFBLK : S_IFCHR, node->device) == 0);
        break;
    case TREE_NODE_FIFO:
    case TREE_NODE_SOCKET:
        cr_assert(mkfifo(path, 0600) == 0);
        break;
    }
    restore_metadata(path, node);
}

static void restore_tree(struct restoring *r, const struct blob_id *id, const char *path)
{
    struct buffer text;
    struct tree_reader *reader = NULL;
    struct tree_node node;
    bool more = true;
    buffer_init(&text, 256 << 20);
    MUST(r->f, repository_load_blob(r->f->repository, BLOB_TREE, id, &text, &r->f->err));
    MUST(r->f, tree_reader_new(text.bytes, text.len, &reader, &r->f->err));
    for (;;) {
        char *inner = NULL;
        MUST(r->f, tree_reader_next(reader, &node, &more, &r->f->err));
        if (!more)
            break;
        cr_assert(asprintf(&inner, "%s/%s", path, node.name) > 0);
        restore_node(r, inner, &node);
        free(inner);
    }
    tree_reader_free(reader);
    buffer_done(&text);
}

static enum status on_newest(void *context, const struct repository_snapshot *snapshot,
                             struct error *err)
{
    struct repository_snapshot *newest = context;
    (void)err;
    if (snapshot->time.tv_sec > newest->time.tv_sec ||
        (snapshot->time.tv_sec == newest->time.tv_sec &&
         snapshot->time.tv_nsec > newest->time.tv_nsec)) {
        newest->time = snapshot->time;
        newest->tree = snapshot->tree;
    }
    return STATUS_OK;
}

void fixture_restore(struct fixture *f)
{
    struct restoring *restoring = calloc(1, sizeof(*restoring));
    struct repository_snapshot newest = {.paths = NULL};
    char target[128];
    restoring->f = f;
    (void)snprintf(target, sizeof(target), "%s/restored", f->scratch.path);
    cr_assert(mkdir(target, 0755) == 0);
    fixture_begin(f);
    MUST(f, repository_list_snapshots(f->repository, on_newest, &newest, &f->err));
    restore_tree(restoring, &newest.tree, target);
    fixture_end(f);
    free(restoring);
}
