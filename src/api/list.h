/*
 * List: the envelope around rows, written as they come, so that a long list costs its text only.
 *
 * Shapes    {"items": [row, …], "metadata": {}}; with include a row is an array of the values in
 *           the order asked for, null where the resource lacks the field.
 * Limits    LIST_BYTES_MAX of text: TOO_LARGE
 * Source    Astra Control API, "Lists"
 */
#ifndef API_LIST_H
#define API_LIST_H

#include "core/buffer.h"
#include "core/error.h"
#include "query.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_BYTES_MAX = 256 * 1024 * 1024 };

struct list {
    const struct query *query; /* borrowed */
    struct buffer text;
    int64_t count;
};

void list_init(struct list *list, const struct query *query);
void list_done(struct list *list); /* a struct of all zeros is fine */

/* The row is left out if the filter says so or the list is full. */
enum status list_add(struct list *list, const json_t *row, struct error *err) MUST_CHECK;
bool list_is_full(const struct list *list);

/* Closes the envelope: list->text holds the document. */
enum status list_finish(struct list *list, struct error *err) MUST_CHECK;

#endif
