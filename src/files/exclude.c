/*
 * A pattern is kept as its components. A path is matched component by component; "**" is handled as
 * '*' is in a matcher for single names: remember where it stood, and when a later component does
 * not fit, let it swallow one component more. A pattern that is not anchored begins with a "**" of
 * its own.
 */
#include "files/exclude.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

struct pattern {
    char *text;        /* components, NUL-terminated one behind the other */
    size_t components; /* without the "**" that stands for "not anchored" */
    bool anchored;
    bool only_directories;
};

struct exclude {
    size_t count;
    struct pattern patterns[];
};

static const char any_depth[] = "**";

static enum status check_component(const char *component, size_t len, struct error *err)
{
    if (len == 0)
        return FAIL(err, STATUS_INVALID, "an empty component");
    if ((len == 1 && component[0] == '.') || (len == 2 && memcmp(component, "..", 2) == 0))
        return FAIL(err, STATUS_INVALID, "'.' and '..' match nothing");
    return STATUS_OK;
}

static enum status split(struct pattern *pattern, struct error *err)
{
    char *component = pattern->text;
    for (;;) {
        size_t len = strcspn(component, "/");
        if (check_component(component, len, err) != STATUS_OK)
            return error_status(err);
        pattern->components++;
        if (component[len] == '\0')
            return STATUS_OK;
        component[len] = '\0';
        component += len + 1;
    }
}

static enum status parse(const char *text, struct pattern *pattern, struct error *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > EXCLUDE_PATTERN_MAX)
        return FAIL(err, STATUS_INVALID, "1 to %d bytes are expected", EXCLUDE_PATTERN_MAX);
    if (text[0] == '!')
        return FAIL(err, STATUS_INVALID, "there is no negation; for a name that begins so: '\\!'");
    pattern->anchored = text[0] == '/';
    pattern->only_directories = text[len - 1] == '/';
    text += pattern->anchored ? 1 : 0;
    pattern->text = strdup(text);
    if (pattern->text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "no memory");
    len = strlen(pattern->text);
    if (pattern->only_directories && len > 0)
        pattern->text[len - 1] = '\0';
    return split(pattern, err);
}

enum status exclude_new(const char *const *patterns, struct exclude **ret_exclude,
                        struct error *err)
{
    size_t count = 0;
    while (patterns != NULL && patterns[count] != NULL)
        count++;
    if (count > EXCLUDE_PATTERNS_MAX)
        return FAIL(err, STATUS_INVALID, "exclude: more than %d patterns", EXCLUDE_PATTERNS_MAX);

    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    exclude = calloc(1, sizeof(*exclude) + count * sizeof(exclude->patterns[0]));
    if (exclude == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "exclude");
    for (; exclude->count < count; exclude->count++) {
        const char *text = patterns[exclude->count];
        if (parse(text, &exclude->patterns[exclude->count], err) != STATUS_OK) {
            free(exclude->patterns[exclude->count].text);
            return FAIL_IN(err, "exclude '%s'", text);
        }
    }
    *ret_exclude = STEAL(exclude);
    return STATUS_OK;
}

void exclude_free(struct exclude *exclude)
{
    if (exclude == NULL)
        return;
    for (size_t i = 0; i < exclude->count; i++)
        free(exclude->patterns[i].text);
    free(exclude);
}

/* Does a component fit the path's first one? *ret_rest: what follows it, NULL at the end. */
static bool component_fits(const char *component, const char *path, const char **ret_rest)
{
    char name[NAME_MAX + 1];
    size_t len = strcspn(path, "/");
    *ret_rest = path[len] == '/' ? path + len + 1 : NULL;
    if (len >= sizeof(name))
        return false;
    memcpy(name, path, len);
    name[len] = '\0';
    return fnmatch(component, name, 0) == 0;
}

/* Where matching goes on: a component of the pattern and what is left of the path. */
struct position {
    const char *component;
    size_t left; /* components from here on */
    const char *path;
};

static void next_component(struct position *at)
{
    at->component += strlen(at->component) + 1;
    at->left--;
}

static bool path_fits(const struct pattern *pattern, bool anchored, const char *path)
{
    struct position at = {pattern->text, pattern->components, path};
    struct position star = at;
    bool has_star = !anchored;

    while (at.path != NULL) {
        if (at.left > 0 && strcmp(at.component, any_depth) == 0) {
            next_component(&at);
            star = at;
            has_star = true;
            if (at.left == 0)
                return true; /* "a/ **": everything below */
            continue;
        }
        const char *rest = NULL;
        if (at.left > 0 && component_fits(at.component, at.path, &rest)) {
            next_component(&at);
            at.path = rest;
            continue;
        }
        if (!has_star)
            return false;
        const char *slash = strchr(star.path, '/');
        if (slash == NULL)
            return false;
        star.path = slash + 1;
        at = star;
    }
    return at.left == 0;
}

static bool pattern_matches(const struct pattern *pattern, const char *path, size_t volume_len)
{
    const char *below = path + volume_len + (path[volume_len] == '/' ? 1 : 0);
    if (!pattern->anchored && pattern->components == 1) {
        const char *slash = strrchr(below, '/');
        return fnmatch(pattern->text, slash == NULL ? below : slash + 1, 0) == 0;
    }
    if (path_fits(pattern, pattern->anchored, below))
        return true;
    return pattern->anchored && path_fits(pattern, true, path + 1);
}

bool exclude_matches(const struct exclude *exclude, const char *path, size_t volume_len,
                     bool is_directory)
{
    for (size_t i = 0; i < exclude->count; i++) {
        const struct pattern *pattern = &exclude->patterns[i];
        if (pattern->only_directories && !is_directory)
            continue;
        if (pattern_matches(pattern, path, volume_len))
            return true;
    }
    return false;
}
