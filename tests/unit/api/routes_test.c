/* The routes are made of the tables of the resources: each row is complete, and none hides another. */
#include "api/api.h"
#include "src/api/exchange.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/event.h>

#include <string.h>

static struct event_base *base;
static struct api *api;

static void set_up(void)
{
    struct error err = {.status = STATUS_OK};
    base = event_base_new();
    cr_assert(base != NULL);
    cr_assert(api_new(&(struct api_options){.base = base}, &api, &err) == STATUS_OK, "%s",
              err.text);
}

static void tear_down(void)
{
    api_free(api);
    event_base_free(base);
}

TestSuite(api_routes, .init = set_up, .fini = tear_down);

Test(api_routes, lead_to_an_operation_or_a_probe)
{
    size_t count = 0;
    const struct http_route *routes = api_routes(api, &count);

    cr_assert(lt(sz, 20, count));
    for (size_t i = 0; i < count; i++) {
        bool is_of_an_account =
            strncmp(routes[i].pattern, API_ACCOUNT "/", strlen(API_ACCOUNT) + 1) == 0;
        cr_expect(is_of_an_account == (api->operations[i] != NULL), "%s", routes[i].pattern);
        cr_expect(is_of_an_account == (routes[i].handle == exchange_handle), "%s",
                  routes[i].pattern);
    }
}

Test(api_routes, have_operations_that_say_all_that_is_needed)
{
    size_t count = 0;
    const struct http_route *routes = api_routes(api, &count);

    for (size_t i = 0; i < count; i++) {
        const struct operation *operation = api->operations[i];
        if (operation == NULL)
            continue;
        const char *pattern = routes[i].pattern;
        cr_expect(operation->role >= ROLE_VIEWER, "%s", pattern);
        cr_expect(operation->failed != PROBLEM_NONE, "%s", pattern);
        cr_expect(eq(int, operation->start == NULL, operation->ask != NULL), "%s", pattern);
        cr_expect(operation->start != NULL || operation->row != NULL || operation->is_mute, "%s",
                  pattern);
        cr_expect(operation->query == 0 || operation->is_list, "%s", pattern);
        cr_expect(eq(int, operation->unknown == REASON_UNSET, operation->absent == PROBLEM_NONE),
                  "%s", pattern);
        cr_expect(operation->method == HTTP_METHOD_GET || operation->role >= ROLE_MEMBER, "%s",
                  pattern);
    }
}

Test(api_routes, are_not_there_twice)
{
    size_t count = 0;
    const struct http_route *routes = api_routes(api, &count);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            bool is_the_same = routes[i].method == routes[j].method &&
                               strcmp(routes[i].pattern, routes[j].pattern) == 0;
            cr_expect(not(is_the_same), "%s", routes[i].pattern);
        }
    }
}
