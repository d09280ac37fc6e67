#include "model/detail.h"

#include "core/cleanup.h"
#include "core/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a terminal would obey instead of showing it: control characters (C0 but for line feeds and
 * tabs, DEL, C1) and those that turn the direction of writing. */
static bool is_shown(uint32_t rune)
{
    bool is_c0 = rune < 0x20 && rune != '\n' && rune != '\t';
    bool is_c1 = rune >= 0x7f && rune <= 0x9f;
    bool turns = (rune >= 0x202a && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
    return !is_c0 && !is_c1 && !turns;
}

char *detail_clean_text(const char *bytes, size_t len, size_t max)
{
    /* One '?' may stand for one byte, so the text never gets longer than what it is made from. */
    char *text = malloc(len + 1);
    if (text == NULL)
        return NULL;
    size_t used = 0;
    uint32_t rune = 0;
    for (size_t at = 0, count = 0; at < len && count < max; count++) {
        size_t character = utf8_decode(bytes + at, len - at, &rune);
        bool usable = character > 0 && is_shown(rune);
        if (usable)
            memcpy(text + used, bytes + at, character);
        else
            text[used] = '?';
        used += usable ? character : 1;
        at += character > 0 ? character : 1;
    }
    text[used] = '\0';
    return text;
}

/* The schema wants at least one character. */
static json_t *clean_string(const char *text, size_t max)
{
    CLEANUP(freep) char *clean = detail_clean_text(text, strlen(text), max);
    if (clean == NULL)
        return NULL;
    for (char *at = clean; *at != '\0'; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' '; /* a line of its own could be taken for another detail */
    return json_string(*clean == '\0' ? "unknown" : clean);
}

/* Items are unique in the API's schema. Takes the item. */
static void append_unique(json_t *array, json_t *item)
{
    size_t i = 0;
    const json_t *present = NULL;
    json_array_foreach(array, i, present)
    {
        if (json_equal(present, item)) {
            json_decref(item);
            return;
        }
    }
    if (json_array_size(array) < DETAILS_MAX)
        (void)json_array_append_new(array, item); /* releases the item if it fails */
    else
        json_decref(item);
}

static void add(json_t *details, const char *reason, const char *title, const char *text,
                json_t *additional)
{
    json_auto_t *taken = additional;
    char type[sizeof(DETAIL_TYPE_PREFIX) + ERROR_REASON_MAX];
    (void)snprintf(type, sizeof(type), "%s%.*s", DETAIL_TYPE_PREFIX, ERROR_REASON_MAX - 1, reason);

    json_t *entry = json_pack("{s:o, s:o, s:o, s:O*}", "type", clean_string(type, sizeof(type)),
                              "title", clean_string(title, DETAIL_TITLE_MAX), "detail",
                              clean_string(text, DETAIL_TEXT_MAX), "additionalDetails", taken);
    if (entry != NULL)
        append_unique(details, entry);
}

void detail_add(json_t *details, enum reason reason, const char *title, const char *text,
                json_t *additional)
{
    add(details, reason_code(reason), title, text, additional);
}

void detail_add_cause(json_t *details, const char *title, const struct error *cause)
{
    add(details, cause->reason, title, cause->text, NULL);
}

void detail_add_error(json_t *details, const char *stage, const struct error *cause)
{
    char title[DETAIL_TITLE_MAX * 4 + 1];
    (void)snprintf(title, sizeof(title), "%.100s failed", stage);
    detail_add_cause(details, title, cause);
}

const char *detail_code(const char *type)
{
    size_t len = sizeof(DETAIL_TYPE_PREFIX) - 1;
    return strncmp(type, DETAIL_TYPE_PREFIX, len) == 0 ? type + len : type;
}

void detail_add_reason(json_t *reasons, const char *text)
{
    json_t *reason = clean_string(text, DETAIL_REASON_MAX);
    if (reason != NULL)
        append_unique(reasons, reason);
}
