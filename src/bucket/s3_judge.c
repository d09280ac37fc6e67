#include "s3_transfer.h"
#include "s3_xml.h"

#include <stdio.h>
#include <string.h>

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
    {"QuotaExceeded", {STATUS_NO_SPACE, REASON_BUCKET_FULL, {0}}},
    {"XMinioStorageFull", {STATUS_NO_SPACE, REASON_BUCKET_FULL, {0}}},
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
    {416, 416, {STATUS_CORRUPT, REASON_UNSET, {0}}},
    {429, 429, {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT}},
    {501, 501, {STATUS_UNSUPPORTED, REASON_UNSET, {0}}},
    {507, 507, {STATUS_NO_SPACE, REASON_BUCKET_FULL, {0}}},
    {500, 599, {STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, REPEAT}},
};

static struct judgement judge_answer(long status, const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].judgement;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (status >= statuses[i].from && status <= statuses[i].to)
            return statuses[i].judgement;
    return (struct judgement){.status = STATUS_INVALID};
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

static enum status fail_answered(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                                 struct error *err)
{
    struct s3_problem problem;
    char text[ERROR_TEXT_MAX];
    s3_problem_read(transfer->answer, transfer->answer_len, &problem);
    hide_token(transfer, &problem);
    struct judgement judgement = judge_answer(transfer->status, problem.code);
    *ret_verdict = judgement.verdict;
    int len = snprintf(text, sizeof(text), "the server says %ld%s%s%s%s", transfer->status,
                       problem.code[0] == '\0' ? "" : " ", problem.code,
                       problem.message[0] == '\0' ? "" : ": ", problem.message);
    if (strcmp(problem.code, "RequestTimeTooSkewed") == 0) {
        (void)snprintf(text + len, sizeof(text) - (size_t)len,
                       "; our clock says %s, the server's %s", transfer->date,
                       transfer->server_date[0] == '\0' ? "nothing" : transfer->server_date);
    }
    return fail(&judgement, text, err);
}

static enum status fail_stopped(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                                struct error *err)
{
    if (transfer->stop == S3_STOP_CANCELED)
        return cancel_check(transfer->cancel, err);
    if (transfer->stop == S3_STOP_SINK) {
        *err = transfer->sink_err;
        return error_status(err);
    }
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

enum status s3_transfer_judge(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err)
{
    *ret_verdict = (struct s3_verdict){.repeat = false};
    bool answered = transfer->status >= 300; /* an upload may be refused before it is over */
    if (transfer->stop != S3_STOP_NONE)
        return fail_stopped(transfer, ret_verdict, err);
    if (answered && (transfer->code == CURLE_OK || transfer->answer_len > 0))
        return fail_answered(transfer, ret_verdict, err);
    if (transfer->code != CURLE_OK)
        return fail_broken(transfer, ret_verdict, err);
    if (transfer->request->range.len > 0 && transfer->status != 206)
        return FAIL(err, STATUS_UNSUPPORTED, "the server answers %ld to a range", transfer->status);
    return STATUS_OK;
}
