#include "tree_node_text.h"

#include "quote.h"
#include "timestamp.h"
#include "tree_node.h"

#include <string.h>

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
