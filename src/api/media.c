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

/* Cuts white space at both ends. */
static void trim(const char **text, size_t *len)
{
    while (*len > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* "0.5" is 500. What is no quality value counts as full: the caller named the type, after all. */
static int read_quality(const char *text, size_t len)
{
    bool is_number = len > 0 && (text[0] == '0' || text[0] == '1') && (len == 1 || text[1] == '.');
    if (!is_number)
        return QUALITY_FULL;
    int quality = (text[0] - '0') * QUALITY_FULL;
    int step = QUALITY_FULL / 10;
    for (size_t i = 2; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        quality += (text[i] - '0') * step;
        step /= 10;
    }
    return quality > QUALITY_FULL ? QUALITY_FULL : quality;
}

/* One range and its parameters; *at moves to the comma or the end behind it. */
static struct range read_range(const char **at)
{
    struct range range = {.name = *at, .len = strcspn(*at, ";,"), .quality = QUALITY_FULL};
    *at += range.len;
    trim(&range.name, &range.len);
    while (**at == ';') {
        const char *parameter = *at + 1;
        size_t len = strcspn(parameter, ";,");
        *at = parameter + len;
        trim(&parameter, &len);
        if (len >= 2 && strncasecmp(parameter, "q=", 2) == 0)
            range.quality = read_quality(parameter + 2, len - 2);
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

static void rate_offers(const char *accept, enum media last, struct offer offers[MEDIA_COUNT])
{
    for (const char *at = accept;; at++) {
        struct range range = read_range(&at);
        for (enum media i = MEDIA_JSON; i <= last; i++)
            apply_range(&range, &offers[i]);
        if (*at == '\0')
            return;
    }
}

enum media media_negotiate(const char *accept, const char *type, bool is_list)
{
    if (accept == NULL || accept[strspn(accept, " \t")] == '\0')
        return MEDIA_JSON;

    struct offer offers[MEDIA_COUNT] = {{.fit = FIT_NONE}};
    enum media last = is_list ? MEDIA_COLLECTION : MEDIA_RESOURCE;
    for (enum media i = MEDIA_JSON; i <= last; i++)
        media_write(i, type, offers[i].name);
    rate_offers(accept, last, offers);

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
    struct range given = read_range(&content_type);
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
