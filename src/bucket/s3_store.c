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

enum {
    PAGE_BYTES_MAX = 4 * 1024 * 1024,
    PAGE_KEYS = 1000,
    PAGES_MAX = 1000 * 1000,
    EMPTY_PAGES_MAX = 100 /* in a row */
};

static enum status fail_odd(struct error *err, const char *what)
{
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, "%s", what);
}

/* Asks for the first byte: the answer tells how many there are, and why there is none. */
static enum status size_by_get(struct s3_client *client, const char *name, uint64_t *ret_size,
                               struct error *err)
{
    unsigned char first = 0;
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_GET,
                                       .name = name,
                                       .query = "",
                                       .range = {.offset = 0, .len = 1},
                                       .sink = {.bytes = &first}};
    enum status status = s3_client_run(client, &request, &reply, err);
    if (reply.no_such_range)
        reply = (struct s3_reply){.has_total = true}; /* it has no first byte */
    else if (status != STATUS_OK)
        return status;
    if (!reply.has_total)
        return fail_odd(err, "the server does not tell the size");
    *ret_size = reply.total;
    return STATUS_OK;
}

/* The answer to a HEAD has no body, so it cannot say who says that nothing is there; and a proxy
 * may take its length for that of the body, which is none. */
static enum status s3_size(void *self, const char *name, uint64_t *ret_size, struct error *err)
{
    struct s3_reply reply;
    const struct s3_request request = {.verb = S3_HEAD, .name = name, .query = ""};
    enum status status = s3_client_run(self, &request, &reply, err);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && reply.total == 0))
        return size_by_get(self, name, ret_size, err);
    if (status != STATUS_OK)
        return status;
    *ret_size = reply.total;
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

/* What came fits the question. Is it the answer? *ret_odd: it is none, and the next one may be. */
static enum status judge_range(struct s3_client *client, const struct s3_request *request,
                               const struct s3_reply *reply, bool *ret_odd, struct error *err)
{
    const struct s3_range *range = &request->range;
    uint64_t total = reply->total;
    *ret_odd = false;
    /* A part that is called the whole looks like it. */
    if ((reply->is_whole || reply->no_such_range) &&
        s3_size(client, request->name, &total, err) != STATUS_OK)
        return error_status(err);
    *ret_odd = reply->is_whole && total != reply->total;
    if (*ret_odd)
        return fail_odd(err, "the server sends a part of the object and calls it the whole");
    if (reply->has_total && (range->offset > total || range->len > total - range->offset))
        return too_short(total, range->offset, range->len, err);
    *ret_odd = reply->no_such_range;
    return *ret_odd ? fail_odd(err, "the server has no such range of an object that is long enough")
                    : STATUS_OK;
}

static enum status get_range_once(struct s3_client *client, const struct s3_request *request,
                                  bool *ret_odd, struct error *err)
{
    struct s3_reply reply;
    enum status status = s3_client_run(client, request, &reply, err);
    *ret_odd = false;
    if (reply.no_such_range)
        reply.has_total = true; /* as s3_size() will tell */
    else if (status != STATUS_OK)
        return status;
    return judge_range(client, request, &reply, ret_odd, err);
}

static enum status s3_get_range(void *self, const char *name, uint64_t offset, size_t len,
                                void *bytes, struct error *err)
{
    const struct s3_request request = {.verb = S3_GET,
                                       .name = name,
                                       .query = "",
                                       .range = {.offset = offset, .len = len},
                                       .sink = {.bytes = bytes}};
    if (len == 0)
        return get_nothing(self, name, offset, err);
    for (int64_t number = 1;; number++) {
        struct error pause = {0};
        bool is_odd = false;
        bool again = false;
        enum status status = get_range_once(self, &request, &is_odd, err);
        if (!is_odd)
            return status;
        if (s3_client_pause(self, number, &again, &pause) != STATUS_OK) {
            *err = pause;
            return error_status(err);
        }
        if (!again)
            return status;
    }
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

static enum status s3_look_again(void *self, struct error *err)
{
    return s3_client_look_again(self, err);
}

/* Each request goes to the bucket of that name anew. */
static enum status s3_check_place(UNUSED void *self, UNUSED struct error *err)
{
    return STATUS_OK;
}

/* What a listing is asked for, and whom to tell. */
struct listing {
    struct s3_client *client;
    const char *below; /* of the bucket: the store's prefix and the listing's */
    object_seen_fn *seen;
    void *context;
    struct s3_page page;             /* the last that came */
    char first[S3_XML_TEXT_MAX + 1]; /* its first key; "" for none */
    /* Where the listing was after 1, 2, 4, 8 ... pages: if it comes there again, it goes round. */
    char kept_token[S3_TOKEN_SIZE];
    char kept_first[S3_XML_TEXT_MAX + 1];
    uint64_t pages, empty_pages;
};

static bool is_below(const struct listing *listing, const char *key)
{
    return strncmp(key, listing->below, strlen(listing->below)) == 0;
}

/* Others may have put things beside ours: what has no object's name is not ours. */
static enum status on_entry(void *context, const char *key, uint64_t size, struct error *err)
{
    const struct listing *listing = context;
    size_t len = strlen(listing->below);
    if (!is_below(listing, key) || !object_name_is_shown(key + len))
        return STATUS_OK;
    return listing->seen(listing->context, key + len, size, err);
}

/* Before anybody is told of a page, all of it must have been read. */
static enum status check_entry(void *context, const char *key, UNUSED uint64_t size,
                               struct error *err)
{
    struct listing *listing = context;
    if (!is_below(listing, key))
        return FAIL(err, STATUS_CORRUPT, "the server lists something else than was asked for");
    if (listing->first[0] == '\0')
        (void)snprintf(listing->first, sizeof(listing->first), "%s", key);
    return STATUS_OK;
}

static enum status check_page(void *context, const char *bytes, size_t len, struct error *err)
{
    struct listing *listing = context;
    listing->first[0] = '\0';
    if (s3_page_read(bytes, len, check_entry, listing, &listing->page, err) != STATUS_OK)
        return error_status(err);
    if (listing->page.prefix[0] != '\0' && strcmp(listing->page.prefix, listing->below) != 0)
        return FAIL(err, STATUS_CORRUPT, "the server lists something else than was asked for");
    return STATUS_OK;
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

static enum status fetch_page(struct listing *listing, const char *token, struct buffer *answer,
                              struct error *err)
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
    const struct s3_request request = {.verb = S3_GET,
                                       .query = query,
                                       .sink = {.buffer = answer},
                                       .check = check_page,
                                       .check_context = listing};
    enum status status = s3_client_run(listing->client, &request, &reply, err);
    if (status == STATUS_TOO_LARGE)
        return fail_odd(err, "the server's answer is too long for a listing");
    if (status != STATUS_NOT_FOUND)
        return status;
    struct error cause = *err; /* not "no objects": there is nowhere to look */
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_MISSING, "%s", cause.text);
}

/* The second reading cannot find other than the first, so its failures are the callback's. */
static enum status list_page(struct listing *listing, struct error *err)
{
    struct s3_page ignored;
    struct buffer answer;
    char token[S3_TOKEN_SIZE];
    memcpy(token, listing->page.next_token, sizeof(token));
    buffer_init(&answer, PAGE_BYTES_MAX);
    enum status status = fetch_page(listing, token, &answer, err);
    if (status == STATUS_OK)
        status =
            s3_page_read((const char *)answer.bytes, answer.len, on_entry, listing, &ignored, err);
    buffer_done(&answer);
    return status;
}

/* A listing that does not end is none. */
static enum status check_progress(struct listing *listing, struct error *err)
{
    listing->empty_pages = listing->page.count == 0 ? listing->empty_pages + 1 : 0;
    if (strcmp(listing->page.next_token, listing->kept_token) == 0 ||
        (listing->first[0] != '\0' && strcmp(listing->first, listing->kept_first) == 0))
        return fail_odd(err, "the server's listing goes round in circles");
    if (++listing->pages > PAGES_MAX || listing->empty_pages > EMPTY_PAGES_MAX)
        return fail_odd(err, "the server's listing does not end");
    if ((listing->pages & (listing->pages - 1)) == 0) {
        memcpy(listing->kept_token, listing->page.next_token, sizeof(listing->kept_token));
        memcpy(listing->kept_first, listing->first, sizeof(listing->kept_first));
    }
    return STATUS_OK;
}

static enum status s3_list(void *self, const char *prefix, object_seen_fn *seen, void *context,
                           struct error *err)
{
    char below[2 * OBJECT_NAME_MAX + 8];
    (void)snprintf(below, sizeof(below), "%s%s", s3_client_place(self)->prefix, prefix);
    struct listing listing = {.client = self, .below = below, .seen = seen, .context = context};
    do {
        if (list_page(&listing, err) != STATUS_OK)
            return error_status(err);
        if (listing.page.is_truncated && check_progress(&listing, err) != STATUS_OK)
            return error_status(err);
    } while (listing.page.is_truncated);
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
    .look_again = s3_look_again,
    .check_place = s3_check_place,
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
