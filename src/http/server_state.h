/*
 * What the parts of the server share. One evhttp per listener: it parses and writes messages. What
 * it does not do is ours: connections that can be counted, timed and closed (connection.c,
 * connections.c), routes (router.c), and errors that are the API's (dispatch.c).
 *
 * Who owns  the server: listeners and connections. A connection: its only request, since requests
 *           of a connection come one after the other. A connection that is closed while its request
 *           waits for the reply belongs to that request.
 */
#ifndef HTTP_SERVER_STATE_H
#define HTTP_SERVER_STATE_H

#include "correlation.h"
#include "http/route.h"
#include "router.h"
#include "uri.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

enum {
    PEER_SIZE = 64,
    DATE_SIZE = 40,
    SHORT_TEXT_SIZE = 512,               /* the parts of a usual target fit */
    LINGER_MS = 5000,                    /* connection.c says why */
    LINGER_BYTES_MAX = 64 * 1024 * 1024, /* of what is read while lingering */
    DRAIN_GRACE_MS = 500
};

struct http_request {
    struct http_connection *connection;
    struct evhttp_request *raw; /* libevent's */
    bool pending;               /* given to a handler, not replied to yet */
    bool ends_connection;       /* where the next request would begin is not known for sure */
    enum http_method method;
    struct uri uri;
    struct route_match match;
    char *text; /* of the uri: short_text or allocated */
    void *state;
    void (*release)(void *state);
    char correlation_id[ID_SIZE];
    char short_text[SHORT_TEXT_SIZE];
};

enum connection_phase {
    CONNECTION_ARRIVED = 0, /* libevent has not finished setting it up */
    CONNECTION_IDLE,        /* waits for the first byte of a request */
    CONNECTION_READING,
    CONNECTION_HANDLING,
    CONNECTION_REPLYING,
    CONNECTION_LINGERING, /* all said; reads what the client still sends */
    CONNECTION_CLOSED     /* only its pending request keeps it */
};

struct http_connection {
    struct http_server *server; /* NULL once closed */
    LIST_ENTRY(http_connection) link;
    TAILQ_ENTRY(http_connection) turn_link;
    bool has_turn;                    /* is in the server's list of turns */
    struct bufferevent *stream;       /* a reference of ours, beside libevent's */
    struct evhttp_connection *parser; /* NULL before it arrived and while it lingers */
    int fd;                           /* for the table; -1: not in it */
    enum connection_phase phase;
    bool is_tls;
    bool is_refused;   /* over the limit */
    bool is_cut;       /* closed by us before its time: no lingering */
    bool has_answered; /* a reply was taken, and no other request was complete since */
    int64_t deadline_ms;
    size_t reply_left; /* bytes that the socket had not taken when we looked last */
    size_t lingered_bytes;
    char peer[PEER_SIZE];
    struct http_request request;
};

struct listener {
    STAILQ_ENTRY(listener) link;
    struct http_server *server;
    struct evhttp *parser;
    struct evhttp_bound_socket *bound; /* NULL once it is closed */
    struct evconnlistener *acceptor;   /* belongs to bound; NULL once that is closed */
    bool is_passed;                    /* somebody else keeps the socket open as well */
    bool is_paused;                    /* no descriptors left: tried again with the next tick */
    SSL_CTX *tls;                      /* NULL: plain */
    char *certificate;
    char *key;
    char *path; /* of a unix socket; NULL otherwise */
    dev_t path_device;
    ino_t path_inode;
};

STAILQ_HEAD(listener_list, listener);

typedef void connection_fn(struct http_connection *connection);

LIST_HEAD(connection_list, http_connection);
TAILQ_HEAD(turn_list, http_connection);

/* All of a server; connections.c is the one that writes here. */
struct connections {
    struct connection_list list;
    size_t count;
    struct http_connection **by_fd; /* libevent tells us no more of a connection than its socket */
    size_t by_fd_size;
    struct turn_list turns;
    struct event *turn; /* does what cannot be done from inside libevent's callbacks */
    connection_fn *on_turn;
};

struct http_server {
    LIST_ENTRY(http_server) link; /* of all servers of this thread */
    struct event_base *base;
    http_refuse_fn *refuse;
    void *context;
    struct http_limits limits;
    struct router *router;
    struct listener_list listeners; /* in the order of listening */

    struct connections connections;
    struct event *tick; /* looks at the deadlines */
    struct timeval tick_interval;

    struct event *drain;
    bool is_draining;
    void (*when_drained)(void *context);
    void *drained_context;

    time_t date_second;
    char date[DATE_SIZE];
    struct correlation correlation;
};

/* server.c */
struct listener *listener_of(const struct evhttp *parser); /* NULL: not one of ours */
void server_start_tick(struct http_server *server);

/* dispatch.c */
void on_request(struct evhttp_request *raw, void *context); /* the server */

/* reply.c */
void request_begin(struct http_request *request, struct evhttp_request *raw);

#endif
