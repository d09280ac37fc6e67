#include "src/http/router.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static void handle(void *context, struct http_request *request)
{
    (void)context;
    (void)request;
}

static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/healthz", handle, NULL},
    {HTTP_METHOD_GET, "/accounts/:account/apps", handle, NULL},
    {HTTP_METHOD_GET, "/accounts/:account/apps/default", handle, NULL},
    {HTTP_METHOD_GET, "/accounts/:account/apps/:app", handle, NULL},
    {HTTP_METHOD_DELETE, "/accounts/:account/apps/:app", handle, NULL},
    {HTTP_METHOD_POST, "/accounts/:account/apps", handle, NULL},
    {HTTP_METHOD_GET, "/", handle, NULL},
};

static struct router *router;

static void make(void)
{
    struct error err = {0};
    cr_assert(router_new(routes, sizeof(routes) / sizeof(routes[0]), &router, &err) == STATUS_OK);
}

static void drop(void)
{
    router_free(router);
}

static struct route_match match(enum http_method method, size_t count, const char *const *segments)
{
    struct route_match found;
    router_match(router, method, segments, count, &found);
    return found;
}

#define MATCH(method, ...)                                                        \
    match((method), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
          (const char *[]){__VA_ARGS__})

TestSuite(router, .init = make, .fini = drop);

Test(router, finds_a_literal_path)
{
    cr_assert(MATCH(HTTP_METHOD_GET, "healthz").route == &routes[0]);
}

Test(router, takes_parameters_from_their_segments)
{
    struct route_match found = MATCH(HTTP_METHOD_DELETE, "accounts", "a1", "apps", "shop");

    cr_assert(found.route == &routes[4]);
    cr_assert(eq(sz, found.parameter_count, 2));
    cr_assert(eq(str, (char *)found.parameters[0].name, "account"));
    cr_assert(eq(str, (char *)found.parameters[0].value, "a1"));
    cr_assert(eq(str, (char *)found.parameters[1].name, "app"));
    cr_assert(eq(str, (char *)found.parameters[1].value, "shop"));
}

Test(router, prefers_the_earlier_route)
{
    cr_assert(MATCH(HTTP_METHOD_GET, "accounts", "a1", "apps", "default").route == &routes[2]);
}

Test(router, finds_the_root)
{
    cr_assert(match(HTTP_METHOD_GET, 0, NULL).route == &routes[6]);
}

Test(router, answers_head_with_the_route_of_get)
{
    cr_assert(MATCH(HTTP_METHOD_HEAD, "healthz").route == &routes[0]);
}

Test(router, tells_the_methods_of_a_path_when_this_one_is_missing)
{
    struct route_match found = MATCH(HTTP_METHOD_PUT, "accounts", "a1", "apps");
    char text[ROUTER_METHODS_SIZE];

    router_methods_text(found.methods, text);

    cr_assert(found.route == NULL);
    cr_assert(eq(str, text, "GET, HEAD, POST"));
}

Test(router, knows_no_methods_for_an_unknown_path)
{
    static const char *const unknown[][3] = {
        {"nowhere", NULL, NULL}, {"healthz", "more", NULL}, {"accounts", "a1", NULL}};

    for (size_t i = 0; i < 3; i++) {
        size_t count = i == 0 ? 1 : 2;
        struct route_match found = match(HTTP_METHOD_GET, count, unknown[i]);
        cr_expect(found.route == NULL);
        cr_expect(eq(uint, found.methods, 0));
    }
}

Test(router_methods_text, has_room_for_all_of_them)
{
    char text[ROUTER_METHODS_SIZE];

    router_methods_text(~0U, text);

    cr_assert(eq(str, text, "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"));
}

Test(router_new, refuses_patterns_that_can_never_work)
{
    static const struct http_route bad[] = {
        {HTTP_METHOD_GET, "healthz", handle, NULL},
        {HTTP_METHOD_GET, "", handle, NULL},
        {HTTP_METHOD_GET, "/a/:", handle, NULL},
        {HTTP_METHOD_GET, "/:1/:2/:3/:4/:5/:6/:7/:8/:9", handle, NULL},
        {HTTP_METHOD_GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", handle, NULL},
        {HTTP_METHOD_OTHER, "/a", handle, NULL},
        {HTTP_METHOD_HEAD, "/a", handle, NULL},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct router *none = NULL;
        struct error err = {0};
        cr_expect(eq(int, (int)router_new(&bad[i], 1, &none, &err), (int)STATUS_INVALID));
        cr_expect(none == NULL);
    }
}
