#include "problems.h"

#include "model/detail.h"

#include <stdio.h>

static const struct {
    enum reason reason;
    const char *title, *counted;
} kinds[PROBLEM_COUNT] = {
    [PROBLEM_DAMAGED] = {REASON_DATA_DAMAGED, "Data damaged in the bucket", "damaged"},
    [PROBLEM_FILE] = {REASON_FILE_NOT_RESTORED, "File could not be restored", "not restored"},
    [PROBLEM_ATTRIBUTES] = {REASON_ATTRIBUTES_NOT_RESTORED, "Attributes could not be set",
                            "without some of their attributes"},
};

void restore_problems_init(struct restore_problems *problems)
{
    *problems = (struct restore_problems){0};
    (void)pthread_mutex_init(&problems->mutex, NULL);
}

void restore_problems_done(struct restore_problems *problems)
{
    (void)pthread_mutex_destroy(&problems->mutex);
}

void restore_problems_add(struct restore_problems *problems, enum restore_problem kind,
                          const char *path, const struct error *cause)
{
    struct error text = *cause;
    error_wrap(&text, "'%.250s'", path);
    (void)pthread_mutex_lock(&problems->mutex);
    problems->count[kind]++;
    if (problems->named < RESTORE_PROBLEMS_NAMED_MAX) {
        problems->texts[problems->named].kind = kind;
        problems->texts[problems->named++].cause = text;
    }
    (void)pthread_mutex_unlock(&problems->mutex);
}

size_t restore_problems_missing(struct restore_problems *problems)
{
    (void)pthread_mutex_lock(&problems->mutex);
    size_t missing = problems->count[PROBLEM_DAMAGED] + problems->count[PROBLEM_FILE];
    (void)pthread_mutex_unlock(&problems->mutex);
    return missing;
}

void restore_problems_tell(struct restore_problems *problems, json_t *details)
{
    (void)pthread_mutex_lock(&problems->mutex);
    for (; problems->told < problems->named; problems->told++) {
        enum restore_problem kind = problems->texts[problems->told].kind;
        detail_add(details, kinds[kind].reason, kinds[kind].title,
                   problems->texts[problems->told].cause.text, NULL);
    }
    (void)pthread_mutex_unlock(&problems->mutex);
}

void restore_problems_finish(struct restore_problems *problems, json_t *details)
{
    size_t total = 0;
    restore_problems_tell(problems, details);
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        total += problems->count[i];
    if (total <= RESTORE_PROBLEMS_NAMED_MAX)
        return;
    char text[256];
    int len = snprintf(text, sizeof(text), "%zu files in all, the first %d are named here:", total,
                       RESTORE_PROBLEMS_NAMED_MAX);
    const char *separator = " ";
    for (size_t i = 0; i < PROBLEM_COUNT; i++) {
        if (problems->count[i] == 0 || len < 0 || len >= (int)sizeof(text))
            continue;
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%zu %s", separator,
                        problems->count[i], kinds[i].counted);
        separator = ", ";
    }
    detail_add(details, REASON_FILES_SKIPPED, "More files with warnings", text, NULL);
}

static const struct error *first_missing(const struct restore_problems *problems)
{
    for (size_t i = 0; i < problems->named; i++)
        if (problems->texts[i].kind != PROBLEM_ATTRIBUTES)
            return &problems->texts[i].cause;
    return NULL;
}

enum status restore_problems_check(struct restore_problems *problems, struct error *err)
{
    size_t missing = restore_problems_missing(problems);
    if (missing == 0)
        return STATUS_OK;
    const struct error *first = first_missing(problems);
    bool damaged = problems->count[PROBLEM_DAMAGED] > 0;
    return FAIL_REASON(err, damaged ? STATUS_CORRUPT : STATUS_CONFLICT,
                       damaged ? REASON_DATA_DAMAGED : REASON_FILES_NOT_RESTORED,
                       "%zu files are not restored%s%.300s", missing,
                       first == NULL ? "" : ", the first: ", first == NULL ? "" : first->text);
}
