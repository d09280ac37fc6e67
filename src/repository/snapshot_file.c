#include "snapshot_file.h"

#include "quote.h"
#include "timestamp.h"
#include "whoami.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status add_format(struct buffer *text, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

static enum status add_format(struct buffer *text, struct error *err, const char *format, ...)
{
    char part[512];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above is not understood */
    int len = vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(part))
        return FAIL(err, STATUS_INTERNAL, "a part of a snapshot of %d bytes", len);
    return buffer_add(text, part, (size_t)len, err);
}

static enum status add_string(struct buffer *text, const char *string, struct error *err)
{
    size_t len = strlen(string);
    if (buffer_reserve(text, QUOTED_MAX(len), err) != STATUS_OK)
        return error_status(err);
    char *start = (char *)text->bytes + text->len;
    text->len += (size_t)(quote_json(start, string, len) - start);
    return STATUS_OK;
}

/* ,"key":"…" */
static enum status add_member(struct buffer *text, const char *key, const char *string,
                              struct error *err)
{
    if (string[0] == '\0')
        return STATUS_OK;
    if (add_format(text, err, ",\"%s\":", key) != STATUS_OK)
        return error_status(err);
    return add_string(text, string, err);
}

/* ,"key":["…",…]; nothing at all for an empty list that is optional */
static enum status add_list(struct buffer *text, const char *key, const char *const *list,
                            bool optional, struct error *err)
{
    if (optional && (list == NULL || list[0] == NULL))
        return STATUS_OK;
    if (add_format(text, err, ",\"%s\":[", key) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        if (i > 0 && buffer_add_text(text, ",", err) != STATUS_OK)
            return error_status(err);
        if (add_string(text, list[i], err) != STATUS_OK)
            return error_status(err);
    }
    return buffer_add_text(text, "]", err);
}

static enum status add_owner(struct buffer *text, const struct repository_snapshot *snapshot,
                             struct error *err)
{
    struct whoami me;
    whoami(&me);
    const char *host = snapshot->hostname == NULL ? me.host : snapshot->hostname;
    const char *user = snapshot->username == NULL ? me.user : snapshot->username;
    if (add_member(text, "hostname", host, err) != STATUS_OK ||
        add_member(text, "username", user, err) != STATUS_OK)
        return error_status(err);
    if (getuid() != 0 && add_format(text, err, ",\"uid\":%u", (unsigned)getuid()) != STATUS_OK)
        return error_status(err);
    if (getgid() != 0 && add_format(text, err, ",\"gid\":%u", (unsigned)getgid()) != STATUS_OK)
        return error_status(err);
    return STATUS_OK;
}

static unsigned long long new_of(uint64_t all, uint64_t changed, uint64_t unmodified)
{
    return all - changed - unmodified;
}

static enum status add_parent(struct buffer *text, const struct repository_snapshot *snapshot,
                              struct error *err)
{
    char parent[BLOB_ID_TEXT_SIZE];
    if (!snapshot->has_parent)
        return STATUS_OK;
    blob_id_to_text(&snapshot->parent, parent);
    return add_format(text, err, ",\"parent\":\"%s\"", parent);
}

static enum status add_summary(struct buffer *text, const struct repository_statistics *statistics,
                               const struct repository_snapshot *snapshot, struct error *err)
{
    struct timespec now;
    char start[TIMESTAMP_MAX + 1];
    char end[TIMESTAMP_MAX + 1];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *timestamp_write(start, snapshot->time) = '\0';
    *timestamp_write(end, now) = '\0';
    if (add_format(text, err,
                   ",\"program_version\":\"appbackup " APPBACKUP_VERSION
                   "\",\"summary\":{\"backup_start\":\"%s\",\"backup_end\":\"%s\"",
                   start, end) != STATUS_OK ||
        add_format(text, err,
                   ",\"files_new\":%llu,\"files_changed\":%llu,\"files_unmodified\":%llu"
                   ",\"dirs_new\":%llu,\"dirs_changed\":%llu,\"dirs_unmodified\":%llu",
                   new_of(snapshot->files, snapshot->files_changed, snapshot->files_unmodified),
                   (unsigned long long)snapshot->files_changed,
                   (unsigned long long)snapshot->files_unmodified,
                   new_of(snapshot->directories, snapshot->directories_changed,
                          snapshot->directories_unmodified),
                   (unsigned long long)snapshot->directories_changed,
                   (unsigned long long)snapshot->directories_unmodified) != STATUS_OK)
        return error_status(err);
    return add_format(
        text, err,
        ",\"data_blobs\":%llu,\"tree_blobs\":%llu,\"data_added\":%llu"
        ",\"data_added_packed\":%llu,\"total_files_processed\":%llu"
        ",\"total_bytes_processed\":%llu}",
        (unsigned long long)statistics->data_blobs, (unsigned long long)statistics->tree_blobs,
        (unsigned long long)statistics->bytes_added, (unsigned long long)statistics->bytes_stored,
        (unsigned long long)snapshot->files, (unsigned long long)snapshot->bytes);
}

enum status snapshot_file_write(const struct repository_snapshot *snapshot,
                                const struct repository_statistics *statistics, struct buffer *text,
                                struct error *err)
{
    char time[TIMESTAMP_MAX + 1];
    char tree[BLOB_ID_TEXT_SIZE];
    *timestamp_write(time, snapshot->time) = '\0';
    blob_id_to_text(&snapshot->tree, tree);
    if (add_format(text, err, "{\"time\":\"%s\"", time) != STATUS_OK ||
        add_parent(text, snapshot, err) != STATUS_OK ||
        add_format(text, err, ",\"tree\":\"%s\"", tree) != STATUS_OK ||
        add_list(text, "paths", snapshot->paths, false, err) != STATUS_OK ||
        add_owner(text, snapshot, err) != STATUS_OK ||
        add_list(text, "excludes", snapshot->excludes, true, err) != STATUS_OK ||
        add_list(text, "tags", snapshot->tags, true, err) != STATUS_OK ||
        add_summary(text, statistics, snapshot, err) != STATUS_OK)
        return error_status(err);
    return buffer_add_text(text, "}", err);
}
