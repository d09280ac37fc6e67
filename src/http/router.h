/*
 * Router: finds the route of a path. The table is walked from its start and the first route that
 * fits wins, so that a literal segment goes before a parameter in its place.
 *
 * Errors    INVALID: a pattern without '/' in front, with too many segments or parameters
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "core/cleanup.h"
#include "core/error.h"
#include "http/route.h"

#include <stddef.h>

struct router;

struct route_match {
    const struct http_route *route; /* NULL: none for this method */
    unsigned methods;               /* that the path has, as bits: 1 << enum http_method */
    size_t parameter_count;

    struct {
        const char *name;  /* borrowed from the router */
        const char *value; /* one of the segments */
    } parameters[HTTP_PARAMETERS_MAX];
};

/* The table is borrowed. Caller owns *ret_router. */
enum status router_new(const struct http_route *routes, size_t count, struct router **ret_router,
                       struct error *err) MUST_CHECK;
void router_free(struct router *router); /* NULL is a no-op */
DEFINE_CLEANUP(struct router *, router_free)

/* HEAD finds the route of GET. */
void router_match(const struct router *router, enum http_method method, const char *const *segments,
                  size_t segment_count, struct route_match *match);

/* "GET, HEAD, DELETE" */
enum { ROUTER_METHODS_SIZE = 64 };

void router_methods_text(unsigned methods, char text[ROUTER_METHODS_SIZE]);

#endif
