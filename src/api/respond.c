#include "respond.h"

#include "core/cleanup.h"
#include "core/log.h"
#include "model/event.h"

#include <stdio.h>
#include <string.h>

/* What is sent when there is no memory to say more. */
static const char last_resort[] =
    "{\"type\":\"https://astra.netapp.io/problems/41\",\"title\":\"Service not ready\","
    "\"detail\":\"The service has no memory left at the moment.\",\"status\":\"503\"}";

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_METHOD_OTHER] = "other", [HTTP_METHOD_GET] = "GET",
        [HTTP_METHOD_HEAD] = "HEAD",   [HTTP_METHOD_POST] = "POST",
        [HTTP_METHOD_PUT] = "PUT",     [HTTP_METHOD_DELETE] = "DELETE",
        [HTTP_METHOD_PATCH] = "PATCH", [HTTP_METHOD_OPTIONS] = "OPTIONS",
    };
    return names[method];
}

void respond(struct http_request *request, enum http_code code, const char *content_type,
             const char *text, size_t len, const struct respond_headers *headers)
{
    struct http_response response = {
        .code = code, .content_type = content_type, .body = text, .body_len = len};
    for (size_t i = 0; headers != NULL && headers->items[i].name != NULL; i++)
        response.headers[response.header_count++] = headers->items[i];

    log_text(LOG_LEVEL_DEBUG, "request",
             LOG_TEXT("method", method_name(http_request_method(request))),
             LOG_TEXT("path", http_request_path(request)), LOG_NUMBER("status", (int64_t)code),
             LOG_TEXT("peer", http_request_peer(request)),
             LOG_TEXT("correlation", http_request_correlation_id(request)));
    http_reply(request, &response);
}

static void log_failure(const struct http_request *request, enum http_code code,
                        const struct respond_failure *failure)
{
    enum log_level level = code >= HTTP_CODE_INTERNAL && code != HTTP_CODE_UNAVAILABLE
                               ? LOG_LEVEL_ERROR
                               : LOG_LEVEL_WARNING;
    const struct error *cause = failure->cause;
    log_event(level, code == HTTP_CODE_UNAUTHORIZED ? EVENT_TOKEN_REFUSED : EVENT_REQUEST_FAILED,
              LOG_TEXT("correlation", http_request_correlation_id(request)),
              LOG_TEXT("method", method_name(http_request_method(request))),
              LOG_TEXT("path", http_request_path(request)), LOG_NUMBER("status", (int64_t)code),
              LOG_NUMBER("problem", (int64_t)failure->problem->number),
              LOG_TEXT("peer", http_request_peer(request)),
              LOG_TEXT("code", cause == NULL ? "" : cause->reason),
              LOG_TEXT("reason", cause == NULL ? "" : cause->text));
}

static void add_header(struct respond_headers *headers, const char *name, const char *value)
{
    size_t i = 0;
    while (headers->items[i].name != NULL)
        i++;
    headers->items[i] = (struct http_header){name, value};
}

void respond_problem(struct http_request *request, const struct respond_failure *failure)
{
    enum problem_number number = failure->problem->number;
    enum http_code code = number == PROBLEM_NONE ? failure->otherwise : problem_code(number);
    if (code >= HTTP_CODE_INTERNAL || code == HTTP_CODE_UNAUTHORIZED)
        log_failure(request, code, failure);

    CLEANUP(freep) char *text = NULL;
    text =
        problem_write(failure->problem, failure->otherwise, http_request_correlation_id(request));
    if (text == NULL)
        code = HTTP_CODE_UNAVAILABLE;
    const char *body = text == NULL ? last_resort : text;

    char retry_after[12];
    (void)snprintf(retry_after, sizeof(retry_after), "%d", RESPOND_RETRY_AFTER_S);
    struct respond_headers headers = {{{NULL, NULL}}};
    if (code == HTTP_CODE_UNAVAILABLE)
        add_header(&headers, "Retry-After", retry_after);
    if (code == HTTP_CODE_UNAUTHORIZED)
        add_header(&headers, "WWW-Authenticate", "Bearer");
    respond(request, code, "application/problem+json", body, strlen(body), &headers);
}

static bool is_authority(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    size_t len = strlen(host);
    return len > 0 && len <= RESPOND_HOST_MAX && strspn(host, allowed) == len;
}

void respond_write_location(bool is_tls, const char *host, const char *path,
                            char text[RESPOND_LOCATION_SIZE])
{
    const char *scheme = is_tls ? "https" : "http";
    if (host != NULL && is_authority(host))
        (void)snprintf(text, RESPOND_LOCATION_SIZE, "%s://%s%s", scheme, host, path);
    else
        (void)snprintf(text, RESPOND_LOCATION_SIZE, "%s", path);
}
