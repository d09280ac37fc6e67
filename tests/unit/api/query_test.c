#include "src/api/query.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { ALL = QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER };

static struct query query;

static void start(void)
{
    query_init(&query);
}

TestSuite(query_add, .init = start);

static enum problem_number refused(unsigned taken, const char *name, const char *value)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    bool good = query_add(&query, taken, name, value, &problem);
    cr_expect(eq(int, good, problem.number == PROBLEM_NONE));
    return problem.number;
}

Test(query_add, takes_fields_in_the_order_asked_for_and_twice_as_well)
{
    enum problem_number number = refused(ALL, "include", "id,name,name");

    cr_assert(eq(int, (int)number, PROBLEM_NONE));
    cr_assert(eq(sz, query.field_count, 3));
    cr_expect(slice_equals(query.fields[0], "id"));
    cr_expect(slice_equals(query.fields[1], "name"));
    cr_expect(slice_equals(query.fields[2], "name"));
}

Test(query_add, takes_a_limit)
{
    cr_expect(eq(int, (int)refused(ALL, "limit", "17"), PROBLEM_NONE));
    cr_expect(eq(i64, query.limit, 17));
}

Test(query_add, takes_a_limit_beyond_all_numbers_as_none)
{
    cr_expect(eq(int, (int)refused(ALL, "limit", "99999999999999999999999"), PROBLEM_NONE));
    cr_expect(eq(i64, query.limit, INT64_MAX));
}

Test(query_add, refuses_malformed_values)
{
    static const char *const limits[] = {"0", "-1", "", "01", "1.5", "x", " 1", "1 "};
    static const char *const includes[] = {"", ",", "id,", ",id", "id,,name", "id name", "a.b"};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        cr_expect(eq(int, (int)refused(ALL, "limit", limits[i]), PROBLEM_QUERY_INVALID), "'%s'",
                  limits[i]);
    for (size_t i = 0; i < sizeof(includes) / sizeof(includes[0]); i++) {
        query_init(&query);
        cr_expect(eq(int, (int)refused(ALL, "include", includes[i]), PROBLEM_QUERY_INVALID), "'%s'",
                  includes[i]);
    }
}

Test(query_add, refuses_a_parameter_given_twice_but_for_filter)
{
    cr_expect(eq(int, (int)refused(ALL, "limit", "1"), PROBLEM_NONE));
    cr_expect(eq(int, (int)refused(ALL, "limit", "2"), PROBLEM_QUERY_INVALID));
    cr_expect(eq(int, (int)refused(ALL, "include", "id"), PROBLEM_NONE));
    cr_expect(eq(int, (int)refused(ALL, "include", "id"), PROBLEM_QUERY_INVALID));
    cr_expect(eq(int, (int)refused(ALL, "filter", "name eq 'a'"), PROBLEM_NONE));
    cr_expect(eq(int, (int)refused(ALL, "filter", "id eq 'b'"), PROBLEM_NONE));
    cr_expect(eq(sz, query.filter.count, 2));
}

Test(query_add, refuses_what_the_operation_does_not_take)
{
    cr_expect(eq(int, (int)refused(ALL, "orderBy", "name"), PROBLEM_QUERY_UNSUPPORTED));
    cr_expect(
        eq(int, (int)refused(QUERY_LIMIT, "filter", "name eq 'a'"), PROBLEM_QUERY_UNSUPPORTED));
    cr_expect(eq(int, (int)refused(0, "limit", "1"), PROBLEM_QUERY_UNSUPPORTED));
    cr_expect(eq(int, (int)refused(ALL, "", ""), PROBLEM_QUERY_UNSUPPORTED));
}

Test(query_add, names_all_unknown_parameters_before_any_malformed_one)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};

    cr_expect(not(query_add(&query, ALL, "limit", "0", &problem)));
    cr_expect(not(query_add(&query, ALL, "skip", "1", &problem)));
    cr_expect(not(query_add(&query, ALL, "limit", "0", &problem)));
    cr_expect(not(query_add(&query, ALL, "count", "true", &problem)));

    cr_expect(eq(int, (int)problem.number, PROBLEM_QUERY_UNSUPPORTED));
    cr_expect(eq(sz, json_array_size(json_object_get(problem.extra, "invalidParams")), 2));
}

Test(query_add, bounds_the_number_of_fields)
{
    char many[2 * (QUERY_FIELDS_MAX + 1)];
    for (size_t i = 0; i < sizeof(many) - 1; i++)
        many[i] = i % 2 == 0 ? 'a' : ',';
    many[sizeof(many) - 1] = '\0';

    cr_expect(eq(int, (int)refused(ALL, "include", many), PROBLEM_QUERY_INVALID));
}
