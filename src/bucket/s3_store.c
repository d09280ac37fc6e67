/*
 * Objects in an S3 bucket, laid out as restic's S3 backend has them: "<prefix>/data/01/0123…".
 *
 * PUT_NEW is "If-None-Match: *", which Amazon S3, Ceph RGW and others honour: of several that try,
 * one succeeds. A service that answers 501 NotImplemented gets the best there is without it: a
 * look, then a put. Two that try there in the same moment both succeed, and the later one stays:
 * the only object put so is a repository's config, once in its life.
 */
#include "bucket/object_store.h"
#include "object_store_driver.h"
#include "s3_client.h"
#include "s3_xml.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 4 * 1024 * 1024, PAGE_KEYS = 1000 };

static enum status s3_size(void *self, const char *name, uint64_t *ret_size, struct error *err)
{
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_HEAD, .name = name, .query = ""};
    if (s3_client_run(self, &request, &reply, err) != STATUS_OK)
        return error_status(err);
    *ret_size = reply.length;
    return STATUS_OK;
}

static enum status s3_get(void *self, const char *name, struct buffer *buffer, struct error *err)
{
    struct s3_reply reply;
    const struct s3_request request = {
        .verb = S3_GET, .name = name, .query = "", .sink = {.buffer = buffer}};
    if (buffer_reserve(buffer, 0, err) != STATUS_OK)
        return error_status(err);
    enum status status = s3_client_run(self, &request, &reply, err);
    if (buffer->bytes != NULL)
        buffer->bytes[buffer->len] = '\0';
    return status;
}

static enum status too_short(uint64_t total, uint64_t offset, size_t len, struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "%llu bytes long, but %zu bytes at %llu are expected",
                (unsigned long long)total, len, (unsigned long long)offset);
}

/* A range cannot be empty; that the object is there and long enough is asked all the same. */
static enum status get_nothing(void *self, const char *name, uint64_t offset, struct error *err)
{
    uint64_t size = 0;
    if (s3_size(self, name, &size, err) != STATUS_OK)
        return error_status(err);
    return offset > size ? too_short(size, offset, 0, err) : STATUS_OK;
}

static enum status s3_get_range(void *self, const char *name, uint64_t offset, size_t len,
                                void *bytes, struct error *err)
{
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_GET,
                                       .name = name,
                                       .query = "",
                                       .range = {.offset = offset, .len = len},
                                       .sink = {.bytes = bytes}};
    if (len == 0)
        return get_nothing(self, name, offset, err);
    if (s3_client_run(self, &request, &reply, err) != STATUS_OK)
        return error_status(err);
    return reply.length < len ? too_short(reply.total, offset, len, err) : STATUS_OK;
}

static bool is_same(const struct buffer *buffer, const struct object_part *parts, size_t count)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > buffer->len - done)
            return false;
        if (parts[i].len > 0 && memcmp(buffer->bytes + done, parts[i].bytes, parts[i].len) != 0)
            return false;
        done += parts[i].len;
    }
    return done == buffer->len;
}

/* "It is there already" may be ourselves: an attempt that came through, whose answer did not. */
static enum status check_whose(struct s3_client *client, const char *name,
                               const struct s3_request *request, struct error *err)
{
    size_t len = 0;
    for (size_t i = 0; i < request->part_count; i++)
        len += request->parts[i].len;
    struct error ignored = {0};
    struct buffer found;
    buffer_init(&found, len);
    bool is_ours = s3_get(client, name, &found, &ignored) == STATUS_OK &&
                   is_same(&found, request->parts, request->part_count);
    buffer_done(&found);
    return is_ours ? STATUS_OK : error_status(err);
}

static enum status put_after_a_look(struct s3_client *client, struct s3_request *request,
                                    struct error *err)
{
    struct s3_reply reply;
    uint64_t size = 0;
    enum status status = s3_size(client, request->name, &size, err);
    if (status == STATUS_OK)
        return FAIL(err, STATUS_CONFLICT, "it is there already");
    if (status != STATUS_NOT_FOUND)
        return status;
    request->only_if_new = false;
    return s3_client_run(client, request, &reply, err);
}

static enum status s3_put(void *self, const char *name, const struct object_part *parts,
                          size_t part_count, enum put_mode mode, struct error *err)
{
    struct s3_reply reply;
    struct s3_request request = {.verb = S3_PUT,
                                 .name = name,
                                 .query = "",
                                 .parts = parts,
                                 .part_count = part_count,
                                 .only_if_new = mode == PUT_NEW};
    enum status status = s3_client_run(self, &request, &reply, err);
    if (mode == PUT_NEW && status == STATUS_CONFLICT && reply.unsure)
        return check_whose(self, name, &request, err);
    if (mode == PUT_NEW && status == STATUS_UNSUPPORTED)
        return put_after_a_look(self, &request, err);
    return status;
}

static enum status s3_remove(void *self, const char *name, struct error *err)
{
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_DELETE, .name = name, .query = ""};
    enum status status = s3_client_run(self, &request, &reply, err);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What a listing is asked for, and whom to tell. */
struct listing {
    struct s3_client *client;
    const char *below; /* of the bucket: the store's prefix and the listing's */
    object_seen_fn *seen;
    void *context;
};

/* Others may have put things beside ours: what has no object's name is not ours. */
static enum status on_entry(void *context, const char *key, uint64_t size, struct error *err)
{
    const struct listing *listing = context;
    size_t len = strlen(listing->below);
    if (strncmp(key, listing->below, len) != 0 || !object_name_is_valid(key + len))
        return STATUS_OK;
    const char *slash = strrchr(key + len, '/');
    return listing->seen(listing->context, slash == NULL ? key + len : slash + 1, size, err);
}

/* For a query; the result is cut off if it does not fit, which its size rules out. */
static void encode(const char *text, char *encoded, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~";
    size_t used = 0;
    for (; *text != '\0' && used + 4 <= size; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr(unreserved, *text) != NULL) {
            encoded[used++] = *text;
        } else {
            encoded[used++] = '%';
            encoded[used++] = digits[c >> 4];
            encoded[used++] = digits[c & 15];
        }
    }
    encoded[used] = '\0';
}

static enum status fetch_page(const struct listing *listing, const char *token,
                              struct buffer *answer, struct error *err)
{
    char encoded_token[3 * S3_TOKEN_SIZE + 1];
    char encoded_prefix[3 * (2 * OBJECT_NAME_MAX + 8) + 1];
    char query[S3_QUERY_SIZE];
    encode(token, encoded_token, sizeof(encoded_token));
    encode(listing->below, encoded_prefix, sizeof(encoded_prefix));
    (void)snprintf(query, sizeof(query),
                   "%s%s%sencoding-type=url&list-type=2&max-keys=%d&prefix=%s",
                   token[0] == '\0' ? "" : "continuation-token=", encoded_token,
                   token[0] == '\0' ? "" : "&", PAGE_KEYS, encoded_prefix);
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_GET, .query = query, .sink = {.buffer = answer}};
    enum status status = s3_client_run(listing->client, &request, &reply, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    struct error cause = *err; /* not "no objects": there is nowhere to look */
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_MISSING, "%s", cause.text);
}

static enum status list_page(struct listing *listing, struct s3_page *page, struct error *err)
{
    struct buffer answer;
    char token[S3_TOKEN_SIZE];
    memcpy(token, page->next_token, sizeof(token));
    buffer_init(&answer, PAGE_BYTES_MAX);
    enum status status = fetch_page(listing, token, &answer, err);
    if (status == STATUS_OK)
        status = s3_page_read((const char *)answer.bytes, answer.len, on_entry, listing, page, err);
    buffer_done(&answer);
    if (status == STATUS_OK && page->is_truncated && strcmp(page->next_token, token) == 0)
        return FAIL(err, STATUS_CORRUPT, "the server's listing goes round in circles");
    return status;
}

static enum status s3_list(void *self, const char *prefix, object_seen_fn *seen, void *context,
                           struct error *err)
{
    char below[2 * OBJECT_NAME_MAX + 8];
    (void)snprintf(below, sizeof(below), "%s%s", s3_client_place(self)->prefix, prefix);
    struct listing listing = {.client = self, .below = below, .seen = seen, .context = context};
    struct s3_page page = {.is_truncated = false};
    do {
        if (list_page(&listing, &page, err) != STATUS_OK)
            return error_status(err);
    } while (page.is_truncated);
    return STATUS_OK;
}

static void s3_close(void *self)
{
    s3_client_free(self);
}

static const struct object_store_driver s3_driver = {
    .put = s3_put,
    .get = s3_get,
    .get_range = s3_get_range,
    .size = s3_size,
    .remove = s3_remove,
    .list = s3_list,
    .close = s3_close,
};

enum status object_store_open_s3(const struct object_store_s3 *options,
                                 struct object_store **ret_store, struct error *err)
{
    struct s3_client *client = NULL;
    if (s3_client_new(options, &client, err) != STATUS_OK)
        return FAIL_IN(err, "bucket '%s'", options->name);
    return object_store_new(options->name, &s3_driver, client, ret_store, err);
}
