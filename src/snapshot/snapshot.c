#include "snapshot/snapshot.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "driver.h"
#include "place.h"

#include <stdio.h>
#include <string.h>

const struct driver none_driver = {.copy = NULL};

#define DRIVER(CONSTANT, name) [APP_SNAPSHOT_##CONSTANT] = &name##_driver,

static const struct driver *const drivers[APP_SNAPSHOT_DRIVER_COUNT] = {
    APP_SNAPSHOT_DRIVERS(DRIVER)};

/* NULL for auto, which is none. */
static const struct driver *driver_of(enum app_snapshot_driver driver)
{
    return (unsigned)driver < APP_SNAPSHOT_DRIVER_COUNT ? drivers[driver] : NULL;
}

static enum status plan_none(const char *volume, struct snapshot_plan *plan, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (directory_open(volume, &fd, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(plan->path, sizeof(plan->path), "%s", volume);
    plan->root[0] = '\0';
    return STATUS_OK;
}

static enum status plan_copy(const struct driver *driver, const char *volume, const char *id,
                             struct snapshot_plan *plan, char source[PATH_MAX], struct error *err)
{
    if (driver->find_source(volume, source, err) != STATUS_OK ||
        place_choose(source, id, plan->root, err) != STATUS_OK)
        return error_status(err);
    /* The volume's part below the source: "/a/b" of "/srv/a/b" in "/srv". */
    const char *below = volume + (strcmp(source, "/") == 0 ? 0 : strlen(source));
    if (strcmp(below, "/") == 0)
        below = "";
    if (snprintf(plan->path, sizeof(plan->path), "%s/" PLACE_COPY "%s", plan->root, below) >=
        (int)sizeof(plan->path))
        return FAIL(err, STATUS_TOO_LARGE, "the path of a snapshot");
    return STATUS_OK;
}

static enum status plan_with(enum app_snapshot_driver number, const char *volume, const char *id,
                             struct snapshot_plan *plan, struct error *err)
{
    char source[PATH_MAX];
    const struct driver *driver = driver_of(number);
    if (driver == NULL)
        return FAIL(err, STATUS_INVALID, "driver %d", (int)number);
    plan->driver = number;
    return driver->copy == NULL ? plan_none(volume, plan, err)
                                : plan_copy(driver, volume, id, plan, source, err);
}

/* What the file system is not made for, or we may not do, is as expected; all else is told. */
static void note_passed(struct snapshot_plan *plan, const struct error *cause)
{
    if (cause->status != STATUS_UNSUPPORTED && cause->status != STATUS_FORBIDDEN)
        (void)snprintf(plan->passed, sizeof(plan->passed), "%.*s", (int)sizeof(plan->passed) - 1,
                       cause->text);
}

/* The first from this one on that can; that one cannot is no failure as long as the next can. */
static enum status plan_from(enum app_snapshot_driver first, const char *id,
                             struct snapshot_plan *plan, struct error *err)
{
    enum status status = FAIL(err, STATUS_UNSUPPORTED, "no driver is left");
    for (enum app_snapshot_driver number = first;
         number < APP_SNAPSHOT_DRIVER_COUNT && status != STATUS_OK; number++) {
        status = plan_with(number, plan->volume, id, plan, err);
        if (status != STATUS_OK)
            note_passed(plan, err);
    }
    return status;
}

/* The API of volumes is "absolute, cleaned"; only that makes text and directories agree. */
static bool is_clean(const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/' || (len > 1 && path[len - 1] == '/') || strstr(path, "//") != NULL ||
        strstr(path, "/./") != NULL || strstr(path, "/../") != NULL)
        return false;
    const char *last = strrchr(path, '/') + 1;
    return strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
}

enum status snapshot_plan(const char *volume, enum app_snapshot_driver driver, const char *id,
                          struct snapshot_plan *ret_plan, struct error *err)
{
    if (!snapshot_id_is_valid(id))
        return FAIL(err, STATUS_INVALID, "snapshot id '%s': \"<uuid>-<number>\" is expected", id);
    if (!is_clean(volume))
        return FAIL(err, STATUS_INVALID, "volume '%s': an absolute, clean path is expected",
                    volume);
    struct snapshot_plan plan = {.driver = driver};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &plan.made); /* where the kernel takes ctime from */
    if (snprintf(plan.volume, sizeof(plan.volume), "%s", volume) >= (int)sizeof(plan.volume))
        return FAIL(err, STATUS_TOO_LARGE, "the path of the volume");
    enum status status = driver == APP_SNAPSHOT_AUTO
                             ? plan_from(APP_SNAPSHOT_AUTO + 1, id, &plan, err)
                             : plan_with(driver, volume, id, &plan, err);
    if (status != STATUS_OK)
        return FAIL_IN(err, "%s snapshot of '%s'", app_snapshot_driver_name(driver), volume);
    *ret_plan = plan;
    return STATUS_OK;
}

/* Of the root's last component. */
static const char *id_of(const struct snapshot_plan *plan)
{
    return strrchr(plan->root, '/') + 1 + strlen(SNAPSHOT_PLACE_PREFIX);
}

enum status snapshot_plan_next(const struct snapshot_plan *failed, const struct error *cause,
                               struct snapshot_plan *ret_plan, struct error *err)
{
    struct snapshot_plan plan = *failed;
    note_passed(&plan, cause);
    if (failed->root[0] == '\0')
        return FAIL(err, STATUS_INVALID, "'%s' has no snapshot that could fail", failed->volume);
    if (plan_from(failed->driver + 1, id_of(failed), &plan, err) != STATUS_OK)
        return FAIL_IN(err, "snapshot of '%s'", failed->volume);
    *ret_plan = plan;
    return STATUS_OK;
}

/* The plan was made before the application was frozen: what it found must still be there. */
static enum status find_planned_source(const struct driver *driver,
                                       const struct snapshot_plan *plan, int *ret_fd,
                                       struct error *err)
{
    struct snapshot_plan now = {.driver = plan->driver};
    char source[PATH_MAX];
    if (plan_copy(driver, plan->volume, id_of(plan), &now, source, err) != STATUS_OK)
        return error_status(err);
    if (strcmp(now.path, plan->path) != 0)
        return FAIL(err, STATUS_CONFLICT, "'%s' has changed since it was planned: now '%s'",
                    plan->path, now.path);
    return directory_open(source, ret_fd, err);
}

static enum status take(const struct driver *driver, const struct snapshot_plan *plan,
                        const struct cancel *cancel, struct gaps *gaps, struct error *err)
{
    CLEANUP(fd_closep) int source_fd = -1;
    CLEANUP(fd_closep) int place_fd = -1;
    if (find_planned_source(driver, plan, &source_fd, err) != STATUS_OK)
        return error_status(err);
    if (cancel_check(cancel, err) != STATUS_OK ||
        place_make(plan->root, &place_fd, err) != STATUS_OK)
        return error_status(err);
    struct copy_order order = {.planned = plan->made, .source_fd = source_fd, .place_fd = place_fd};
    if (driver->copy(&order, cancel, gaps, err) == STATUS_OK &&
        cancel_check(cancel, err) == STATUS_OK) {
        gaps_sort(gaps);
        return STATUS_OK;
    }
    gaps_done(gaps);

    struct error second; /* the first failure is the one to report */
    if (place_remove(plan->root, false, driver->remove, &second) != STATUS_OK)
        return FAIL_IN(err, "(and %s)", second.text);
    return error_status(err);
}

enum status snapshot_take(const struct snapshot_plan *plan, const struct cancel *cancel,
                          struct gaps *gaps, struct error *err)
{
    const struct driver *driver = driver_of(plan->driver);
    if (driver != NULL && driver->copy == NULL)
        return cancel_check(cancel, err);
    const char *slash = strrchr(plan->root, '/');
    if (driver == NULL || slash == NULL || !snapshot_is_ours(slash + 1))
        return FAIL(err, STATUS_INVALID, "'%s' is no plan of a snapshot", plan->root);
    if (take(driver, plan, cancel, gaps, err) != STATUS_OK)
        return FAIL_IN(err, "%s snapshot of '%s'", app_snapshot_driver_name(plan->driver),
                       plan->volume);
    return STATUS_OK;
}

enum status snapshot_open(const struct snapshot_plan *plan, int *ret_fd, struct error *err)
{
    return directory_open(plan->path, ret_fd, err);
}

bool snapshot_keeps_origins(enum app_snapshot_driver driver)
{
    const struct driver *known = driver_of(driver);
    return known != NULL && known->keeps_origins;
}

bool snapshot_shows_under_mounts(enum app_snapshot_driver driver)
{
    const struct driver *known = driver_of(driver);
    return known != NULL && known->shows_under_mounts;
}

enum status snapshot_remove(const struct snapshot_plan *plan, struct error *err)
{
    const struct driver *driver = driver_of(plan->driver);
    if (driver == NULL)
        return FAIL(err, STATUS_INVALID, "'%s' is no plan of a snapshot", plan->root);
    if (driver->remove == NULL)
        return STATUS_OK;
    return place_remove(plan->root, plan->unmarked, driver->remove, err);
}
