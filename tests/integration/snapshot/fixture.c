#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define KIND_ROW(name, ...) [KIND_##name] = {__VA_ARGS__},
static const struct kind kinds[KIND_COUNT] = {KINDS(KIND_ROW)};

struct criterion_test_params each_kind(void)
{
    static size_t indices[KIND_COUNT];
    for (size_t i = 0; i < KIND_COUNT; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, KIND_COUNT);
}

struct error err;
struct gaps gaps;

void set_up(struct place *place, size_t kind)
{
    place->kind = &kinds[kind];
    loop_device_open(&place->device, place->kind->device);
    (void)snprintf(place->volume, sizeof(place->volume), "%s/app/data", place->device.path);
    scratch_shell(&place->device.scratch, "mkdir mnt/app; cd mnt/app; %s data",
                  place->kind->volume_is_subvolume ? "btrfs -q subvolume create" : "mkdir");
}

void plan(struct place *place)
{
    cr_assert(eq(int,
                 (int)snapshot_plan(place->volume, place->kind->driver, ID, &place->plan, &err),
                 STATUS_OK),
              "%s", err.text);
}

void take(struct place *place)
{
    plan(place);
    cr_assert(eq(int, (int)snapshot_take(&place->plan, NULL, &gaps, &err), STATUS_OK), "%s",
              err.text);
}

void discard(struct place *place)
{
    cr_assert(eq(int, (int)snapshot_remove(&place->plan, &err), STATUS_OK), "%s", err.text);
    char *left = scratch_output(&place->device.scratch, "find mnt -name '.appbackup-*'");
    cr_expect(eq(str, left, ""));
    free(left);
}

void tear_down(struct place *place)
{
    loop_device_close(&place->device);
}
