#include "filter.h"

#include <stdint.h>
#include <stdlib.h>

static const char syntax[] =
    "expected: field[.field] operator 'value'[,...], operator one of eq lt gt lte gte in";

static const struct {
    const char *name;
    enum filter_operator comparison;
} operators[] = {
    {"eq", FILTER_EQ},   {"lt", FILTER_LT},   {"gt", FILTER_GT},
    {"lte", FILTER_LTE}, {"gte", FILTER_GTE}, {"in", FILTER_IN},
};

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " ");
}

/* One name with an optional "[*]" into the condition; *at moves behind it. */
static bool read_name(struct filter_condition *condition, const char **at)
{
    struct slice name = {*at, strcspn(*at, ".[ ")};
    if (!slice_is_word(name) || condition->depth == FILTER_DEPTH_MAX)
        return false;
    condition->names[condition->depth++] = name;
    *at += name.len;
    if (**at != '[')
        return true;
    if (strncmp(*at, "[*]", 3) != 0 || condition->any_at != 0)
        return false;
    condition->any_at = condition->depth;
    *at += 3;
    return true;
}

static bool read_path(struct filter_condition *condition, const char **at)
{
    for (;;) {
        if (!read_name(condition, at))
            return false;
        if (**at != '.')
            return true;
        (*at)++;
    }
}

static bool read_operator(struct filter_condition *condition, const char **at)
{
    struct slice name = {*at, strcspn(*at, " '")};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (slice_equals(name, operators[i].name)) {
            condition->comparison = operators[i].comparison;
            *at += name.len;
            return true;
        }
    }
    return false;
}

static bool read_value(struct filter_condition *condition, const char **at)
{
    if (**at != '\'')
        return false;
    const char *start = *at + 1;
    const char *end = strchr(start, '\'');
    if (end == NULL)
        return false;
    condition->value = (struct slice){start, (size_t)(end - start)};
    *at = end + 1;
    return true;
}

static bool read_condition(struct filter_condition *condition, const char **at)
{
    *at = skip_spaces(*at);
    if (!read_path(condition, at) || **at != ' ')
        return false;
    *at = skip_spaces(*at);
    if (!read_operator(condition, at))
        return false;
    *at = skip_spaces(*at);
    if (!read_value(condition, at))
        return false;
    *at = skip_spaces(*at);
    return true;
}

const char *filter_add(struct filter *filter, const char *text)
{
    for (;;) {
        struct filter_condition condition = {.depth = 0};
        if (filter->count == FILTER_CONDITIONS_MAX)
            return "too many conditions";
        if (!read_condition(&condition, &text))
            return syntax;
        filter->conditions[filter->count++] = condition;
        if (*text == '\0')
            return NULL;
        if (*text != ',')
            return syntax;
        text++;
    }
}

static int compare_bytes(struct slice a, struct slice b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.text, b.text, shared);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

/* False: they cannot be compared, so nothing matches. */
static bool compare(const json_t *field, struct slice value, int *ret_order)
{
    if (json_is_string(field)) {
        struct slice text = {json_string_value(field), json_string_length(field)};
        *ret_order = compare_bytes(text, value);
        return true;
    }
    char digits[32];
    if (!json_is_number(field) || value.len == 0 || value.len >= sizeof(digits))
        return false;
    memcpy(digits, value.text, value.len);
    digits[value.len] = '\0';
    char *end = NULL;
    double wanted = strtod(digits, &end);
    if (*end != '\0')
        return false;
    double number = json_number_value(field);
    *ret_order = (number > wanted) - (number < wanted);
    return true;
}

static bool is_among(const json_t *field, struct slice list)
{
    const char *end = list.text + list.len;
    for (const char *text = list.text; text <= end;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma == NULL ? end : comma;
        int order = 0;
        if (compare(field, (struct slice){text, (size_t)(stop - text)}, &order) && order == 0)
            return true;
        text = stop + 1;
    }
    return false;
}

static bool value_matches(const struct filter_condition *condition, const json_t *field)
{
    if (condition->comparison == FILTER_IN)
        return is_among(field, condition->value);
    int order = 0;
    if (!compare(field, condition->value, &order))
        return false;
    switch (condition->comparison) {
    case FILTER_EQ:
        return order == 0;
    case FILTER_LT:
        return order < 0;
    case FILTER_GT:
        return order > 0;
    case FILTER_LTE:
        return order <= 0;
    case FILTER_GTE:
        return order >= 0;
    case FILTER_IN:
        break;
    }
    return false;
}

static const json_t *walk(const json_t *from, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count && from != NULL; i++)
        from = json_object_getn(from, names[i].text, names[i].len);
    return from;
}

static bool condition_matches(const struct filter_condition *condition, const json_t *row)
{
    const struct slice *names = condition->names;
    if (condition->any_at == 0)
        return value_matches(condition, walk(row, names, condition->depth));

    const json_t *array = walk(row, names, condition->any_at);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *field = walk(json_array_get(array, i), names + condition->any_at,
                                   condition->depth - condition->any_at);
        if (value_matches(condition, field))
            return true;
    }
    return false;
}

bool filter_matches(const struct filter *filter, const json_t *row)
{
    for (size_t i = 0; i < filter->count; i++)
        if (!condition_matches(&filter->conditions[i], row))
            return false;
    return true;
}
