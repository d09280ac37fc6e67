#include "listing.h"

#include "store/replies.h"

#include <stdio.h>

void listing_init(struct listing *listing, const struct session *session, const char *const *titles,
                  unsigned right)
{
    *listing = (struct listing){.is_json = session->arguments->output == OUTPUT_JSON};
    table_init(&listing->table, titles, right);
}

void listing_done(struct listing *listing)
{
    table_done(&listing->table);
}

enum status listing_add(struct listing *listing, const char *const *cells, struct error *err)
{
    return table_add(&listing->table, cells, err);
}

enum status listing_add_json(struct listing *listing, const json_t *json, struct error *err)
{
    return output_array_add(&listing->array, json, err);
}

static void listing_print(struct listing *listing)
{
    if (!listing->is_json)
        table_print(&listing->table, stdout);
}

enum status listing_add_records(struct listing *listing, const redisReply *records,
                                listing_row_fn *add, struct error *err)
{
    size_t count = 0;
    if (store_reply_count(records, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++)
        if (add(listing, records->element[i], err) != STATUS_OK)
            return error_status(err);
    listing_print(listing);
    return STATUS_OK;
}

void listing_end(struct listing *listing)
{
    listing_print(listing);
    if (listing->is_json)
        output_array_end(&listing->array);
}

enum status listing_run(struct session *session, struct store_call *call, const char *const *titles,
                        unsigned right, listing_row_fn *add, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (session_run(session, call, &reply, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(listing_done) struct listing listing;
    listing_init(&listing, session, titles, right);
    if (listing_add_records(&listing, reply, add, err) != STATUS_OK)
        return error_status(err);
    listing_end(&listing);
    return STATUS_OK;
}
