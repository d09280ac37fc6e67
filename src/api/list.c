#include "list.h"

#include "core/json.h"

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

static enum status add_json(struct list *list, const json_t *json, struct error *err)
{
    if (json_add(&list->text, json, err) != STATUS_OK)
        return FAIL_IN(err, "list");
    return STATUS_OK;
}

static enum status add_values(struct list *list, const json_t *row, struct error *err)
{
    for (size_t i = 0; i < list->query->field_count; i++) {
        const struct slice *field = &list->query->fields[i];
        const json_t *value = json_object_getn(row, field->text, field->len);
        if (buffer_add_text(&list->text, i == 0 ? "[" : ",", err) != STATUS_OK ||
            add_json(list, value == NULL ? json_null() : value, err) != STATUS_OK)
            return error_status(err);
    }
    return buffer_add_text(&list->text, "]", err);
}

enum status list_add(struct list *list, const json_t *row, struct error *err)
{
    if (list_is_full(list) || !filter_matches(&list->query->filter, row))
        return STATUS_OK;
    if (buffer_add_text(&list->text, list->count == 0 ? opening : ",", err) != STATUS_OK)
        return error_status(err);
    list->count++;
    return list->query->field_count == 0 ? add_json(list, row, err) : add_values(list, row, err);
}

enum status list_finish(struct list *list, struct error *err)
{
    if (list->count == 0 && buffer_add_text(&list->text, opening, err) != STATUS_OK)
        return error_status(err);
    return buffer_add_text(&list->text, closing, err);
}
