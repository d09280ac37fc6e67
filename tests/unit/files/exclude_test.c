#include "files/exclude.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <string.h>

struct row {
    const char *pattern;
    const char *path;
    bool is_directory;
    bool matches;
};

/* The volume is /srv/shop. */
static const struct row rows[] = {
    {"*.tmp", "/srv/shop/a.tmp", false, true},
    {"*.tmp", "/srv/shop/deep/down/a.tmp", false, true},
    {"*.tmp", "/srv/shop/a.tmp.txt", false, false},
    {"*.tmp", "/srv/shop/.tmp", false, true},
    {"cache", "/srv/shop/cache", true, true},
    {"cache", "/srv/shop/cache", false, true},
    {"cache", "/srv/shop/cached", true, false},
    {"cache", "/srv/shop/Cache", true, false},
    {"cache/", "/srv/shop/cache", true, true},
    {"cache/", "/srv/shop/cache", false, false},
    {"a?c", "/srv/shop/abc", false, true},
    {"[a-c]x", "/srv/shop/bx", false, true},
    {"[!a-c]x", "/srv/shop/bx", false, false},
    {"\\*", "/srv/shop/*", false, true},
    {"\\*", "/srv/shop/a", false, false},
    {"\\!a", "/srv/shop/!a", false, true},
    {"shop", "/srv/shop/x", false, false},
    /* anchored, from the volume's root and from the host's */
    {"/tmp", "/srv/shop/tmp", true, true},
    {"/tmp", "/srv/shop/a/tmp", true, false},
    {"/tmp/*", "/srv/shop/tmp/x", false, true},
    {"/tmp/*", "/srv/shop/tmp/x/y", false, false},
    {"/srv/shop/tmp", "/srv/shop/tmp", true, true},
    {"/srv/shop/tmp", "/srv/shop/x/srv/shop/tmp", true, false},
    {"/srv/*/tmp", "/srv/shop/tmp", true, true},
    {"/tmp/", "/srv/shop/tmp", false, false},
    /* the end of a path */
    {"cache/pages", "/srv/shop/cache/pages", true, true},
    {"cache/pages", "/srv/shop/a/b/cache/pages", true, true},
    {"cache/pages", "/srv/shop/cache/pages/x", true, false},
    {"cache/pages", "/srv/shop/mycache/pages", true, false},
    {"cache/*.html", "/srv/shop/cache/a.html", false, true},
    {"a/*/c", "/srv/shop/a/b/c", false, true},
    {"a/*/c", "/srv/shop/a/b/b/c", false, false},
    {"a/b/a/c", "/srv/shop/a/b/a/b/a/c", false, true},
    /* any number of directories */
    {"src/**/node_modules", "/srv/shop/src/node_modules", true, true},
    {"src/**/node_modules", "/srv/shop/src/a/b/node_modules", true, true},
    {"src/**/node_modules", "/srv/shop/lib/a/node_modules", true, false},
    {"/**/x", "/srv/shop/a/b/x", true, true},
    {"/a/**", "/srv/shop/a/b/c", false, true},
    {"/a/**", "/srv/shop/a/b", false, true},
    {"/a/**", "/srv/shop/a", true, false},
    {"**/b/**/d", "/srv/shop/a/b/c/d", false, true},
    {"**/b/**/d", "/srv/shop/a/c/d", false, false},
    {"/a**/x", "/srv/shop/abc/x", false, true},
    {"/a**/x", "/srv/shop/a/b/x", false, false},
    /* not UTF-8 */
    {"caf\xe9*", "/srv/shop/caf\xe9.txt", false, true},
    {"caf\xe9*", "/srv/shop/caf\xc3\xa9.txt", false, false},
};

ParameterizedTestParameters(exclude_matches, what_the_table_says)
{
    static size_t indexes[sizeof(rows) / sizeof(rows[0])];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        indexes[i] = i;
    return cr_make_param_array(size_t, indexes, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(size_t *index, exclude_matches, what_the_table_says)
{
    const struct row *row = &rows[*index];
    struct error err = {0};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    const char *patterns[] = {row->pattern, NULL};
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);

    bool matches = exclude_matches(exclude, row->path, strlen("/srv/shop"), row->is_directory);

    cr_assert(matches == row->matches, "'%s' and '%s'", row->pattern, row->path);
}

Test(exclude_matches, any_of_several_patterns_and_none_of_none)
{
    struct error err = {0};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    CLEANUP(exclude_freep) struct exclude *none = NULL;
    const char *patterns[] = {"*.log", "/tmp", NULL};
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)exclude_new(NULL, &none, &err), STATUS_OK), "%s", err.text);

    cr_expect(exclude_matches(exclude, "/v/a.log", 2, false));
    cr_expect(exclude_matches(exclude, "/v/tmp", 2, true));
    cr_expect(not(exclude_matches(exclude, "/v/keep", 2, true)));
    cr_expect(not(exclude_matches(none, "/v/a.log", 2, false)));
}

Test(exclude_matches, below_the_volume_that_is_the_whole_host)
{
    struct error err = {0};
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    const char *patterns[] = {"/proc", "run/lock", NULL};
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK), "%s", err.text);

    cr_expect(exclude_matches(exclude, "/proc", 0, true));
    cr_expect(exclude_matches(exclude, "/run/lock", 0, true));
    cr_expect(not(exclude_matches(exclude, "/srv/proc", 0, true)));
}

static const char *const bad_patterns[] = {"", "/", "!keep", "a//b", "a/../b", "./a", "a/."};

ParameterizedTestParameters(exclude_new, refuses)
{
    static size_t indexes[sizeof(bad_patterns) / sizeof(bad_patterns[0])];
    for (size_t i = 0; i < sizeof(bad_patterns) / sizeof(bad_patterns[0]); i++)
        indexes[i] = i;
    return cr_make_param_array(size_t, indexes, sizeof(bad_patterns) / sizeof(bad_patterns[0]));
}

ParameterizedTest(size_t *index, exclude_new, refuses)
{
    struct error err = {0};
    struct exclude *exclude = NULL;
    const char *patterns[] = {"fine", bad_patterns[*index], NULL};

    enum status status = exclude_new(patterns, &exclude, &err);

    cr_assert(eq(int, (int)status, STATUS_INVALID), "'%s'", bad_patterns[*index]);
    cr_assert(exclude == NULL);
}

Test(exclude_new, refuses_a_pattern_over_the_limit)
{
    struct error err = {0};
    struct exclude *exclude = NULL;
    char text[EXCLUDE_PATTERN_MAX + 2];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const char *patterns[] = {text, NULL};
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_INVALID));

    text[EXCLUDE_PATTERN_MAX] = '\0';
    cr_assert(eq(int, (int)exclude_new(patterns, &exclude, &err), STATUS_OK));
    exclude_free(exclude);
}
