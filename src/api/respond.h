/*
 * Respond: how every answer of the API leaves: headers, problem documents, and the one log line of
 * a request that failed. After one of these the request is gone.
 */
#ifndef API_RESPOND_H
#define API_RESPOND_H

#include "core/error.h"
#include "http/server.h"
#include "problem.h"

#include <stdbool.h>
#include <stddef.h>

enum { RESPOND_RETRY_AFTER_S = 1 }; /* the store's connection is tried again that often */

/* At most three more headers of the caller; a NULL name ends them. */
struct respond_headers {
    struct http_header items[4];
};

/* text may be NULL when there is no body; headers may be NULL. */
void respond(struct http_request *request, enum http_code code, const char *content_type,
             const char *text, size_t len, const struct respond_headers *headers);

struct respond_failure {
    const struct problem *problem;
    enum http_code otherwise;  /* the code of a problem without a number */
    const struct error *cause; /* for the log; may be NULL */
};

/* A problem document; the server adds Allow to a 405. Logs it when it is our fault (5xx) or a token
 * was refused. */
void respond_problem(struct http_request *request, const struct respond_failure *failure);

enum { RESPOND_LOCATION_SIZE = 1024, RESPOND_HOST_MAX = 260 };

/* The full URL of a resource, for the header Location, as the caller would write it: the scheme is
 * the connection's, the authority is what the caller sent as Host. If that is no authority, or NULL,
 * the path alone is given, which RFC 9110 section 10.2.2 allows as well. The path starts with '/'
 * and is shorter than RESPOND_LOCATION_SIZE - RESPOND_HOST_MAX - 8. */
void respond_write_location(bool is_tls, const char *host, const char *path,
                            char text[RESPOND_LOCATION_SIZE]);

#endif
