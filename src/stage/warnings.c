#include "warnings.h"

#include "model/detail.h"

#include <stdio.h>

static const struct {
    enum reason reason;
    const char *title, *counted;
} texts[WARNING_COUNT] = {
    [WARNING_UNREADABLE] = {REASON_FILE_UNREADABLE, "File could not be read", "unreadable"},
    [WARNING_VANISHED] = {REASON_FILE_VANISHED, "File vanished during the backup", "vanished"},
    [WARNING_CHANGED] = {REASON_FILE_CHANGED, "File was replaced during the backup", "replaced"},
    [WARNING_ATTRIBUTES] = {REASON_ATTRIBUTES_UNREADABLE, "Attributes could not be read",
                            "without some of their attributes"},
};

enum warning warning_of(const struct error *cause)
{
    return cause->status == STATUS_NOT_FOUND ? WARNING_VANISHED : WARNING_UNREADABLE;
}

static size_t total(const struct warnings *warnings)
{
    size_t sum = 0;
    for (size_t i = 0; i < WARNING_COUNT; i++)
        sum += warnings->count[i];
    return sum;
}

void warnings_add(struct warnings *warnings, enum warning kind, const char *path,
                  const struct error *cause)
{
    warnings->count[kind]++;
    if (total(warnings) > WARNINGS_NAMED_MAX)
        return;
    struct error text = *cause;
    error_wrap(&text, "'%.300s'", path);
    detail_add(warnings->details, texts[kind].reason, texts[kind].title, text.text, NULL);
}

void warnings_finish(struct warnings *warnings)
{
    if (total(warnings) <= WARNINGS_NAMED_MAX)
        return;
    char text[256];
    int len = snprintf(text, sizeof(text),
                       "%zu files in all, the first %d are named here:", total(warnings),
                       WARNINGS_NAMED_MAX);
    const char *separator = " ";
    for (size_t i = 0; i < WARNING_COUNT; i++) {
        if (warnings->count[i] == 0 || len < 0 || len >= (int)sizeof(text))
            continue;
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%zu %s", separator,
                        warnings->count[i], texts[i].counted);
        separator = ", ";
    }
    detail_add(warnings->details, REASON_FILES_SKIPPED, "More files with warnings", text, NULL);
}
