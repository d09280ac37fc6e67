/* A file system of each kind, with a volume and the plan of its snapshot. */
#ifndef TESTS_INTEGRATION_SNAPSHOT_FIXTURE_H
#define TESTS_INTEGRATION_SNAPSHOT_FIXTURE_H

#include "snapshot/snapshot.h"
#include "tests/support/loop_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdbool.h>
#include <stddef.h>

#define ID "6b3f1a52-8c70-4d1e-9f2a-0123456789ab-0"

struct kind {
    enum loop_device_kind device;
    enum app_snapshot_driver driver;
    bool volume_is_subvolume;
};

/* What each copying driver is tried on: name, file system, driver, and whether the volume is a
 * subvolume. */
#define KINDS(KIND)                                                        \
    KIND(BTRFS, LOOP_DEVICE_BTRFS, APP_SNAPSHOT_BTRFS, true)               \
    KIND(BTRFS_IN_SUBVOLUME, LOOP_DEVICE_BTRFS, APP_SNAPSHOT_BTRFS, false) \
    KIND(BTRFS_REFLINK, LOOP_DEVICE_BTRFS, APP_SNAPSHOT_REFLINK, true)     \
    KIND(XFS_REFLINK, LOOP_DEVICE_XFS, APP_SNAPSHOT_REFLINK, false)

#define KIND_NUMBER(name, ...) KIND_##name,

enum { KINDS(KIND_NUMBER) KIND_COUNT };

#undef KIND_NUMBER

struct criterion_test_params each_kind(void);

/* One file system with a volume "<mount>/app/data", and the plan for it. */
struct place {
    const struct kind *kind;
    struct loop_device device;
    char volume[128];
    struct snapshot_plan plan;
};

extern struct error err;
extern struct gaps gaps; /* of the last snapshot */

void set_up(struct place *place, size_t kind);
void plan(struct place *place);
void take(struct place *place);
void discard(struct place *place);
void tear_down(struct place *place);

#endif
