/* S3 transfer: one attempt at one request over one of libcurl's handles, and all that came of it;
 * and what to think of that. */
#ifndef BUCKET_S3_TRANSFER_H
#define BUCKET_S3_TRANSFER_H

#include "bucket/object_store.h"
#include "s3_head.h"
#include "s3_request.h"
#include "s3_sign.h"

#include <curl/curl.h>

enum { S3_ANSWER_MAX = 8192 };

/* Why we ended it ourselves. */
enum s3_stop {
    S3_STOP_NONE,
    S3_STOP_CANCELED,
    S3_STOP_STALLED,
    S3_STOP_LATE,
    S3_STOP_SINK,   /* the sink did not take it */
    S3_STOP_ENDLESS /* more came than was asked for */
};

struct s3_transfer {
    /* What to do: given. */
    const struct s3_request *request;
    const struct object_store_patience *patience;
    const struct cancel *cancel; /* may be NULL */
    struct bandwidth *bandwidth; /* may be NULL */
    const char *origin;
    const char *path;
    const char *ca_file; /* may be NULL */
    struct curl_slist *headers;
    size_t sink_start;       /* the length of the sink's buffer before the first byte */
    char date[S3_DATE_SIZE]; /* what we say the time is */

    /* On the way. */
    CURL *curl;
    size_t part, part_done;
    uint64_t received; /* of the body */
    int64_t started_ms, moved_ms, waited_ms;
    int64_t moved_bytes;
    struct error sink_err;

    /* What came of it. */
    enum s3_stop stop;
    CURLcode code;
    char detail[CURL_ERROR_SIZE];
    long status; /* of HTTP; 0: none */
    struct s3_head head;
    int64_t retry_after_ms;     /* 0: not said */
    char answer[S3_ANSWER_MAX]; /* of a failure, or without a sink */
    size_t answer_len;
};

/* The buffer of a sink must have the length that it is to have before the first byte. Of an answer
 * that is the whole object, though a range was asked for, the range is cut out. */
void s3_transfer_run(struct s3_transfer *transfer, CURL *curl);

struct s3_verdict {
    bool repeat;       /* the request may succeed in a moment */
    bool keys_refused; /* other keys may succeed */
    bool unsure;       /* it failed, and yet the server may have done it */
    bool elsewhere;    /* the server sends us to head.location */
    bool no_such_range;
};

/* STATUS_OK, or the failure and what to do about it. OK is an answer that is complete, that fits
 * the request, and that is not a page of a proxy or an error under a good status. */
enum status s3_transfer_judge(const struct s3_transfer *transfer, struct s3_verdict *ret_verdict,
                              struct error *err) MUST_CHECK;

#endif
