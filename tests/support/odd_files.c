#include "tests/support/odd_files.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 256 * 1024, REPLY_MAX = 160 * 1024, READ_MAX = 128 * 1024 };

/* A request and what is answered to it. */
struct exchange {
    const struct odd_files *files;
    const struct fuse_in_header *in;
    const void *body;
    struct fuse_out_header *out;
    char *reply;
    size_t len; /* of the reply */
};

/* The directory is node 1, the files follow. */
static const struct odd_file *file_of(const struct exchange *exchange)
{
    uint64_t node = exchange->in->nodeid;
    return node < 2 || node - 2 >= exchange->files->count ? NULL : &exchange->files->list[node - 2];
}

static void describe(const struct odd_files *files, uint64_t node, struct fuse_attr *attr)
{
    *attr = (struct fuse_attr){
        .ino = node,
        .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644,
        .nlink = node == 1 ? 2 : 1,
        .mtime = 1700000000,
        .ctime = 1700000000,
        .blksize = 4096,
    };
    if (node == 1)
        return;
    attr->size = files->list[node - 2].size;
    attr->blocks = files->list[node - 2].blocks;
}

static int on_lookup(struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->files->count; i++) {
        if (strcmp(exchange->files->list[i].name, exchange->body) != 0)
            continue;
        struct fuse_entry_out entry = {.nodeid = i + 2};
        describe(exchange->files, i + 2, &entry.attr);
        memcpy(exchange->reply, &entry, sizeof(entry));
        exchange->len = sizeof(entry);
        return 0;
    }
    return ENOENT;
}

static int on_getattr(struct exchange *exchange)
{
    struct fuse_attr_out out = {.attr_valid = 0};
    describe(exchange->files, exchange->in->nodeid, &out.attr);
    memcpy(exchange->reply, &out, sizeof(out));
    exchange->len = sizeof(out);
    return 0;
}

static int on_open(struct exchange *exchange)
{
    struct fuse_open_out out = {.fh = 1, .open_flags = FOPEN_DIRECT_IO};
    memcpy(exchange->reply, &out, sizeof(out));
    exchange->len = sizeof(out);
    return 0;
}

static void add_entry(struct exchange *exchange, uint64_t *at, size_t file)
{
    struct fuse_read_in in;
    memcpy(&in, exchange->body, sizeof(in));
    const char *name = exchange->files->list[file].name;
    struct fuse_dirent entry = {
        .ino = file + 2, .off = ++*at, .namelen = (uint32_t)strlen(name), .type = S_IFREG >> 12};
    size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + entry.namelen);
    if (*at <= in.offset || exchange->len + size > in.size)
        return;
    memset(exchange->reply + exchange->len, 0, size);
    memcpy(exchange->reply + exchange->len, &entry, FUSE_NAME_OFFSET);
    memcpy(exchange->reply + exchange->len + FUSE_NAME_OFFSET, name, entry.namelen);
    exchange->len += size;
}

static int on_readdir(struct exchange *exchange)
{
    uint64_t at = 0;
    for (size_t i = 0; i < exchange->files->count; i++)
        add_entry(exchange, &at, i);
    for (size_t i = 0; i < exchange->files->count; i++)
        if (exchange->files->list[i].is_listed_twice)
            add_entry(exchange, &at, i);
    return 0;
}

static int on_read(struct exchange *exchange)
{
    struct fuse_read_in in;
    memcpy(&in, exchange->body, sizeof(in));
    const struct odd_file *file = file_of(exchange);
    if (file == NULL)
        return EISDIR;
    size_t left = in.offset < file->len ? file->len - in.offset : 0;
    exchange->len = left < in.size ? left : in.size;
    if (exchange->len > 0)
        memcpy(exchange->reply, (const char *)file->content + in.offset, exchange->len);
    return 0;
}

static int on_lseek(struct exchange *exchange)
{
    const struct odd_file *file = file_of(exchange);
    return file != NULL && file->seek == ODD_SEEK_HOLE ? ENXIO : EINVAL;
}

static int on_init(struct exchange *exchange)
{
    struct fuse_init_out out = {
        .major = 7, .minor = 31, .max_readahead = READ_MAX, .max_write = READ_MAX};
    memcpy(exchange->reply, &out, sizeof(out));
    exchange->len = sizeof(out);
    return 0;
}

static int on_statfs(struct exchange *exchange)
{
    struct fuse_statfs_out out = {.st = {.bsize = 4096, .namelen = 255, .frsize = 4096}};
    memcpy(exchange->reply, &out, sizeof(out));
    exchange->len = sizeof(out);
    return 0;
}

static int answer(struct exchange *exchange)
{
    switch (exchange->in->opcode) {
    case FUSE_INIT:
        return on_init(exchange);
    case FUSE_LOOKUP:
        return on_lookup(exchange);
    case FUSE_GETATTR:
        return on_getattr(exchange);
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        return on_open(exchange);
    case FUSE_READDIR:
        return on_readdir(exchange);
    case FUSE_READ:
        return on_read(exchange);
    case FUSE_LSEEK:
        return on_lseek(exchange);
    case FUSE_STATFS:
        return on_statfs(exchange);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
        return 0;
    default:
        return ENOSYS;
    }
}

/* Until it is unmounted. */
static void serve(const struct odd_files *files)
{
    static _Alignas(struct fuse_in_header) char request[REQUEST_MAX];
    static _Alignas(struct fuse_out_header) char reply[REPLY_MAX];
    for (;;) {
        ssize_t got = read(files->device, request, sizeof(request));
        if (got < 0 && errno != EINTR && errno != ENOENT)
            return;
        const struct fuse_in_header *in = (const void *)request;
        if (got < (ssize_t)sizeof(*in) || in->opcode == FUSE_FORGET ||
            in->opcode == FUSE_BATCH_FORGET)
            continue;
        struct fuse_out_header *out = (void *)reply;
        struct exchange exchange = {
            .files = files, .in = in, .body = in + 1, .out = out, .reply = reply + sizeof(*out)};
        int failure = answer(&exchange);
        size_t len = failure == 0 ? exchange.len : 0;
        *out = (struct fuse_out_header){
            .len = (uint32_t)(sizeof(*out) + len), .error = -failure, .unique = in->unique};
        (void)!write(files->device, reply, out->len);
    }
}

void odd_files_mount(struct odd_files *files, struct scratch *scratch, const char *name)
{
    (void)snprintf(files->path, sizeof(files->path), "%s", scratch_path(scratch, name));
    cr_assert(mkdir(files->path, 0755) == 0);
    files->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    cr_assert(files->device >= 0, "/dev/fuse: %s", strerror(errno));
    char options[96];
    (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
                   files->device);
    cr_assert(mount("odd", files->path, "fuse.odd", 0, options) == 0, "%s", strerror(errno));
    files->server = fork();
    cr_assert(files->server >= 0);
    if (files->server > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(files);
    _exit(0);
}

void odd_files_unmount(struct odd_files *files)
{
    (void)umount2(files->path, MNT_DETACH);
    (void)close(files->device);
    cr_expect(waitpid(files->server, NULL, 0) == files->server);
}
