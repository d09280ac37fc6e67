#include "snapshot/snapshot.h"

#include "core/cleanup.h"
#include "driver.h"
#include "place.h"

#include <stdio.h>
#include <string.h>

#define PLACE_PREFIX ".appbackup-"

/* "<uuid>-<number>" */
static bool is_place_id(const char *text)
{
    char uuid[ID_SIZE];
    if (strnlen(text, ID_SIZE) < ID_SIZE || text[ID_SIZE - 1] != '-')
        return false;
    memcpy(uuid, text, ID_SIZE - 1);
    uuid[ID_SIZE - 1] = '\0';
    const char *number = text + ID_SIZE;
    size_t digits = strspn(number, "0123456789");
    return id_is_valid(uuid) && digits > 0 && digits < 10 && number[digits] == '\0';
}

bool snapshot_is_ours(const char *name)
{
    size_t len = strlen(PLACE_PREFIX);
    return strncmp(name, PLACE_PREFIX, len) == 0 && is_place_id(name + len);
}

static bool is_copying(enum app_snapshot_driver driver)
{
    return driver == APP_SNAPSHOT_BTRFS || driver == APP_SNAPSHOT_REFLINK;
}

/* Of one that copies. */
static const struct driver *driver_of(enum app_snapshot_driver driver)
{
    return driver == APP_SNAPSHOT_BTRFS ? &btrfs_driver : &reflink_driver;
}

static enum status plan_none(const char *volume, struct snapshot_plan *plan, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (place_open_directory(volume, &fd, err) != STATUS_OK)
        return err->status;
    plan->driver = APP_SNAPSHOT_NONE;
    (void)snprintf(plan->path, sizeof(plan->path), "%s", volume);
    plan->root[0] = '\0';
    return STATUS_OK;
}

static enum status plan_copy(const char *volume, enum app_snapshot_driver driver, const char *id,
                             struct snapshot_plan *plan, char source[PATH_MAX], struct error *err)
{
    if (driver_of(driver)->find_source(volume, source, err) != STATUS_OK ||
        place_choose(source, id, plan->root, err) != STATUS_OK)
        return err->status;
    /* The volume's part below the source: "/a/b" of "/srv/a/b" in "/srv". */
    const char *below = volume + (strcmp(source, "/") == 0 ? 0 : strlen(source));
    if (strcmp(below, "/") == 0)
        below = "";
    if (snprintf(plan->path, sizeof(plan->path), "%s/" PLACE_COPY "%s", plan->root, below) >=
        (int)sizeof(plan->path))
        return FAIL(err, STATUS_TOO_LARGE, "the path of a snapshot");
    plan->driver = driver;
    return STATUS_OK;
}

/* The first that can; that one cannot, or may not, is no failure as long as reading can. */
static enum status plan_auto(const char *volume, const char *id, struct snapshot_plan *plan,
                             struct error *err)
{
    static const enum app_snapshot_driver order[] = {APP_SNAPSHOT_BTRFS, APP_SNAPSHOT_REFLINK};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        char source[PATH_MAX];
        enum status status = plan_copy(volume, order[i], id, plan, source, err);
        if (status != STATUS_UNSUPPORTED && status != STATUS_FORBIDDEN)
            return status;
    }
    return plan_none(volume, plan, err);
}

static enum status plan_with(const char *volume, enum app_snapshot_driver driver, const char *id,
                             struct snapshot_plan *plan, struct error *err)
{
    char source[PATH_MAX];
    switch (driver) {
    case APP_SNAPSHOT_AUTO:
        return plan_auto(volume, id, plan, err);
    case APP_SNAPSHOT_NONE:
        return plan_none(volume, plan, err);
    case APP_SNAPSHOT_BTRFS:
    case APP_SNAPSHOT_REFLINK:
        return plan_copy(volume, driver, id, plan, source, err);
    case APP_SNAPSHOT_DRIVER_COUNT:
        break;
    }
    return FAIL(err, STATUS_INVALID, "driver %d", (int)driver);
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
    if (!is_place_id(id))
        return FAIL(err, STATUS_INVALID, "snapshot id '%s': \"<uuid>-<number>\" is expected", id);
    if (!is_clean(volume))
        return FAIL(err, STATUS_INVALID, "volume '%s': an absolute, clean path is expected",
                    volume);
    struct snapshot_plan plan = {.driver = driver};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &plan.made); /* where the kernel takes ctime from */
    if (snprintf(plan.volume, sizeof(plan.volume), "%s", volume) >= (int)sizeof(plan.volume))
        return FAIL(err, STATUS_TOO_LARGE, "the path of the volume");
    if (plan_with(volume, driver, id, &plan, err) != STATUS_OK)
        return FAIL_IN(err, "%s snapshot of '%s'", app_snapshot_driver_name(driver), volume);
    *ret_plan = plan;
    return STATUS_OK;
}

/* The plan was made before the application was frozen: what it found must still be there. */
static enum status find_planned_source(const struct snapshot_plan *plan, int *ret_fd,
                                       struct error *err)
{
    struct snapshot_plan now = {.driver = plan->driver};
    const char *id = strrchr(plan->root, '/') + 1 + strlen(PLACE_PREFIX);
    char source[PATH_MAX];
    if (plan_copy(plan->volume, plan->driver, id, &now, source, err) != STATUS_OK)
        return err->status;
    if (strcmp(now.path, plan->path) != 0)
        return FAIL(err, STATUS_CONFLICT, "'%s' has changed since it was planned: now '%s'",
                    plan->path, now.path);
    return place_open_directory(source, ret_fd, err);
}

static enum status take(const struct snapshot_plan *plan, const struct cancel *cancel,
                        struct error *err)
{
    CLEANUP(fd_closep) int source_fd = -1;
    CLEANUP(fd_closep) int place_fd = -1;
    if (find_planned_source(plan, &source_fd, err) != STATUS_OK)
        return err->status;
    if (cancel_check(cancel, err) != STATUS_OK ||
        place_make(plan->root, &place_fd, err) != STATUS_OK)
        return err->status;
    if (driver_of(plan->driver)->copy(plan, source_fd, place_fd, cancel, err) == STATUS_OK &&
        cancel_check(cancel, err) == STATUS_OK)
        return STATUS_OK;

    struct error second; /* the first failure is the one to report */
    if (place_remove(plan->root, &second) != STATUS_OK)
        return FAIL_IN(err, "(and %s)", second.text);
    return err->status;
}

enum status snapshot_take(const struct snapshot_plan *plan, const struct cancel *cancel,
                          struct error *err)
{
    if (plan->driver == APP_SNAPSHOT_NONE)
        return cancel_check(cancel, err);
    const char *slash = strrchr(plan->root, '/');
    if (!is_copying(plan->driver) || slash == NULL || !snapshot_is_ours(slash + 1))
        return FAIL(err, STATUS_INVALID, "'%s' is no plan of a snapshot", plan->root);
    if (take(plan, cancel, err) != STATUS_OK)
        return FAIL_IN(err, "%s snapshot of '%s'", app_snapshot_driver_name(plan->driver),
                       plan->volume);
    return STATUS_OK;
}

enum status snapshot_open(const struct snapshot_plan *plan, int *ret_fd, struct error *err)
{
    return place_open_directory(plan->path, ret_fd, err);
}

enum status snapshot_remove(const struct snapshot_plan *plan, struct error *err)
{
    if (plan->driver == APP_SNAPSHOT_NONE)
        return STATUS_OK;
    return place_remove(plan->root, err);
}
