/*
 * The yardstick of tests/bench/http: the least that evhttp can do, a fixed answer to every request.
 * Usage: bench_hello PORT
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include <stdio.h>
#include <stdlib.h>

static void on_request(struct evhttp_request *request, void *context)
{
    struct evbuffer *body = context;
    evbuffer_add_reference(body, "hello\n", 6, NULL, NULL);
    evhttp_send_reply(request, HTTP_OK, NULL, body);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench_hello PORT\n");
        return 2;
    }
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evbuffer *body = evbuffer_new();
    evhttp_set_gencb(http, on_request, body);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    if (evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)strtoul(argv[1], NULL, 10)) != 0) {
        (void)fprintf(stderr, "bench_hello: cannot listen on port %s\n", argv[1]);
        return 1;
    }
    event_base_dispatch(base);
    return 0;
}
