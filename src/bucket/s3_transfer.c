#include "s3_transfer.h"

#include "core/clock.h"
#include "s3_place.h"

#include <stdio.h>
#include <string.h>

enum { TRANSFER_BUFFER_BYTES = 256 * 1024 };

static bool is_good(const struct s3_transfer *transfer)
{
    return transfer->status >= 200 && transfer->status < 300;
}

static void note_move(struct s3_transfer *transfer)
{
    transfer->moved_ms = clock_mono_ms();
}

/* May `bytes` (> 0) go? How many of them; 0: cancelled. */
static size_t take(struct s3_transfer *transfer, enum bandwidth_way way, size_t bytes)
{
    int64_t waited_ms = 0;
    size_t taken = bandwidth_take(transfer->bandwidth, way, bytes, transfer->cancel, &waited_ms);
    if (waited_ms > 0) {
        transfer->waited_ms += waited_ms;
        note_move(transfer);
    }
    return taken;
}

static size_t on_read(char *to, size_t size, size_t count, void *context)
{
    struct s3_transfer *transfer = context;
    const struct s3_request *request = transfer->request;
    while (transfer->part < request->part_count &&
           transfer->part_done == request->parts[transfer->part].len) {
        transfer->part++;
        transfer->part_done = 0;
    }
    if (transfer->part == request->part_count || size * count == 0)
        return 0;
    const struct object_part *part = &request->parts[transfer->part];
    size_t len = part->len - transfer->part_done;
    len = take(transfer, BANDWIDTH_UPLOAD, len < size * count ? len : size * count);
    memcpy(to, (const char *)part->bytes + transfer->part_done, len);
    transfer->part_done += len;
    return len;
}

/* libcurl sends again from the start when a kept connection turns out to be dead. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct s3_transfer *transfer = context;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    transfer->part = 0;
    transfer->part_done = 0;
    return CURL_SEEKFUNC_OK;
}

/* The part of these bytes, which lie at `at` in the object, that was asked for. */
static void cut_out(const struct s3_request *request, uint64_t at, const char *bytes, size_t len)
{
    uint64_t from = request->range.offset;
    uint64_t end = from + request->range.len;
    uint64_t start = at > from ? at : from;
    uint64_t stop = at + len < end ? at + len : end;
    if (start < stop)
        memcpy(request->sink.bytes + (start - from), bytes + (start - at), (size_t)(stop - start));
}

/* The start of what is not for the sink: it says why. */
static void keep_answer(struct s3_transfer *transfer, const char *bytes, size_t len)
{
    size_t room = sizeof(transfer->answer) - transfer->answer_len;
    memcpy(transfer->answer + transfer->answer_len, bytes, len < room ? len : room);
    transfer->answer_len += len < room ? len : room;
}

static bool sink(struct s3_transfer *transfer, const char *bytes, size_t len)
{
    const struct s3_request *request = transfer->request;
    if (request->sink.buffer != NULL) {
        if (buffer_add(request->sink.buffer, bytes, len, &transfer->sink_err) == STATUS_OK)
            return true;
        transfer->stop = S3_STOP_SINK;
        keep_answer(transfer, bytes, transfer->received == 0 ? len : 0);
        return false;
    }
    bool is_part = transfer->status == 206;
    if (is_part && len > request->range.len - transfer->received) {
        transfer->stop = S3_STOP_ENDLESS;
        return false;
    }
    cut_out(request, transfer->received + (is_part ? request->range.offset : 0), bytes, len);
    return true;
}

static bool has_sink(const struct s3_request *request)
{
    return request->sink.buffer != NULL || request->sink.bytes != NULL;
}

static size_t on_write(char *from, size_t size, size_t count, void *context)
{
    struct s3_transfer *transfer = context;
    size_t len = size * count;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    if (!is_good(transfer) || !has_sink(transfer->request)) {
        keep_answer(transfer, from, len);
        return len;
    }
    if (!sink(transfer, from, len))
        return 0;
    transfer->received += len;
    for (size_t taken = 0; taken < len;)
        taken += take(transfer, BANDWIDTH_DOWNLOAD, len - taken);
    return len;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct s3_transfer *transfer = context;
    s3_head_line(&transfer->head, line, size * count);
    return size * count;
}

/* Called whenever bytes move, and at least once a second. Not 0 ends the transfer. */
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)down_total;
    (void)up_total;
    struct s3_transfer *transfer = context;
    const struct object_store_patience *patience = transfer->patience;
    struct error ignored = {0};
    int64_t now = clock_mono_ms();
    if (down + up != transfer->moved_bytes) {
        transfer->moved_bytes = down + up;
        transfer->moved_ms = now;
    }
    if (cancel_check(transfer->cancel, &ignored) != STATUS_OK)
        transfer->stop = S3_STOP_CANCELED;
    else if (now - transfer->moved_ms > patience->stall_ms)
        transfer->stop = S3_STOP_STALLED;
    else if (now - transfer->started_ms - transfer->waited_ms > patience->request_ms)
        transfer->stop = S3_STOP_LATE;
    return transfer->stop == S3_STOP_NONE ? 0 : 1;
}

static curl_off_t length_of(const struct s3_request *request)
{
    curl_off_t length = 0;
    for (size_t i = 0; i < request->part_count; i++)
        length += (curl_off_t)request->parts[i].len;
    return length;
}

/* libcurl's calls fail here only for lack of memory, and then the transfer will. */
static void set_verb(struct s3_transfer *transfer, CURL *curl)
{
    switch (transfer->request->verb) {
    case S3_PUT:
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, length_of(transfer->request));
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
        break;
    case S3_HEAD:
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        break;
    case S3_DELETE:
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
        break;
    case S3_GET:
    default:
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        break;
    }
}

static void set_options(struct s3_transfer *transfer, CURL *curl, const char *url)
{
    curl_easy_reset(curl); /* connections, and what is known of TLS and DNS, are kept */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* as it was signed */
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* there are other threads */
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "appbackup/" APPBACKUP_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->patience->connect_ms);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (transfer->ca_file != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, transfer->ca_file);
    set_verb(transfer, curl);
}

void s3_transfer_run(struct s3_transfer *transfer, CURL *curl)
{
    char url[S3_HOST_SIZE + S3_PATH_SIZE + S3_QUERY_SIZE];
    const char *query = transfer->request->query;
    (void)snprintf(url, sizeof(url), "%s%s%s%s", transfer->origin, transfer->path,
                   query[0] == '\0' ? "" : "?", query);
    transfer->curl = curl;
    transfer->started_ms = clock_mono_ms();
    transfer->moved_ms = transfer->started_ms;
    set_options(transfer, curl, url);
    transfer->code = curl_easy_perform(curl);

    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    transfer->retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
}
