#include "media.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { QUALITY_FULL = 1000 };

/* How closely a range of Accept names a type. */
enum fit { FIT_NONE = 0, FIT_ANY, FIT_MAIN_TYPE, FIT_EXACT };

struct offer {
    char name[MEDIA_SIZE];
    enum fit fit;
    int quality; /* thousandths, of the closest range */
};

struct range {
    const char *name; /* "type/subtype", not terminated */
    size_t len;
    int quality;
};

void media_write(enum media media, const char *type, char text[MEDIA_SIZE])
{
    if (media == MEDIA_RESOURCE)
        (void)snprintf(text, MEDIA_SIZE, "%s+json", type);
    else if (media == MEDIA_COLLECTION)
        (void)snprintf(text, MEDIA_SIZE, "%ss+json", type);
    else
        (void)snprintf(text, MEDIA_SIZE, "application/json");
}

static bool equals(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

static const char *skip_space(const char *text, const char *end)
{
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    return text;
}

static const char *cut_space(const char *text, const char *end)
{
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end;
}

/* "0.5" is 500. What is no quality value counts as full: the caller named the type, after all. */
static int read_quality(const char *text, const char *end)
{
    if (text == end || (*text != '0' && *text != '1'))
        return QUALITY_FULL;
    int quality = (*text - '0') * QUALITY_FULL;
    text++;
    if (text < end && *text != '.')
        return QUALITY_FULL;
    int step = QUALITY_FULL / 10;
    for (text += text < end; text < end && *text >= '0' && *text <= '9'; text++) {
        quality += (*text - '0') * step;
        step /= 10;
    }
    return quality > QUALITY_FULL ? QUALITY_FULL : quality;
}

static struct range read_range(const char *text, const char *end)
{
    const char *semicolon = memchr(text, ';', (size_t)(end - text));
    const char *name_end = semicolon == NULL ? end : semicolon;
    struct range range = {.quality = QUALITY_FULL};
    range.name = skip_space(text, name_end);
    range.len = (size_t)(cut_space(range.name, name_end) - range.name);

    while (semicolon != NULL) {
        const char *parameter = skip_space(semicolon + 1, end);
        semicolon = memchr(parameter, ';', (size_t)(end - parameter));
        const char *parameter_end = cut_space(parameter, semicolon == NULL ? end : semicolon);
        if (parameter_end - parameter >= 2 && strncasecmp(parameter, "q=", 2) == 0)
            range.quality = read_quality(parameter + 2, parameter_end);
    }
    return range;
}

static enum fit range_fit(const struct range *range, const char *name)
{
    if (equals(range->name, range->len, name))
        return FIT_EXACT;
    if (equals(range->name, range->len, "application/*"))
        return FIT_MAIN_TYPE;
    return equals(range->name, range->len, "*/*") ? FIT_ANY : FIT_NONE;
}

static void apply_range(const struct range *range, struct offer *offer)
{
    enum fit fit = range_fit(range, offer->name);
    if (fit == FIT_NONE || fit < offer->fit)
        return;
    offer->fit = fit;
    offer->quality = range->quality;
}

/* Does the first beat the second? A type named exactly beats one that only a wildcard covers. */
static bool is_better(const struct offer *offer, const struct offer *best)
{
    if (offer->fit == FIT_NONE || offer->quality == 0)
        return false;
    if (best == NULL || offer->quality != best->quality)
        return best == NULL || offer->quality > best->quality;
    return offer->fit == FIT_EXACT;
}

enum media media_negotiate(const char *accept, const char *type, bool is_list)
{
    if (accept == NULL || accept[strspn(accept, " \t")] == '\0')
        return MEDIA_JSON;

    struct offer offers[MEDIA_COUNT] = {{.fit = FIT_NONE}};
    enum media last = is_list ? MEDIA_COLLECTION : MEDIA_RESOURCE;
    for (enum media i = MEDIA_JSON; i <= last; i++)
        media_write(i, type, offers[i].name);

    for (const char *text = accept; text != NULL;) {
        const char *comma = strchr(text, ',');
        struct range range = read_range(text, comma == NULL ? text + strlen(text) : comma);
        for (enum media i = MEDIA_JSON; i <= last; i++)
            apply_range(&range, &offers[i]);
        text = comma == NULL ? NULL : comma + 1;
    }

    enum media best = MEDIA_NONE;
    for (enum media i = MEDIA_JSON; i <= last; i++)
        if (is_better(&offers[i], best == MEDIA_NONE ? NULL : &offers[best]))
            best = i;
    return best;
}

bool media_is_readable(const char *content_type, const char *type)
{
    if (content_type == NULL)
        return true;
    struct range given = read_range(content_type, content_type + strlen(content_type));
    if (given.len == 0)
        return true;
    for (enum media i = MEDIA_JSON; i < MEDIA_COUNT; i++) {
        char name[MEDIA_SIZE];
        media_write(i, type, name);
        if (equals(given.name, given.len, name))
            return true;
    }
    return false;
}
