#include "src/api/filter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char app[] = "{\"name\": \"shop\", \"id\": \"b\", \"size\": 10, \"flag\": true,"
                          " \"metadata\": {\"labels\": [{\"name\": \"tier\", \"value\": \"gold\"},"
                          " {\"name\": \"team\", \"value\": \"red\"}], \"createdBy\": \"me\"},"
                          " \"namespaces\": [\"one\", \"two\"]}";

struct row {
    const char *filter;
    bool matches;
};

static const struct row rows[] = {
    {"name eq 'shop'", true},
    {"name eq 'shops'", false},
    {"name eq 'sho'", false},
    {"  name   eq   'shop'  ", true},
    {"name eq'shop'", true},
    {"name eq ''", false},
    {"name lt 'shoq'", true},
    {"name gt 'shoo'", true},
    {"name gt 'shop'", false},
    {"name lte 'shop'", true},
    {"name gte 'shop'", true},
    {"name gte 'shoq'", false},
    {"name in 'bank,shop,mail'", true},
    {"name in 'shop'", true},
    {"name in 'bank,mail'", false},
    {"name in ''", false},
    {"size eq '10'", true},
    {"size gt '9'", true},
    {"size lt '9'", false},
    {"size in '9,10'", true},
    {"size eq 'ten'", false},
    {"size eq ''", false},
    {"flag eq 'true'", false},
    {"metadata.createdBy eq 'me'", true},
    {"metadata.labels[*].value eq 'red'", true},
    {"metadata.labels[*].value eq 'blue'", false},
    {"metadata.labels.value eq 'red'", false},
    {"namespaces[*] eq 'two'", true},
    {"namespaces eq 'two'", false},
    {"absent eq 'x'", false},
    {"name.sub eq 'x'", false},
    {"name eq 'shop',id eq 'b'", true},
    {"name eq 'shop', id eq 'c'", false},
};

Test(filter_matches, keeps_the_rows_that_meet_every_condition)
{
    json_auto_t *json = json_loads(app, 0, NULL);
    cr_assert(ne(ptr, json, NULL));

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct filter filter = {.count = 0};
        const char *fault = filter_add(&filter, rows[i].filter);
        cr_expect(eq(ptr, (void *)(uintptr_t)fault, NULL), "%s: %s", rows[i].filter, fault);
        cr_expect(eq(int, filter_matches(&filter, json), rows[i].matches), "%s", rows[i].filter);
    }
}

Test(filter_matches, keeps_every_row_without_a_filter)
{
    json_auto_t *json = json_object();
    struct filter filter = {.count = 0};

    cr_expect(filter_matches(&filter, json));
}

Test(filter_add, refuses_what_is_no_condition)
{
    static const char *const wrong[] = {
        "",
        " ",
        "name",
        "name eq",
        "name eq shop",
        "name eq 'shop",
        "name eq 'shop' x",
        "name eq 'shop',",
        "name like 'shop'",
        "eq 'shop'",
        "na-me eq 'shop'",
        ".name eq 'x'",
        "name. eq 'x'",
        "a.b.c.d.e eq 'x'",
        "a[*].b[*] eq 'x'",
        "a[0] eq 'x'",
        "a[ eq 'x'",
        "name=eq'x'",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct filter filter = {.count = 0};
        cr_expect(ne(ptr, (void *)(uintptr_t)filter_add(&filter, wrong[i]), NULL), "%s", wrong[i]);
    }
}

Test(filter_add, bounds_the_number_of_conditions)
{
    struct filter filter = {.count = 0};
    for (int i = 0; i < FILTER_CONDITIONS_MAX; i++)
        cr_assert(eq(ptr, (void *)(uintptr_t)filter_add(&filter, "name eq 'x'"), NULL));

    cr_expect(ne(ptr, (void *)(uintptr_t)filter_add(&filter, "name eq 'x'"), NULL));
}
