#include "bucket/full.h"
#include "s3_transfer.h"
#include "s3_xml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What a failure is: its status and reason, and what may be done. */
struct judgement {
    enum status status;
    enum reason reason; /* unset: the status's own */
    struct s3_verdict verdict;
};

#define REPEAT                         \
    {                                  \
        .repeat = true, .unsure = true \
    }
#define KEYS                 \
    {                        \
        .keys_refused = true \
    }

/* By the code in the answer, which says more than the status does. */
static const struct {
    const char *code;
    struct judgement judgement;
} codes[] = {
    {"NoSuchBucket", {STATUS_UNAVAILABLE, REASON_BUCKET_MISSING, {0}}},
    {"RequestTimeTooSkewed", {STATUS_UNAVAILABLE, REASON_CLOCK_SKEWED, {0}}},
    {"AccessDenied", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"InvalidAccessKeyId", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"SignatureDoesNotMatch", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"ExpiredToken", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"InvalidToken", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"TokenRefreshRequired", {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {"BadDigest", {STATUS_UNAVAILABLE, REASON_UPLOAD_DAMAGED, {.repeat = true}}},
    {"XAmzContentSHA256Mismatch", {STATUS_UNAVAILABLE, REASON_UPLOAD_DAMAGED, {.repeat = true}}},
    {"RequestTimeout", {STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE, REPEAT}},
    {"ConditionalRequestConflict", {STATUS_UNAVAILABLE, REASON_UNSET, REPEAT}},
    {"OperationAborted", {STATUS_UNAVAILABLE, REASON_UNSET, REPEAT}},
};

/* Of what comes from an S3 server. */
static const struct {
    long from, to;
    struct judgement judgement;
} statuses[] = {
    {401, 401, {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {403, 403, {STATUS_FORBIDDEN, REASON_BUCKET_FORBIDDEN, KEYS}},
    {404, 404, {STATUS_NOT_FOUND, REASON_UNSET, {0}}},
    {408, 408, {STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE, REPEAT}},
    {409, 409, {STATUS_CONFLICT, REASON_UNSET, {0}}},
    {412, 412, {STATUS_CONFLICT, REASON_UNSET, {0}}},
    {413, 413, {STATUS_TOO_LARGE, REASON_UNSET, {0}}},
    {416, 416, {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, {.no_such_range = true}}},
    {429, 429, {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT}},
    {501, 501, {STATUS_UNSUPPORTED, REASON_UNSET, {0}}},
    {507, 507, {STATUS_NO_SPACE, REASON_BUCKET_FULL, {0}}},
    {500, 599, {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT}},
};

/* An answer that is none to what was asked: it says nothing of the object, and the next one may. */
static const struct judgement odd = {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT};

/* Nothing but a PUT needs room. What is about the number of requests is another quota. */
static bool is_full(const struct s3_transfer *transfer, const struct s3_problem *problem)
{
    return transfer->request->verb == S3_PUT && transfer->status != 429 &&
           transfer->status != 503 &&
           (bucket_full_is_said(problem->code) || bucket_full_is_said(problem->message));
}

/* Did a server of S3 say this? A proxy's pages, and what has no body, have no code. That nothing is
 * there is believed of nobody else; a HEAD has no body whoever answers it. */
static bool is_from_s3(const struct s3_transfer *transfer, const struct s3_problem *problem)
{
    return problem->code[0] != '\0' || transfer->request->verb == S3_HEAD;
}

/* Does the status mean what it says? Some mean something only in the answer to a put. */
static bool is_believed(const struct s3_transfer *transfer, const struct s3_problem *problem)
{
    bool is_put = transfer->request->verb == S3_PUT;
    bool is_new = transfer->request->only_if_new; /* that is more than every service can do */
    switch (transfer->status) {
    case 401:
    case 403:
    case 416:
    case 507:
        return true;
    case 404:
        return !is_put && is_from_s3(transfer, problem);
    case 412:
        return is_new || is_from_s3(transfer, problem);
    case 413:
        return is_put;
    case 501:
        return is_new;
    default:
        return is_from_s3(transfer, problem);
    }
}

static struct judgement judge_status(const struct s3_transfer *transfer,
                                     const struct s3_problem *problem)
{
    long status = transfer->status;
    if (!is_believed(transfer, problem))
        return odd;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (status >= statuses[i].from && status <= statuses[i].to)
            return statuses[i].judgement;
    bool is_told = status >= 400 && status < 500 && problem->code[0] != '\0';
    if (is_told)
        return (struct judgement){.status = STATUS_INVALID};
    return odd;
}

static struct judgement judge_answer(const struct s3_transfer *transfer,
                                     const struct s3_problem *problem)
{
    bool is_elsewhere = transfer->status == 307 || transfer->status == 308;
    const struct judgement sent_away = {
        STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, {.elsewhere = is_elsewhere}};
    if (transfer->status >= 300 && transfer->status < 400)
        return sent_away;
    if (is_full(transfer, problem))
        return (struct judgement){STATUS_NO_SPACE, REASON_BUCKET_FULL, {0}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, problem->code) == 0)
            return codes[i].judgement;
    return judge_status(transfer, problem);
}

static struct judgement judge_code(CURLcode code)
{
    static const struct judgement lost = {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT};
    static const struct judgement untrusted = {
        STATUS_UNAVAILABLE, REASON_CERTIFICATE_UNTRUSTED, {0}};
    if (code == CURLE_OPERATION_TIMEDOUT)
        return (struct judgement){STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE, REPEAT};
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
        code == CURLE_SSL_INVALIDCERTSTATUS)
        return untrusted;
    if (code == CURLE_SSL_CACERT_BADFILE)
        return (struct judgement){STATUS_INVALID, REASON_CERTIFICATE_UNTRUSTED, {0}};
    if (code == CURLE_OUT_OF_MEMORY)
        return (struct judgement){.status = STATUS_NO_MEMORY};
    return lost;
}

static enum status fail(const struct judgement *judgement, const char *text, struct error *err)
{
    if (judgement->reason == REASON_UNSET)
        return FAIL(err, judgement->status, "%s", text);
    return FAIL_REASON(err, judgement->status, judgement->reason, "%s", text);
}

/* The server knows the session token; should it ever send it back, it is not for our logs. */
static void hide_token(const struct s3_transfer *transfer, struct s3_problem *problem)
{
    static const char header[] = "x-amz-security-token: ";
    for (const struct curl_slist *line = transfer->headers; line != NULL; line = line->next) {
        if (strncmp(line->data, header, sizeof(header) - 1) == 0 &&
            strstr(problem->message, line->data + sizeof(header) - 1) != NULL)
            problem->message[0] = '\0';
    }
}

static enum status fail_answered(const struct s3_transfer *transfer, const char *answer,
                                 size_t len_of_answer, struct s3_verdict *ret_verdict,
                                 struct error *err)
{
    struct s3_problem problem;
    char text[ERROR_TEXT_MAX];
    s3_problem_read(answer, len_of_answer, &problem);
    hide_token(transfer, &problem);
    struct judgement judgement = judge_answer(transfer, &problem);
    *ret_verdict = judgement.verdict;
    int len = snprintf(text, sizeof(text), "the server says %ld%s%s%s%s", transfer->status,
                       problem.code[0] == '\0' ? "" : " ", problem.code,
                       problem.message[0] == '\0' ? "" : ": ", problem.message);
    if (strcmp(problem.code, "RequestTimeTooSkewed") == 0) {
        (void)snprintf(text + len, sizeof(text) - (size_t)len,
                       "; our clock says %s, the server's %s", transfer->date,
                       transfer->head.date[0] == '\0' ? "nothing" : transfer->head.date);
    }
    if (transfer->status < 400 && transfer->head.location[0] != '\0') {
        (void)snprintf(text + len, sizeof(text) - (size_t)len, "; it sends us to '%.200s'",
                       transfer->head.location);
    }
    return fail(&judgement, text, err);
}

/* The text says what is odd in the answer. */
PRINTF_LIKE(3, 4)

static enum status fail_odd(struct s3_verdict *ret_verdict, struct error *err, const char *format,
                            ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *ret_verdict = odd.verdict;
    return fail(&odd, text, err);
}

static bool begins_with(const char *bytes, size_t len, const char *word)
{
    size_t word_len = strlen(word);
    return len >= word_len && strncasecmp(bytes, word, word_len) == 0;
}

/* A page or a document, where bytes of ours, which are sealed, or JSON, or nothing was expected. */
static bool is_markup(const char *bytes, size_t len)
{
    static const char *const beginnings[] = {"<?xml", "<!doctype", "<html", "<error"};
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (begins_with(bytes, len, byte_order_mark)) {
        bytes += sizeof(byte_order_mark) - 1;
        len -= sizeof(byte_order_mark) - 1;
    }
    for (; len > 0 && *bytes != '\0' && strchr(" \t\r\n", *bytes) != NULL; bytes++)
        len--;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (begins_with(bytes, len, beginnings[i]))
            return true;
    return false;
}

/* An error under a good status, and a page that a proxy sent. */
static enum status fail_markup(const struct s3_transfer *transfer, const char *bytes, size_t len,
                               struct s3_verdict *ret_verdict, struct error *err)
{
    struct s3_problem problem;
    s3_problem_read(bytes, len, &problem);
    if (problem.code[0] != '\0')
        return fail_answered(transfer, bytes, len, ret_verdict, err);
    return fail_odd(ret_verdict, err, "the server answers %ld with a page that is not S3's",
                    transfer->status);
}

/* A page may well be longer than what was asked for. */
static enum status fail_full_sink(const struct s3_transfer *transfer,
                                  struct s3_verdict *ret_verdict, struct error *err)
{
    const struct buffer *buffer = transfer->request->sink.buffer;
    bool is_begun = buffer->len > transfer->sink_start;
    const char *bytes =
        is_begun ? (const char *)buffer->bytes + transfer->sink_start : transfer->answer;
    size_t len = is_begun ? buffer->len - transfer->sink_start : transfer->answer_len;
    if (transfer->sink_err.status == STATUS_TOO_LARGE && transfer->request->check == NULL &&
        is_markup(bytes, len))
        return fail_markup(transfer, bytes, len, ret_verdict, err);
    *err = transfer->sink_err;
    return error_status(err);
}

static enum status fail_stopped(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                                struct error *err)
{
    if (transfer->stop == S3_STOP_CANCELED)
        return cancel_check(transfer->cancel, err);
    if (transfer->stop == S3_STOP_ENDLESS)
        return fail_odd(ret_verdict, err, "the server sends more than the %zu bytes asked for",
                        transfer->request->range.len);
    if (transfer->stop == S3_STOP_SINK)
        return fail_full_sink(transfer, ret_verdict, err);
    ret_verdict->repeat = true;
    ret_verdict->unsure = true;
    if (transfer->stop == S3_STOP_STALLED) {
        return FAIL_REASON(err, STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE,
                           "%s: nothing moved for %lld ms", transfer->origin,
                           (long long)transfer->patience->stall_ms);
    }
    return FAIL_REASON(err, STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE, "%s: not done after %lld ms",
                       transfer->origin, (long long)transfer->patience->request_ms);
}

static enum status fail_broken(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                               struct error *err)
{
    char text[ERROR_TEXT_MAX];
    struct judgement judgement = judge_code(transfer->code);
    const char *detail =
        transfer->detail[0] == '\0' ? curl_easy_strerror(transfer->code) : transfer->detail;
    *ret_verdict = judgement.verdict;
    (void)snprintf(text, sizeof(text), "%.150s: %.300s", transfer->origin, detail);
    return fail(&judgement, text, err);
}

/* A document that says nothing bad: some services send one. */
static bool is_harmless(const char *bytes, size_t len)
{
    struct s3_problem problem;
    s3_problem_read(bytes, len, &problem);
    return problem.is_document && strcasecmp(problem.root, "html") != 0 &&
           strcasecmp(problem.root, "error") != 0;
}

static enum status check_done(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err)
{
    const char *bytes = transfer->answer;
    size_t len = transfer->answer_len;
    if (is_markup(bytes, len) && !is_harmless(bytes, len))
        return fail_markup(transfer, bytes, len, ret_verdict, err);
    if (transfer->status == 200 || transfer->status == 201 || transfer->status == 204)
        return STATUS_OK;
    return fail_odd(ret_verdict, err, "the server answers %ld, which promises nothing",
                    transfer->status);
}

/* Is this the whole object, by what its head says? */
static bool is_whole(const struct s3_head *head, uint64_t received)
{
    return !head->has_range || (head->first == 0 && head->has_total &&
                                head->last + 1 == head->total && head->total == received);
}

static enum status check_part(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err)
{
    const struct s3_head *head = &transfer->head;
    const struct s3_range *range = &transfer->request->range;
    if (!head->has_range)
        return fail_odd(ret_verdict, err, "the server sends a part and does not say which");
    if (head->first != range->offset || head->last - head->first >= range->len) {
        return fail_odd(ret_verdict, err,
                        "the server sends bytes %" PRIu64 "-%" PRIu64 ", not the %zu at %" PRIu64,
                        head->first, head->last, range->len, range->offset);
    }
    if (transfer->received != head->last - head->first + 1) {
        return fail_odd(ret_verdict, err,
                        "the server sends %" PRIu64 " bytes and calls them %" PRIu64 "-%" PRIu64,
                        transfer->received, head->first, head->last);
    }
    bool is_end = head->has_total && head->last + 1 == head->total;
    if (transfer->received < range->len && !is_end) {
        return fail_odd(ret_verdict, err, "the server sends %" PRIu64 " of %zu bytes",
                        transfer->received, range->len);
    }
    return STATUS_OK;
}

static enum status check_content(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                                 struct error *err)
{
    const struct s3_request *request = transfer->request;
    if (request->sink.buffer == NULL)
        return STATUS_OK;
    const char *bytes = (const char *)request->sink.buffer->bytes + transfer->sink_start;
    size_t len = request->sink.buffer->len - transfer->sink_start;
    if (request->check == NULL)
        return is_markup(bytes, len) ? fail_markup(transfer, bytes, len, ret_verdict, err)
                                     : STATUS_OK;
    struct error cause = {0};
    enum status status = request->check(request->check_context, bytes, len, &cause);
    if (status == STATUS_OK)
        return STATUS_OK;
    struct s3_problem problem;
    s3_problem_read(bytes, len, &problem);
    if (problem.code[0] != '\0')
        return fail_answered(transfer, bytes, len, ret_verdict, err);
    if (status == STATUS_CORRUPT)
        return fail_odd(ret_verdict, err, "%s", cause.text);
    *err = cause;
    return error_status(err);
}

static enum status check_body(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err)
{
    const struct s3_head *head = &transfer->head;
    bool is_part = transfer->status == 206 && transfer->request->range.len > 0;
    if (transfer->status != 200 && !is_part)
        return fail_odd(ret_verdict, err, "the server answers %ld to a GET", transfer->status);
    if (!head->has_length && !head->is_chunked)
        return fail_odd(ret_verdict, err, "the server does not say where its answer ends");
    if (head->is_encoded)
        return fail_odd(ret_verdict, err, "the answer has another encoding than the object");
    if (is_part)
        return check_part(transfer, ret_verdict, err);
    if (!is_whole(head, transfer->received))
        return fail_odd(ret_verdict, err, "the server answers 200 with a part");
    return check_content(transfer, ret_verdict, err);
}

static enum status check_answer(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                                struct error *err)
{
    if (transfer->head.is_contradictory)
        return fail_odd(ret_verdict, err, "the headers of the answer contradict each other");
    switch (transfer->request->verb) {
    case S3_PUT:
    case S3_DELETE:
        return check_done(transfer, ret_verdict, err);
    case S3_HEAD:
        if (transfer->status == 200)
            return STATUS_OK;
        return fail_odd(ret_verdict, err, "the server answers %ld to a HEAD", transfer->status);
    case S3_GET:
    default:
        return check_body(transfer, ret_verdict, err);
    }
}

enum status s3_transfer_judge(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err)
{
    *ret_verdict = (struct s3_verdict){.repeat = false};
    bool answered = transfer->status >= 300; /* an upload may be refused before it is over */
    if (transfer->stop != S3_STOP_NONE)
        return fail_stopped(transfer, ret_verdict, err);
    if (answered && (transfer->code == CURLE_OK || transfer->answer_len > 0))
        return fail_answered(transfer, transfer->answer, transfer->answer_len, ret_verdict, err);
    if (transfer->code != CURLE_OK)
        return fail_broken(transfer, ret_verdict, err);
    return check_answer(transfer, ret_verdict, err);
}
