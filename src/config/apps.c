#include "app.h"
#include "config/config.h"
#include "schema.h"
#include "trusted.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { APPS_MAX = 4096 };

#define ENDING ".yaml"

/* The names of the files, in their order. */
struct listing {
    char *names[APPS_MAX];
    size_t count;
};

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->names[i]);
    free(listing);
}
DEFINE_CLEANUP(struct listing *, listing_free)

/* Hidden files are those of editors and package managers on their way. */
static bool is_app_file(const char *name)
{
    size_t len = strlen(name);
    size_t ending = strlen(ENDING);
    return *name != '.' && len > ending && strcmp(name + len - ending, ENDING) == 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static enum status read_names(DIR *directory, struct listing *listing, struct error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory); // cppcheck-suppress readdirCalled
        if (entry == NULL && errno != 0)
            return FAIL_ERRNO(err, "read");
        if (entry == NULL)
            return STATUS_OK;
        if (!is_app_file(entry->d_name))
            continue;
        if (listing->count == APPS_MAX)
            return FAIL(err, STATUS_TOO_LARGE, "at most %d apps are expected", APPS_MAX);
        listing->names[listing->count] = strdup(entry->d_name);
        if (listing->names[listing->count] == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "apps");
        listing->count++;
    }
}

/* The descriptor stays open for openat(2); the stream gets its own. */
static enum status list_files(int directory, struct listing **ret_listing, struct error *err)
{
    int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    CLEANUP(dir_closep) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        (void)FAIL_ERRNO(err, "read");
        fd_closep(&copy);
        return error_status(err);
    }
    CLEANUP(listing_freep) struct listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    if (read_names(stream, listing, err) != STATUS_OK)
        return error_status(err);
    qsort(listing->names, listing->count, sizeof(listing->names[0]), compare_names);
    *ret_listing = STEAL(listing);
    return STATUS_OK;
}

static enum status read_document(const struct document *document, const char *file,
                                 const struct config *config, struct app_definition **ret_app,
                                 struct error *err)
{
    CLEANUP(freep) char *name = strndup(file, strlen(file) - strlen(ENDING));
    if (name == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    void *raw = NULL;
    if (schema_load(document, &raw_app_schema, &raw, err) != STATUS_OK)
        return error_status(err);
    enum status status = app_read(document, raw, name, config, ret_app, err);
    schema_free(&raw_app_schema, raw);
    return status;
}

/* Takes the app into the list, unless its id is there: two files would fight for one repository. */
static enum status add_app(const struct document *document, struct config_apps *apps,
                           struct app_definition *app, struct error *err)
{
    if (config_apps_find(apps, app->app.id) != NULL) {
        enum status status = document_refuse(
            document, "name", err, "'%s' is the name of another file's app in the same account",
            app->app.name);
        app_definition_free(app);
        return status;
    }
    apps->items[apps->count++] = app;
    return STATUS_OK;
}

static enum status load_app(int directory, const char *file, const struct config *config,
                            struct config_apps *apps, struct error *err)
{
    CLEANUP(freep) char *path = NULL;
    if (asprintf(&path, "%s/%s", config->apps_directory, file) < 0) {
        path = NULL; /* asprintf leaves it undefined */
        return FAIL(err, STATUS_NO_MEMORY, "%s", file);
    }
    CLEANUP(fd_closep) int fd = -1;
    if (trusted_open(directory, file, S_IFREG, path, &fd, err) != STATUS_OK)
        return error_status(err);
    struct document document = {0};
    if (document_read(fd, path, &document, err) != STATUS_OK)
        return error_status(err);
    struct app_definition *app = NULL;
    enum status status = read_document(&document, file, config, &app, err);
    if (status == STATUS_OK)
        status = add_app(&document, apps, app, err);
    document_done(&document);
    return status;
}

static enum status load_all(int directory, const struct listing *listing,
                            const struct config *config, struct config_apps **ret_apps,
                            struct error *err)
{
    CLEANUP(config_apps_freep) struct config_apps *apps = calloc(1, sizeof(*apps));
    if (apps == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    apps->items = calloc(listing->count + 1, sizeof(struct app_definition *));
    if (apps->items == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    for (size_t i = 0; i < listing->count; i++)
        if (load_app(directory, listing->names[i], config, apps, err) != STATUS_OK)
            return error_status(err);
    *ret_apps = STEAL(apps);
    return STATUS_OK;
}

enum status config_load_apps(const struct config *config, struct config_apps **ret_apps,
                             struct error *err)
{
    const char *path = config->apps_directory;
    CLEANUP(fd_closep) int directory = -1;
    if (trusted_open(AT_FDCWD, path, S_IFDIR, path, &directory, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(listing_freep) struct listing *listing = NULL;
    if (list_files(directory, &listing, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    return load_all(directory, listing, config, ret_apps, err);
}

void config_apps_free(struct config_apps *apps)
{
    if (apps == NULL)
        return;
    for (size_t i = 0; i < apps->count; i++)
        app_definition_free(apps->items[i]);
    free(apps->items);
    free(apps);
}

const struct app_definition *config_apps_find(const struct config_apps *apps, const char *id)
{
    for (size_t i = 0; i < apps->count; i++)
        if (strcmp(apps->items[i]->app.id, id) == 0)
            return apps->items[i];
    return NULL;
}
