/*
 * What the parts of the server share. libevent has sockets, TLS and the loop; all of HTTP is ours:
 * connections that are counted, timed and closed (connection.c, connections.c), messages
 * (receive.c, head.c, chunks.c, reply.c), routes (router.c), what all of them may use together
 * (room.c), and who goes when that is not enough (giving_way.c).
 *
 * Who owns  the server: listeners and connections. A connection: its only request, since requests
 *           of a connection come one after the other. A connection that is closed while its request
 *           waits for the reply belongs to that request.
 */
#ifndef HTTP_SERVER_STATE_H
#define HTTP_SERVER_STATE_H

#include "chunks.h"
#include "core/buffer.h"
#include "correlation.h"
#include "head.h"
#include "http/route.h"
#include "router.h"
#include "uri.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

enum {
    PEER_SIZE = 64,
    DATE_SIZE = 40,
    SHORT_TEXT_SIZE = 2048,              /* a usual head fits, with the parts of its target */
    LINGER_MS = 5000,                    /* connection.c says why */
    LINGER_BYTES_MAX = 64 * 1024 * 1024, /* of what is read while lingering */
    DRAIN_GRACE_MS = 500
};

enum request_stage { STAGE_HEAD = 0, STAGE_BODY, STAGE_COMPLETE };

struct http_request {
    struct http_connection *connection;
    enum request_stage stage;
    bool pending;         /* given to a handler, not replied to yet */
    bool is_admitted;     /* its route is for anybody, or has let it in */
    bool ends_connection; /* with the reply; it says so */
    bool was_asked_for;   /* a client that waited for "100 Continue" has it */
    size_t scanned;       /* of the head, while it is not complete */
    struct head head;
    struct uri uri;
    struct route_match match;
    char *text; /* the head, and the parts of its target; short_text or allocated */
    size_t text_size;
    struct chunks chunks;
    uint64_t body_taken; /* bytes of the body that have come, kept or not */
    struct buffer body;
    void *state;
    void (*release)(void *state);
    char correlation_id[ID_SIZE];
    char short_text[SHORT_TEXT_SIZE];
};

enum connection_phase {
    CONNECTION_IDLE = 0, /* waits for the first byte of a request */
    CONNECTION_READING,
    CONNECTION_HANDLING,
    CONNECTION_REPLYING,
    CONNECTION_LINGERING, /* all said; reads what the client still sends */
    CONNECTION_CLOSED     /* only its pending request keeps it */
};

enum connection_place {
    PLACE_NONE = 0,
    PLACE_USUAL,
    PLACE_EXTRA, /* one that is kept: it is given up after each reply, but by who has a token */
    PLACE_LAST   /* likewise, and kept for routes without admission */
};

/* Who gives way to a newcomer when all places are taken: the first rank that has somebody, and of
 * that rank whoever came into it first. */
enum connection_rank {
    RANK_LINGERING = 0,
    RANK_IDLE,    /* has had its answer, and showed no token */
    RANK_UNKNOWN, /* is at a request, the first perhaps, and has shown no token */
    RANK_TRUSTED, /* showed a token, and is idle */
    RANK_BUSY,    /* is being served: does not give way */
    RANK_COUNT
};

struct http_connection {
    struct http_server *server; /* NULL once closed */
    LIST_ENTRY(http_connection) link;
    TAILQ_ENTRY(http_connection) rank_link;
    enum connection_rank rank;
    enum connection_place place;
    struct bufferevent *stream; /* NULL once closed */
    int fd;
    enum connection_phase phase;
    bool is_tls;
    bool is_advancing; /* connection_advance() is at it */
    bool is_trusted;   /* a valid token came by it */
    bool has_answered; /* a reply was taken */
    bool has_ended;    /* the client sends no more */
    int64_t deadline_ms;
    int64_t taken_ms;  /* when the client has last taken of its reply */
    size_t reply_left; /* bytes that the socket had not taken when we looked last */
    size_t held_bytes; /* counted in the server's, of what has come and is kept */
    uint64_t
        unread_bytes; /* of a body that was refused: they are thrown away before the next request */
    size_t empty_lines;
    size_t lingered_bytes;
    char peer[PEER_SIZE];
    struct http_request request;
};

struct listener {
    STAILQ_ENTRY(listener) link;
    struct http_server *server;
    struct evconnlistener *acceptor; /* NULL once it is closed */
    bool is_passed;                  /* somebody else keeps the socket open as well */
    bool is_paused;                  /* no descriptors left: tried again with the next tick */
    SSL_CTX *tls;                    /* NULL: plain */
    char *certificate;
    char *key;
    char *path; /* of a unix socket; NULL otherwise */
    dev_t path_device;
    ino_t path_inode;
};

STAILQ_HEAD(listener_list, listener);
LIST_HEAD(connection_list, http_connection);
TAILQ_HEAD(rank_list, http_connection);

/* All of a server; connections.c is the one that writes here. */
struct connections {
    struct connection_list list;
    size_t count;
    struct rank_list ranks[RANK_COUNT];
};

/* What all connections use together; room.c is the one that writes here. */
struct room {
    size_t held_bytes;   /* of what has come: heads, bodies, what waits behind them */
    size_t unsent_bytes; /* of replies */
    size_t peak_bytes;   /* the most of all that since memory was last given back */
};

struct http_server {
    struct event_base *base;
    http_refuse_fn *refuse;
    void *context;
    struct http_limits limits;
    struct router *router;
    struct listener_list listeners; /* in the order of listening */

    struct connections connections;
    struct room room;
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
void server_start_tick(struct http_server *server);

/* receive.c */
void request_begin(struct http_request *request); /* a byte of it is there */
/* Takes what has come of the request. True: something has changed, look again. */
bool request_receive(struct http_request *request);
void request_refuse(struct http_request *request, enum http_code code);

/* reply.c */
void request_end(struct http_request *request);     /* its memory is not needed any more */
void request_release(struct http_request *request); /* the state of its handler, if it has one */
void stream_write_at_once(struct http_connection *connection);

#endif
