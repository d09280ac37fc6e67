#include "list.h"

static const char opening[] = "{\"items\":[";
static const char closing[] = "],\"metadata\":{}}";

void list_init(struct list *list, const struct query *query)
{
    list->query = query;
    list->count = 0;
    buffer_init(&list->text, LIST_BYTES_MAX);
}

void list_done(struct list *list)
{
    buffer_done(&list->text);
}

bool list_is_full(const struct list *list)
{
    return list->count >= list->query->limit;
}

struct sink {
    struct buffer *text;
    struct error *err;
};

static int on_json(const char *bytes, size_t len, void *context)
{
    struct sink *sink = context;
    return buffer_add(sink->text, bytes, len, sink->err) == STATUS_OK ? 0 : -1;
}

static enum status add_json(struct list *list, const json_t *json, struct error *err)
{
    err->status = STATUS_OK;
    struct sink sink = {&list->text, err};
    if (json_dump_callback(json, on_json, &sink, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return STATUS_OK;
    if (err->status == STATUS_OK) /* not the sink: jansson itself */
        return FAIL(err, STATUS_NO_MEMORY, "list: write a row");
    return FAIL_IN(err, "list");
}

static enum status add_values(struct list *list, const json_t *row, struct error *err)
{
    for (size_t i = 0; i < list->query->field_count; i++) {
        const struct slice *field = &list->query->fields[i];
        const json_t *value = json_object_getn(row, field->text, field->len);
        if (buffer_add_text(&list->text, i == 0 ? "[" : ",", err) != STATUS_OK ||
            add_json(list, value == NULL ? json_null() : value, err) != STATUS_OK)
            return err->status;
    }
    return buffer_add_text(&list->text, "]", err);
}

enum status list_add(struct list *list, const json_t *row, struct error *err)
{
    if (list_is_full(list) || !filter_matches(&list->query->filter, row))
        return STATUS_OK;
    if (buffer_add_text(&list->text, list->count == 0 ? opening : ",", err) != STATUS_OK)
        return err->status;
    list->count++;
    return list->query->field_count == 0 ? add_json(list, row, err) : add_values(list, row, err);
}

enum status list_finish(struct list *list, struct error *err)
{
    if (list->count == 0 && buffer_add_text(&list->text, opening, err) != STATUS_OK)
        return err->status;
    return buffer_add_text(&list->text, closing, err);
}
