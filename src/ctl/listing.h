/*
 * Listing: records of the store, one after the other: rows of a table for people, elements of an
 * array of JSON for programs.
 */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "core/cleanup.h"
#include "core/error.h"
#include "output.h"
#include "session.h"
#include "store/calls.h"
#include "table.h"

#include <hiredis/hiredis.h>
#include <jansson.h>

#include <stdbool.h>

struct listing {
    bool is_json;
    struct table table;
    struct output_array array;
};

/* Reads a record and adds it: as cells, or as JSON where listing->is_json. */
typedef enum status listing_row_fn(struct listing *listing, const redisReply *record,
                                   struct error *err);

/* titles, right: as table_init() has them. */
void listing_init(struct listing *listing, const struct session *session, const char *const *titles,
                  unsigned right);
void listing_done(struct listing *listing);

/* A record of the table; of the array. */
enum status listing_add(struct listing *listing, const char *const *cells, struct error *err)
    MUST_CHECK;
enum status listing_add_json(struct listing *listing, const json_t *json, struct error *err)
    MUST_CHECK;

/* Adds each of the records, which are the elements of a reply, and prints the table so far: what
 * comes in pages takes no more memory than one of them. */
enum status listing_add_records(struct listing *listing, const redisReply *records,
                                listing_row_fn *add, struct error *err) MUST_CHECK;
void listing_end(struct listing *listing);

/* All of it, where one call is enough; takes what the call owns. */
enum status listing_run(struct session *session, struct store_call *call, const char *const *titles,
                        unsigned right, listing_row_fn *add, struct error *err) MUST_CHECK;

#endif
