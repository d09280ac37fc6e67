#include "src/api/list.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct query query;
static struct list list;

static void set_up(void)
{
    query_init(&query);
    list_init(&list, &query);
}

static void tear_down(void)
{
    list_done(&list);
}

TestSuite(list, .init = set_up, .fini = tear_down);

static void take(const char *name, const char *value)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    cr_assert(query_add(&query, QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER, name, value, &problem));
}

static void add(const char *text)
{
    struct error err = {.status = STATUS_OK};
    json_auto_t *row = json_loads(text, 0, NULL);
    cr_assert(eq(int, (int)list_add(&list, row, &err), (int)STATUS_OK), "%s", err.text);
}

static const char *finished(void)
{
    struct error err = {.status = STATUS_OK};
    cr_assert(eq(int, (int)list_finish(&list, &err), (int)STATUS_OK), "%s", err.text);
    return (const char *)list.text.bytes;
}

Test(list, is_an_envelope_even_when_it_is_empty)
{
    cr_expect(eq(str, (char *)(uintptr_t)finished(), "{\"items\":[],\"metadata\":{}}"));
}

Test(list, holds_whole_resources)
{
    add("{\"id\":\"a\",\"n\":1}");
    add("{\"id\":\"b\",\"n\":2}");

    cr_expect(eq(str, (char *)(uintptr_t)finished(),
                 "{\"items\":[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":2}],\"metadata\":{}}"));
}

Test(list, projects_rows_to_the_fields_asked_for_with_null_for_what_is_absent)
{
    take("include", "n,nothing,id,id");
    add("{\"id\":\"a\",\"n\":[1]}");
    add("{\"id\":\"b\"}");

    cr_expect(eq(str, (char *)(uintptr_t)finished(),
                 "{\"items\":[[[1],null,\"a\",\"a\"],[null,null,\"b\",\"b\"]],\"metadata\":{}}"));
}

Test(list, is_full_at_its_limit_and_drops_what_comes_after)
{
    take("limit", "2");
    add("{\"id\":\"a\"}");
    cr_expect(not(list_is_full(&list)));
    add("{\"id\":\"b\"}");
    cr_expect(list_is_full(&list));
    add("{\"id\":\"c\"}");

    cr_expect(eq(str, (char *)(uintptr_t)finished(),
                 "{\"items\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"metadata\":{}}"));
}

Test(list, counts_only_rows_that_the_filter_keeps)
{
    take("limit", "1");
    take("filter", "id eq 'b'");
    add("{\"id\":\"a\"}");
    cr_expect(not(list_is_full(&list)));
    add("{\"id\":\"b\"}");

    cr_expect(
        eq(str, (char *)(uintptr_t)finished(), "{\"items\":[{\"id\":\"b\"}],\"metadata\":{}}"));
}

Test(list, refuses_to_grow_over_its_limit)
{
    struct error err = {.status = STATUS_OK};
    list.text.max = 20;
    json_auto_t *row = json_pack("{s:s}", "id", "a text that is too long for it");

    cr_expect(eq(int, (int)list_add(&list, row, &err), (int)STATUS_TOO_LARGE), "%s", err.text);
}
