#include "complaints.h"

#include "core/array.h"
#include "core/cleanup.h"
#include "store/functions.h"

#include <stdlib.h>
#include <string.h>

enum { CURSOR_SIZE = 24 };

void complaints_done(struct complaints *complaints)
{
    for (size_t i = 0; i < complaints->count; i++)
        free(complaints->items[i].memory);
    free(complaints->items);
    *complaints = (struct complaints){0};
}

static struct store_bytes copy_bytes(char **end, const struct store_bytes *bytes)
{
    struct store_bytes copy = {.bytes = *end, .len = bytes->len};
    if (bytes->len > 0)
        memcpy(*end, bytes->bytes, bytes->len);
    *end += bytes->len;
    return copy;
}

static const char *copy_text(char **end, const char *text)
{
    char *copy = *end;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *end += size;
    return copy;
}

static enum status keep(struct complaints *complaints, const struct store_finding *finding,
                        struct error *err)
{
    if (complaints->count == COMPLAINTS_MAX)
        return STATUS_OK;
    if (array_reserve(&complaints->items, &complaints->capacity, complaints->count + 1,
                      sizeof(*complaints->items), err) != STATUS_OK)
        return FAIL_IN(err, "findings");
    char *memory =
        malloc(finding->place.key.len + finding->place.member.len + strlen(finding->what) +
               strlen(finding->todo) + strlen(finding->catalog) + 3);
    if (memory == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a finding");
    char *end = memory;
    struct complaint *complaint = &complaints->items[complaints->count++];
    *complaint = (struct complaint){.memory = memory};
    complaint->finding.rank = finding->rank;
    complaint->finding.place.key = copy_bytes(&end, &finding->place.key);
    complaint->finding.place.member = copy_bytes(&end, &finding->place.member);
    complaint->finding.what = copy_text(&end, finding->what);
    complaint->finding.todo = copy_text(&end, finding->todo);
    complaint->finding.catalog = copy_text(&end, finding->catalog);
    return STATUS_OK;
}

static enum status keep_page(struct complaints *complaints, const struct store_page *page,
                             struct error *err)
{
    for (size_t i = 0; i < page->finding_count; i++) {
        struct store_finding finding = {0};
        if (store_page_finding(page, i, &finding, err) != STATUS_OK ||
            keep(complaints, &finding, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* key NULL: a page of all keys. cursor: of this page, then of the next. */
static enum status look_at_page(struct store *store, const struct store_bytes *key,
                                char cursor[CURSOR_SIZE], struct complaints *complaints,
                                redisReply **ret_reply, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct store_page page = {0};
    if (key == NULL)
        store_call_doctor_look(&call, cursor);
    else
        store_call_doctor_look_in(&call, key, cursor);
    if (store_doctor_run(store, &call, &reply, err) != STATUS_OK ||
        store_reply_page(reply, &page, err) != STATUS_OK ||
        keep_page(complaints, &page, err) != STATUS_OK)
        return error_status(err);
    if (strlen(page.cursor) >= CURSOR_SIZE)
        return FAIL(err, STATUS_CORRUPT, "redis: a cursor of %zu digits", strlen(page.cursor));
    memcpy(cursor, page.cursor, strlen(page.cursor) + 1);
    *ret_reply = STEAL(reply);
    return STATUS_OK;
}

static enum status look_at_members(struct store *store, const struct store_bytes *key,
                                   struct complaints *complaints, struct error *err)
{
    char cursor[CURSOR_SIZE] = "0";
    do {
        CLEANUP(reply_freep) redisReply *reply = NULL;
        if (look_at_page(store, key, cursor, complaints, &reply, err) != STATUS_OK)
            return error_status(err);
    } while (strcmp(cursor, "0") != 0);
    return STATUS_OK;
}

static int compare(const void *left, const void *right)
{
    const struct complaint *a = left, *b = right;
    return (a->finding.rank > b->finding.rank) - (a->finding.rank < b->finding.rank);
}

enum status complaints_look(struct store *store, struct complaints *complaints, struct error *err)
{
    char cursor[CURSOR_SIZE] = "0";
    do {
        CLEANUP(reply_freep) redisReply *reply = NULL;
        struct store_page page = {0};
        if (look_at_page(store, NULL, cursor, complaints, &reply, err) != STATUS_OK ||
            store_reply_page(reply, &page, err) != STATUS_OK)
            return error_status(err);
        for (size_t i = 0; i < page.large_count; i++) {
            struct store_bytes key = store_page_large(&page, i);
            if (look_at_members(store, &key, complaints, err) != STATUS_OK)
                return error_status(err);
        }
    } while (strcmp(cursor, "0") != 0);
    if (complaints->count > 0)
        qsort(complaints->items, complaints->count, sizeof(*complaints->items), compare);
    return STATUS_OK;
}

static size_t append(char text[PLACE_TEXT_SIZE], size_t len, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && len < PLACE_TEXT_SIZE - 1; i++) {
        bool printable = bytes[i] >= ' ' && bytes[i] <= '~';
        text[len] = '?';
        if (printable)
            text[len] = bytes[i];
        len++;
    }
    return len;
}

void complaint_place_text(const struct store_place *place, char text[PLACE_TEXT_SIZE])
{
    size_t len = append(text, 0, place->key.bytes, place->key.len);
    if (place->member.len > 0) {
        len = append(text, len, " ", 1);
        len = append(text, len, place->member.bytes, place->member.len);
    }
    text[len] = '\0';
}
