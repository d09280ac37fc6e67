#include "router.h"

#include "uri.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const struct http_route *route;
    char *text; /* the pattern, cut into segments */
    const char *segments[URI_SEGMENTS_MAX];
    size_t segment_count;
};

struct router {
    size_t count;
    struct entry entries[];
};

static enum status compile(const struct http_route *route, struct entry *entry, struct error *err)
{
    if (route->pattern[0] != '/')
        return FAIL(err, STATUS_INVALID, "a pattern begins with '/'");
    if (route->method == HTTP_METHOD_OTHER || route->method == HTTP_METHOD_HEAD)
        return FAIL(err, STATUS_INVALID, "this method has no routes of its own");
    entry->route = route;
    entry->text = strdup(route->pattern);
    if (entry->text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "strdup");

    size_t parameters = 0;
    char *rest = NULL;
    for (char *part = strtok_r(entry->text, "/", &rest); part != NULL;
         part = strtok_r(NULL, "/", &rest)) {
        if (entry->segment_count == URI_SEGMENTS_MAX)
            return FAIL(err, STATUS_INVALID, "more than %d segments", URI_SEGMENTS_MAX);
        if (part[0] == ':' && (part[1] == '\0' || ++parameters > HTTP_PARAMETERS_MAX))
            return FAIL(err, STATUS_INVALID, "a parameter without a name, or more than %d",
                        HTTP_PARAMETERS_MAX);
        entry->segments[entry->segment_count++] = part;
    }
    return STATUS_OK;
}

enum status router_new(const struct http_route *routes, size_t count, struct router **ret_router,
                       struct error *err)
{
    CLEANUP(router_freep)
    struct router *router = calloc(1, sizeof(*router) + count * sizeof(router->entries[0]));
    if (router == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a table of %zu routes", count);
    router->count = count;
    for (size_t i = 0; i < count; i++)
        if (compile(&routes[i], &router->entries[i], err) != STATUS_OK)
            return FAIL_IN(err, "route '%s'", routes[i].pattern);
    *ret_router = STEAL(router);
    return STATUS_OK;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    for (size_t i = 0; i < router->count; i++)
        free(router->entries[i].text);
    free(router);
}

static bool entry_fits(const struct entry *entry, const char *const *segments, size_t count)
{
    if (entry->segment_count != count)
        return false;
    /* From the end: routes share their beginnings and differ in their ends. */
    for (size_t i = count; i-- > 0;)
        if (entry->segments[i][0] != ':' && strcmp(entry->segments[i], segments[i]) != 0)
            return false;
    return true;
}

static void take_parameters(const struct entry *entry, const char *const *segments,
                            struct route_match *match)
{
    for (size_t i = 0; i < entry->segment_count; i++) {
        if (entry->segments[i][0] != ':')
            continue;
        match->parameters[match->parameter_count].name = entry->segments[i] + 1;
        match->parameters[match->parameter_count].value = segments[i];
        match->parameter_count++;
    }
}

void router_match(const struct router *router, enum http_method method, const char *const *segments,
                  size_t segment_count, struct route_match *match)
{
    enum http_method wanted = method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : method;
    match->route = NULL;
    match->methods = 0;
    match->parameter_count = 0;
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        if (!entry_fits(entry, segments, segment_count))
            continue;
        match->methods |= 1U << entry->route->method;
        if (entry->route->method != wanted)
            continue;
        match->route = entry->route;
        take_parameters(entry, segments, match);
        return;
    }
}

void router_methods_text(unsigned methods, char text[ROUTER_METHODS_SIZE])
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {
        {HTTP_METHOD_GET, "GET, HEAD"}, {HTTP_METHOD_POST, "POST"},
        {HTTP_METHOD_PUT, "PUT"},       {HTTP_METHOD_DELETE, "DELETE"},
        {HTTP_METHOD_PATCH, "PATCH"},   {HTTP_METHOD_OPTIONS, "OPTIONS"},
    };

    char *out = text;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((methods & (1U << names[i].method)) == 0)
            continue;
        if (out != text)
            out = stpcpy(out, ", ");
        out = stpcpy(out, names[i].name);
    }
    *out = '\0';
}
