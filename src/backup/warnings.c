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
    [WARNING_GAP] = {REASON_FILE_NOT_IN_SNAPSHOT, "File is not in the snapshot",
                     "not in the snapshot"},
    [WARNING_TOO_LARGE] = {REASON_FILE_TOO_LARGE, "File is too large to be backed up", "too large"},
    [WARNING_ATTRIBUTES] = {REASON_ATTRIBUTES_UNREADABLE, "Attributes could not be read",
                            "without some of their attributes"},
    [WARNING_MOUNT] = {REASON_MOUNT_SKIPPED, "Mount is not in the backup", "mounts not entered"},
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

void warnings_add_mount(struct warnings *warnings, const char *path)
{
    struct error cause;
    error_set(&cause, STATUS_UNSUPPORTED,
              "something else is mounted here, and what is in it is not in the backup. If it is "
              "wanted, give it an app of its own, with this directory as its volume; if not, name "
              "it in excludes");
    warnings_add(warnings, WARNING_MOUNT, path, &cause);
}

void warnings_finish(struct warnings *warnings)
{
    if (total(warnings) <= WARNINGS_NAMED_MAX)
        return;
    char text[256];
    int len = snprintf(text, sizeof(text),
                       "%zu entries in all, the first %d are named here:", total(warnings),
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
