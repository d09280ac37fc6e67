#include "driver.h"

const struct driver none_driver = {.copy = NULL};

#define DRIVER(CONSTANT, name) [APP_SNAPSHOT_##CONSTANT] = &name##_driver,

static const struct driver *const drivers[APP_SNAPSHOT_DRIVER_COUNT] = {
    APP_SNAPSHOT_DRIVERS(DRIVER)};

const struct driver *driver_of(enum app_snapshot_driver driver)
{
    return (unsigned)driver < APP_SNAPSHOT_DRIVER_COUNT ? drivers[driver] : NULL;
}
