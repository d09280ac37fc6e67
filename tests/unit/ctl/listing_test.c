#include "src/ctl/listing.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

static const char *const titles[] = {"NAME", "SIZE", NULL};

enum { RIGHT = 1 << 1 };

static struct listing open_listing(enum output_form form)
{
    const struct arguments arguments = {.output = form};
    const struct session session = {.arguments = &arguments};
    struct listing listing;
    listing_init(&listing, &session, titles, RIGHT);
    return listing;
}

/* A record is its name, as the text of the reply. */
static enum status add_name(struct listing *listing, const redisReply *record, struct error *err)
{
    if (!listing->is_json)
        return listing_add(listing, (const char *[]){record->str, "1 B"}, err);
    json_auto_t *json = json_pack("{s:s}", "name", record->str);
    return listing_add_json(listing, json, err);
}

static void print_pages(enum output_form form, size_t page_count)
{
    char name[] = "shop";
    redisReply record = {.type = REDIS_REPLY_STRING, .str = name, .len = sizeof(name) - 1};
    redisReply *records[] = {&record, &record};
    redisReply page = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = records};
    struct error err = {.status = STATUS_OK};
    CLEANUP(listing_done) struct listing listing = open_listing(form);
    for (size_t i = 0; i < page_count; i++)
        cr_assert(listing_add_records(&listing, &page, add_name, &err) == STATUS_OK, "%s",
                  err.text);
    listing_end(&listing);
    (void)fflush(stdout);
}

TestSuite(listing, .init = cr_redirect_stdout);

Test(listing, is_a_table_for_people_over_all_pages)
{
    print_pages(OUTPUT_TABLE, 2);
    cr_assert_stdout_eq_str("NAME  SIZE\nshop   1 B\nshop   1 B\nshop   1 B\nshop   1 B\n");
}

Test(listing, of_nothing_is_its_titles)
{
    print_pages(OUTPUT_TABLE, 0);
    cr_assert_stdout_eq_str("NAME  SIZE\n");
}

Test(listing, is_one_array_for_programs_over_all_pages)
{
    print_pages(OUTPUT_JSON, 1);
    cr_assert_stdout_eq_str("[\n{\n  \"name\": \"shop\"\n},\n{\n  \"name\": \"shop\"\n}\n]\n");
}

Test(listing, of_nothing_is_an_empty_array)
{
    print_pages(OUTPUT_JSON, 0);
    cr_assert_stdout_eq_str("[]\n");
}
