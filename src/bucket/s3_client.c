#include "s3_client.h"

#include "core/clock.h"
#include "core/hex.h"
#include "s3_redirection.h"
#include "s3_transfer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    RETRY_AFTER_MAX_MS = 60000,
    HEADERS_MAX = 8,
    HEADER_SIZE = SECRET_MAX + 64,
    LOOKS_THAT_WAIT_MAX = 8
};

static const struct object_store_patience default_patience = {
    .connect_ms = 10000,
    .stall_ms = 60000,
    .request_ms = 900000,
    .attempts = 7,
    .backoff_ms = 250,
    .backoff_max_ms = 15000,
    .again_ms = 1000,
};

/* A connection that nobody uses now. */
struct idle {
    CURL *curl;
    unsigned age; /* the client's looks when it was made */
    struct idle *next;
};

struct s3_client {
    struct s3_place place;
    char region[S3_REGION_MAX + 1];
    char *ca_file; /* NULL: the system's */
    char *credentials_file;
    const struct cancel *cancel;
    struct bandwidth *bandwidth;
    struct object_store_patience patience;
    pthread_mutex_t mutex; /* of what follows */
    struct idle *idle;
    struct s3_credentials credentials;
    unsigned keys_version; /* how often the keys were read */
    unsigned looks;        /* how often a second look was asked for */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_works;

static void start_curl(void)
{
    curl_works = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static void choose(int64_t *value, int64_t given, int64_t otherwise)
{
    *value = given > 0 ? given : otherwise;
}

static void set_patience(struct object_store_patience *patience,
                         const struct object_store_patience *given)
{
    const struct object_store_patience *otherwise = &default_patience;
    choose(&patience->connect_ms, given->connect_ms, otherwise->connect_ms);
    choose(&patience->stall_ms, given->stall_ms, otherwise->stall_ms);
    choose(&patience->request_ms, given->request_ms, otherwise->request_ms);
    choose(&patience->attempts, given->attempts, otherwise->attempts);
    choose(&patience->backoff_ms, given->backoff_ms, otherwise->backoff_ms);
    choose(&patience->backoff_max_ms, given->backoff_max_ms, otherwise->backoff_max_ms);
    choose(&patience->again_ms, given->again_ms, otherwise->again_ms);
}

static bool is_region(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return len > 0 && len <= S3_REGION_MAX && region[len] == '\0';
}

static enum status init(struct s3_client *client, const struct object_store_s3 *options,
                        struct error *err)
{
    (void)pthread_once(&curl_once, start_curl);
    if (!curl_works)
        return FAIL(err, STATUS_NO_MEMORY, "libcurl does not start");
    if (!is_region(options->region))
        return FAIL(err, STATUS_INVALID, "'%.100s' is not a region", options->region);
    if (s3_place_init(&client->place, options->server, options->bucket, options->prefix,
                      options->path_style, err) != STATUS_OK)
        return error_status(err);
    memcpy(client->region, options->region, strlen(options->region) + 1);
    client->cancel = options->cancel;
    client->bandwidth = options->bandwidth;
    set_patience(&client->patience, &options->patience);
    client->ca_file = options->ca_file == NULL ? NULL : strdup(options->ca_file);
    client->credentials_file = strdup(options->credentials_file);
    if (client->credentials_file == NULL || (client->ca_file == NULL && options->ca_file != NULL))
        return FAIL(err, STATUS_NO_MEMORY, "S3 client");
    return s3_credentials_read(client->credentials_file, &client->credentials, err);
}

enum status s3_client_new(const struct object_store_s3 *options, struct s3_client **ret_client,
                          struct error *err)
{
    CLEANUP(s3_client_freep) struct s3_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "S3 client");
    (void)pthread_mutex_init(&client->mutex, NULL);
    if (init(client, options, err) != STATUS_OK)
        return error_status(err);
    *ret_client = STEAL(client);
    return STATUS_OK;
}

static void free_handle(struct idle *handle)
{
    if (handle != NULL)
        curl_easy_cleanup(handle->curl);
    free(handle);
}

void s3_client_free(struct s3_client *client)
{
    if (client == NULL)
        return;
    while (client->idle != NULL) {
        struct idle *idle = client->idle;
        client->idle = idle->next;
        free_handle(idle);
    }
    s3_credentials_done(&client->credentials);
    (void)pthread_mutex_destroy(&client->mutex);
    free(client->credentials_file);
    free(client->ca_file);
    free(client);
}

const struct s3_place *s3_client_place(const struct s3_client *client)
{
    return &client->place;
}

/* With no connection that was used before. */
static enum status renew_handle(struct idle *handle, struct error *err)
{
    curl_easy_cleanup(handle->curl);
    handle->curl = curl_easy_init();
    return handle->curl == NULL ? FAIL(err, STATUS_NO_MEMORY, "a connection") : STATUS_OK;
}

/* The one used last, whose connection is the most likely to be alive. */
static struct idle *take_idle(struct s3_client *client, unsigned *ret_looks)
{
    (void)pthread_mutex_lock(&client->mutex);
    struct idle *handle = client->idle;
    if (handle != NULL)
        client->idle = handle->next;
    *ret_looks = client->looks;
    (void)pthread_mutex_unlock(&client->mutex);
    return handle;
}

static struct idle *take_handle(struct s3_client *client, struct error *err)
{
    unsigned looks = 0;
    struct idle *handle = take_idle(client, &looks);
    if (handle != NULL && handle->age == looks)
        return handle;
    if (handle == NULL)
        handle = calloc(1, sizeof(*handle));
    if (handle != NULL && renew_handle(handle, err) == STATUS_OK) {
        handle->age = looks;
        return handle;
    }
    free_handle(handle);
    (void)FAIL(err, STATUS_NO_MEMORY, "a connection");
    return NULL;
}

static void give_handle(struct s3_client *client, struct idle *handle)
{
    (void)pthread_mutex_lock(&client->mutex);
    handle->next = client->idle;
    client->idle = handle;
    (void)pthread_mutex_unlock(&client->mutex);
}

/* True if the file has other keys than those that were refused. */
static bool read_keys_again(struct s3_client *client, unsigned refused_version)
{
    struct s3_credentials fresh = {.secret_key = NULL};
    struct error ignored = {0};
    (void)pthread_mutex_lock(&client->mutex);
    bool changed = client->keys_version != refused_version; /* another thread was here */
    if (!changed && s3_credentials_read(client->credentials_file, &fresh, &ignored) == STATUS_OK) {
        changed = !s3_credentials_equal(&client->credentials, &fresh);
        if (changed) {
            struct s3_credentials old = client->credentials;
            client->credentials = fresh;
            fresh = old;
            client->keys_version++;
        }
        s3_credentials_done(&fresh);
    }
    (void)pthread_mutex_unlock(&client->mutex);
    return changed;
}

/* A request as it goes out: what does not change from one attempt to the next. */
struct sending {
    const struct s3_request *request;
    char origin[S3_HOST_SIZE + 8];
    char host[S3_HOST_SIZE];
    char path[S3_PATH_SIZE];
    char sha256[S3_SHA256_SIZE];
    char range[64];
    size_t sink_start;     /* the length of the sink's buffer */
    unsigned keys_version; /* of the last attempt */
    bool is_elsewhere;     /* a redirection has been followed */
};

static enum status hash_parts(const struct s3_request *request, char sha256[S3_SHA256_SIZE],
                              struct error *err)
{
    unsigned char digest[32];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < request->part_count; i++)
        good = EVP_DigestUpdate(context, request->parts[i].bytes, request->parts[i].len) == 1;
    good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        return FAIL(err, STATUS_INTERNAL, "SHA-256 failed");
    hex_encode(digest, sizeof(digest), sha256);
    return STATUS_OK;
}

static enum status prepare(const struct s3_client *client, const struct s3_request *request,
                           struct sending *sending, struct error *err)
{
    const struct s3_range *range = &request->range;
    *sending = (struct sending){.request = request};
    memcpy(sending->origin, client->place.origin, sizeof(sending->origin));
    memcpy(sending->host, client->place.host, sizeof(sending->host));
    if (request->sink.buffer != NULL)
        sending->sink_start = request->sink.buffer->len;
    if (range->len > 0) {
        (void)snprintf(sending->range, sizeof(sending->range), "bytes=%llu-%llu",
                       (unsigned long long)range->offset,
                       (unsigned long long)(range->offset + range->len - 1));
    }
    if (s3_place_path(&client->place, request->name, sending->path, sizeof(sending->path), err) !=
        STATUS_OK)
        return error_status(err);
    return hash_parts(request, sending->sha256, err);
}

static const char *verb_name(enum s3_verb verb)
{
    static const char *const names[] = {
        [S3_GET] = "GET", [S3_HEAD] = "HEAD", [S3_PUT] = "PUT", [S3_DELETE] = "DELETE"};
    return names[verb];
}

static enum status add_line(struct curl_slist **list, const char *name, const char *value,
                            struct error *err)
{
    char line[HEADER_SIZE];
    if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
        return FAIL(err, STATUS_TOO_LARGE, "the header %s is too long", name);
    struct curl_slist *grown = curl_slist_append(*list, line);
    OPENSSL_cleanse(line, sizeof(line));
    if (grown == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "headers");
    *list = grown;
    return STATUS_OK;
}

static enum status add_headers(struct curl_slist **list, const struct s3_signed_header *headers,
                               size_t count, const char *authorization, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (add_line(list, headers[i].name, headers[i].value, err) != STATUS_OK)
            return error_status(err);
    /* Without "Expect", which would cost each upload a round trip. */
    if (add_line(list, "Authorization", authorization, err) != STATUS_OK)
        return error_status(err);
    return add_line(list, "Expect", "", err);
}

/* With the mutex held, since the keys may be replaced. */
static enum status sign_headers(struct s3_client *client, const struct sending *sending,
                                const char *date, struct curl_slist **list, struct error *err)
{
    struct s3_signed_header headers[HEADERS_MAX];
    size_t count = 0;
    const char *token = secret_text(client->credentials.session_token);
    headers[count++] = (struct s3_signed_header){"host", sending->host};
    if (sending->request->only_if_new)
        headers[count++] = (struct s3_signed_header){"if-none-match", "*"};
    if (sending->range[0] != '\0')
        headers[count++] = (struct s3_signed_header){"range", sending->range};
    headers[count++] = (struct s3_signed_header){"x-amz-content-sha256", sending->sha256};
    headers[count++] = (struct s3_signed_header){"x-amz-date", date};
    if (token != NULL)
        headers[count++] = (struct s3_signed_header){"x-amz-security-token", token};
    const struct s3_signed what = {
        .method = verb_name(sending->request->verb),
        .path = sending->path,
        .query = sending->request->query,
        .headers = headers,
        .header_count = count,
        .payload_sha256 = sending->sha256,
        .date = date,
        .region = client->region,
    };
    char authorization[S3_AUTHORIZATION_SIZE];
    if (s3_sign(&what, &client->credentials, authorization, err) != STATUS_OK)
        return error_status(err);
    return add_headers(list, headers, count, authorization, err);
}

static void free_headers(struct curl_slist **list)
{
    for (struct curl_slist *line = *list; line != NULL; line = line->next)
        OPENSSL_cleanse(line->data, strlen(line->data));
    curl_slist_free_all(*list);
}

static enum status attempt(struct s3_client *client, struct idle *handle, struct sending *sending,
                           struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                           struct error *err)
{
    CLEANUP(free_headers) struct curl_slist *headers = NULL;
    *transfer = (struct s3_transfer){
        .request = sending->request,
        .patience = &client->patience,
        .cancel = sending->request->verb == S3_DELETE ? NULL : client->cancel,
        .bandwidth = client->bandwidth,
        .origin = sending->origin,
        .path = sending->path,
        .sink_start = sending->sink_start,
        .ca_file = client->ca_file,
    };
    s3_date(clock_wall_ms(), transfer->date);
    (void)pthread_mutex_lock(&client->mutex);
    sending->keys_version = client->keys_version;
    enum status status = sign_headers(client, sending, transfer->date, &headers, err);
    (void)pthread_mutex_unlock(&client->mutex);
    if (status != STATUS_OK)
        return status;
    transfer->headers = headers;
    s3_transfer_run(transfer, handle->curl);
    status = s3_transfer_judge(transfer, ret_verdict, err);
    transfer->headers = NULL;
    return status;
}

/* Somewhere in the second half of the step, so that those who failed together come back apart. */
static int64_t backoff_ms(const struct object_store_patience *patience, int64_t number,
                          int64_t retry_after_ms)
{
    int64_t step = patience->backoff_ms;
    for (int64_t i = 1; i < number && step < patience->backoff_max_ms; i++)
        step *= 2;
    step = step < patience->backoff_max_ms ? step : patience->backoff_max_ms;
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = (uint32_t)clock_mono_ms();
    int64_t wait = step - (int64_t)(random % (uint64_t)(step / 2 + 1));
    int64_t asked = retry_after_ms < RETRY_AFTER_MAX_MS ? retry_after_ms : RETRY_AFTER_MAX_MS;
    return wait > asked ? wait : asked;
}

static void wait_ms(const struct cancel *cancel, int64_t ms)
{
    struct pollfd canceled = {.fd = cancel == NULL ? -1 : cancel->fd, .events = POLLIN};
    int64_t deadline_ms = clock_mono_ms() + ms;
    while (poll(&canceled, 1, clock_left_ms(deadline_ms)) < 0 && errno == EINTR) {
    }
}

static void rewind_sink(const struct sending *sending)
{
    if (sending->request->sink.buffer != NULL)
        sending->request->sink.buffer->len = sending->sink_start;
}

/* True: the next attempt goes to where the server sends us. */
static bool follow(struct sending *sending, const char *location)
{
    struct s3_redirection to;
    const struct s3_redirection_from sent = {sending->origin, sending->path,
                                             sending->request->query};
    if (sending->is_elsewhere || !s3_redirection_read(location, &sent, &to))
        return false;
    memcpy(sending->origin, to.origin, sizeof(sending->origin));
    memcpy(sending->host, to.host, sizeof(sending->host));
    sending->is_elsewhere = true;
    return true;
}

/* Waits, and returns true, if there is a reason to try once more. */
static bool is_worth_another(struct s3_client *client, const struct s3_transfer *transfer,
                             const struct s3_verdict *verdict, struct sending *sending,
                             int64_t number)
{
    if (number >= client->patience.attempts)
        return false;
    if (verdict->elsewhere)
        return follow(sending, transfer->head.location);
    if (verdict->keys_refused)
        return read_keys_again(client, sending->keys_version);
    if (!verdict->repeat)
        return false;
    wait_ms(transfer->cancel, backoff_ms(&client->patience, number, transfer->retry_after_ms));
    struct error ignored = {0};
    return cancel_check(transfer->cancel, &ignored) == STATUS_OK;
}

static void fill_reply(const struct s3_transfer *transfer, const struct s3_verdict *verdict,
                       struct s3_reply *reply)
{
    const struct s3_request *request = transfer->request;
    const struct s3_head *head = &transfer->head;
    bool is_part = transfer->status == 206;
    reply->received = transfer->received;
    reply->is_whole = request->range.len > 0 && transfer->status == 200;
    reply->no_such_range = verdict->no_such_range;
    if (request->verb == S3_HEAD) {
        reply->has_total = head->has_length;
        reply->total = head->length;
    } else {
        reply->has_total = !is_part || head->has_total;
        reply->total = is_part ? head->total : transfer->received;
    }
}

enum status s3_client_run(struct s3_client *client, const struct s3_request *request,
                          struct s3_reply *ret_reply, struct error *err)
{
    struct sending sending;
    struct s3_transfer transfer;
    struct s3_verdict verdict = {.repeat = false};
    *ret_reply = (struct s3_reply){.total = 0};
    if (prepare(client, request, &sending, err) != STATUS_OK)
        return error_status(err);
    struct idle *handle = take_handle(client, err);
    if (handle == NULL)
        return error_status(err);

    int64_t number = 1;
    enum status status = attempt(client, handle, &sending, &transfer, &verdict, err);
    for (; status != STATUS_OK; number++) {
        rewind_sink(&sending);
        if (!is_worth_another(client, &transfer, &verdict, &sending, number))
            break;
        ret_reply->unsure = ret_reply->unsure || verdict.unsure;
        if (renew_handle(handle, err) != STATUS_OK) {
            free_handle(handle);
            return error_status(err);
        }
        status = attempt(client, handle, &sending, &transfer, &verdict, err);
    }
    give_handle(client, handle);
    fill_reply(&transfer, &verdict, ret_reply);
    if (status != STATUS_OK && number > 1 && verdict.repeat)
        return FAIL_IN(err, "after %lld attempts", (long long)number);
    return status;
}

enum status s3_client_pause(struct s3_client *client, int64_t number, bool *ret_again,
                            struct error *err)
{
    *ret_again = number < client->patience.attempts;
    if (*ret_again)
        wait_ms(client->cancel, backoff_ms(&client->patience, number, 0));
    return cancel_check(client->cancel, err);
}

enum status s3_client_look_again(struct s3_client *client, struct error *err)
{
    (void)pthread_mutex_lock(&client->mutex);
    bool waits = client->looks++ < LOOKS_THAT_WAIT_MAX;
    (void)pthread_mutex_unlock(&client->mutex);
    if (waits)
        wait_ms(client->cancel, client->patience.again_ms);
    return cancel_check(client->cancel, err);
}
