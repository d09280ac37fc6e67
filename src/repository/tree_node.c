#include "tree_node.h"

#include "quote.h"
#include "timestamp.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t go_mode;
} types[] = {
    [TREE_NODE_FILE] = {"file", 0},
    [TREE_NODE_DIR] = {"dir", UINT32_C(1) << 31},
    [TREE_NODE_SYMLINK] = {"symlink", UINT32_C(1) << 27},
    [TREE_NODE_DEV] = {"dev", UINT32_C(1) << 26},
    [TREE_NODE_CHARDEV] = {"chardev", UINT32_C(1) << 26 | UINT32_C(1) << 21},
    [TREE_NODE_FIFO] = {"fifo", UINT32_C(1) << 25},
    [TREE_NODE_SOCKET] = {"socket", UINT32_C(1) << 24},
};

static const struct {
    mode_t bit;
    uint32_t go_bit;
} special_bits[] = {
    {S_ISUID, UINT32_C(1) << 23},
    {S_ISGID, UINT32_C(1) << 22},
    {S_ISVTX, UINT32_C(1) << 20},
};

enum {
    TYPE_COUNT = sizeof(types) / sizeof(types[0]),
    SPECIAL_COUNT = sizeof(special_bits) / sizeof(special_bits[0]),
    PERMISSIONS = 0777
};

const char *tree_node_type_name(enum tree_node_type type)
{
    return types[type].name;
}

bool tree_node_type_from_name(const char *name, size_t len, enum tree_node_type *ret_type)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        if (strlen(types[i].name) == len && memcmp(types[i].name, name, len) == 0) {
            *ret_type = (enum tree_node_type)i;
            return true;
        }
    }
    return false;
}

uint32_t tree_node_mode_to_go(enum tree_node_type type, mode_t mode)
{
    uint32_t go = types[type].go_mode | (mode & PERMISSIONS);
    for (int i = 0; i < SPECIAL_COUNT; i++)
        if ((mode & special_bits[i].bit) != 0)
            go |= special_bits[i].go_bit;
    return go;
}

mode_t tree_node_mode_from_go(uint32_t mode)
{
    mode_t bits = mode & PERMISSIONS;
    for (int i = 0; i < SPECIAL_COUNT; i++)
        if ((mode & special_bits[i].go_bit) != 0)
            bits |= special_bits[i].bit;
    return bits;
}

bool tree_node_name_is_safe(const char *name, size_t len)
{
    if (len == 0 || memchr(name, '/', len) != NULL || memchr(name, '\0', len) != NULL)
        return false;
    return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static bool type_of(mode_t mode, enum tree_node_type *ret_type)
{
    static const struct {
        mode_t format;
        enum tree_node_type type;
    } formats[] = {
        {S_IFREG, TREE_NODE_FILE}, {S_IFDIR, TREE_NODE_DIR},     {S_IFLNK, TREE_NODE_SYMLINK},
        {S_IFBLK, TREE_NODE_DEV},  {S_IFCHR, TREE_NODE_CHARDEV}, {S_IFIFO, TREE_NODE_FIFO},
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if ((mode & S_IFMT) == formats[i].format) {
            *ret_type = formats[i].type;
            return true;
        }
    }
    return false;
}

bool tree_node_from_stat(const struct stat *info, struct tree_node *ret_node)
{
    enum tree_node_type type = TREE_NODE_FILE;
    if (!type_of(info->st_mode, &type))
        return false;
    *ret_node = (struct tree_node){
        .type = type,
        .mode = info->st_mode & 07777,
        .mtime = info->st_mtim,
        .atime = info->st_mtim,
        .ctime = info->st_ctim,
        .uid = info->st_uid,
        .gid = info->st_gid,
        .inode = info->st_ino,
        .device_id = info->st_dev,
        .size = type == TREE_NODE_FILE ? (uint64_t)info->st_size : 0,
        .links = type == TREE_NODE_DIR || type == TREE_NODE_FIFO ? 0 : info->st_nlink,
        .device = type == TREE_NODE_DEV || type == TREE_NODE_CHARDEV ? info->st_rdev : 0,
    };
    return true;
}

static char *put_number(char *to, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

char *tree_node_text_member(char *to, const char *key, uint64_t number)
{
    return number == 0 ? to : put_number(stpcpy(to, key), number);
}

char *tree_node_text_string(char *to, const char *key, const char *text)
{
    return text == NULL || text[0] == '\0' ? to : quote_json(stpcpy(to, key), text, strlen(text));
}

static char *put_time(char *to, const char *key, struct timespec time)
{
    return stpcpy(timestamp_write(stpcpy(to, key), time), "\"");
}

/* The last two are nearly always the same, and a time is dear. */
static char *put_times(char *to, const struct tree_node *node)
{
    char *start = stpcpy(to, ",\"mtime\":\"");
    to = timestamp_write(start, node->mtime);
    size_t len = (size_t)(to - start);
    to = stpcpy(to, "\",\"atime\":\"");
    if (node->atime.tv_sec == node->mtime.tv_sec && node->atime.tv_nsec == node->mtime.tv_nsec)
        to = mempcpy(to, start, len);
    else
        to = timestamp_write(to, node->atime);
    return put_time(to, "\",\"ctime\":\"", node->ctime);
}

static char *put_identity(char *to, const struct tree_node *node)
{
    bool counts_links = node->type != TREE_NODE_DIR && node->type != TREE_NODE_FIFO;
    to = tree_node_text_string(to, ",\"user\":", node->user);
    to = tree_node_text_string(to, ",\"group\":", node->group);
    to = tree_node_text_member(to, ",\"inode\":", node->inode);
    to = tree_node_text_member(to, ",\"device_id\":", node->device_id);
    to = tree_node_text_member(to, ",\"size\":", node->type == TREE_NODE_FILE ? node->size : 0);
    return tree_node_text_member(to, ",\"links\":", counts_links ? node->links : 0);
}

char *tree_node_text_head(char *to, const struct tree_node *node)
{
    to = quote_name(stpcpy(to, "{\"name\":"), node->name, node->name_len);
    to = stpcpy(stpcpy(stpcpy(to, ",\"type\":\""), tree_node_type_name(node->type)), "\"");
    to = tree_node_text_member(to, ",\"mode\":", tree_node_mode_to_go(node->type, node->mode));
    to = put_times(to, node);
    to = put_number(stpcpy(to, ",\"uid\":"), node->uid);
    to = put_number(stpcpy(to, ",\"gid\":"), node->gid);
    return put_identity(to, node);
}

static size_t length_of(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

size_t tree_node_text_head_max(const struct tree_node *node)
{
    return QUOTED_MAX(node->name_len + length_of(node->user) + length_of(node->group)) +
           2 * (size_t)TREE_NODE_TEXT_NUMBERS_MAX;
}
