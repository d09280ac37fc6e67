#include "files/mounts.h"

#include "core/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_MAX = 64 << 20 };

static const char source[] = "/proc/self/mountinfo";

/* White space and backslashes are octal there: "\040". */
static bool is_escape(const char *text)
{
    return text[0] == '\\' && strspn(text + 1, "01234567") >= 3;
}

static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        if (!is_escape(from)) {
            *to++ = *from++;
            continue;
        }
        *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
        from += 4;
    }
    *to = '\0';
}

/* "36 35 98:0 /root /path options tags... - type device options"; false: it is none of these. */
static bool parse(char *line, struct mount *ret_mount)
{
    enum { ID, AROUND, DEVICE, ROOT, PATH, FIELDS };

    char *fields[FIELDS];
    char *rest = NULL;
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
        if (fields[i] == NULL)
            return false;
    }
    char *word = strtok_r(NULL, " ", &rest);
    while (word != NULL && strcmp(word, "-") != 0)
        word = strtok_r(NULL, " ", &rest);
    const char *type = strtok_r(NULL, " ", &rest);
    if (type == NULL)
        return false;
    unescape(fields[ROOT]);
    unescape(fields[PATH]);
    *ret_mount = (struct mount){
        .id = strtoull(fields[ID], NULL, 10),
        .around = strtoull(fields[AROUND], NULL, 10),
        .device = fields[DEVICE],
        .root = fields[ROOT],
        .path = fields[PATH],
        .type = type,
    };
    return true;
}

static enum status parse_all(struct mounts *mounts, struct error *err)
{
    size_t lines = 0;
    for (size_t i = 0; i < mounts->text.len; i++)
        lines += mounts->text.bytes[i] == '\n';
    mounts->list = calloc(lines + 1, sizeof(mounts->list[0]));
    if (mounts->list == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu mounts", lines);
    char *line = (char *)mounts->text.bytes;
    for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        mounts->count += parse(line, &mounts->list[mounts->count]);
    }
    return STATUS_OK;
}

enum status mounts_read(struct mounts *mounts, struct error *err)
{
    *mounts = (struct mounts){.list = NULL};
    buffer_init(&mounts->text, TEXT_MAX);
    if (file_read(source, &mounts->text, err) == STATUS_OK && parse_all(mounts, err) == STATUS_OK)
        return STATUS_OK;
    mounts_done(mounts);
    return FAIL_IN(err, "mounts");
}

void mounts_done(struct mounts *mounts)
{
    free(mounts->list);
    buffer_done(&mounts->text);
    *mounts = (struct mounts){.list = NULL};
}

enum status mounts_find(const struct mounts *mounts, const char *directory, struct mount *ret_mount,
                        struct error *err)
{
    struct statx info;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    if (statx(AT_FDCWD, directory, flags, STATX_MNT_ID, &info) != 0)
        return FAIL_ERRNO(err, "statx '%s'", directory);
    if ((info.stx_mask & STATX_MNT_ID) == 0)
        return FAIL(err, STATUS_UNSUPPORTED, "this kernel does not tell mounts apart");
    size_t i = 0;
    while (i < mounts->count && mounts->list[i].id != info.stx_mnt_id)
        i++;
    *ret_mount = i < mounts->count ? mounts->list[i]
                                   : (struct mount){.id = info.stx_mnt_id,
                                                    .device = "",
                                                    .root = "/",
                                                    .path = "/",
                                                    .type = "an unknown file system"};
    return STATUS_OK;
}

/* How much of it stands in front of the path of what is in it: nothing of "/". */
static size_t prefix_len(const char *directory)
{
    return strcmp(directory, "/") == 0 ? 0 : strlen(directory);
}

bool mount_is_below(const struct mount *mount, const struct mount *around, const char *directory)
{
    size_t len = prefix_len(directory);
    return mount->around == around->id && strncmp(mount->path, directory, len) == 0 &&
           mount->path[len] == '/' && mount->path[len + 1] != '\0';
}

bool mount_hides_nothing(const struct mount *mount, const struct mount *around)
{
    size_t len = prefix_len(around->root);
    return strcmp(mount->device, around->device) == 0 &&
           strncmp(mount->root, around->root, len) == 0 &&
           strcmp(mount->root + len, mount->path + prefix_len(around->path)) == 0;
}
