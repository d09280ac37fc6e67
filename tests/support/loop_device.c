#include "tests/support/loop_device.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>

/* Two tests may be told the same free device: whoever comes second asks again. The device goes with
 * its mount (mount(8) sets autoclear). */
static const char mount_it[] = "mkdir mnt; i=0; until mount -o loop image mnt 2>mount.log; do"
                               " i=$((i+1)); [ $i -lt 50 ] || { cat mount.log; exit 1; };"
                               " sleep 0.1; done; chmod 755 mnt";

void loop_device_open(struct loop_device *device, enum loop_device_kind kind)
{
    static const char *const make[] = {
        [LOOP_DEVICE_BTRFS] = "mkfs.btrfs -q",
        [LOOP_DEVICE_XFS] = "mkfs.xfs -q -m reflink=1",
        [LOOP_DEVICE_EXT4] = "mkfs.ext4 -q",
    };
    scratch_open(&device->scratch);
    scratch_shell(&device->scratch, "truncate -s 512M image; %s image && { %s; }", make[kind],
                  mount_it);
    (void)snprintf(device->path, sizeof(device->path), "%s/mnt", device->scratch.path);
}

void loop_device_wait_for_tick(void)
{
    struct timespec before, now;
    (void)clock_gettime(CLOCK_REALTIME, &before);
    do {
        (void)sched_yield();
        (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec < before.tv_sec ||
             (now.tv_sec == before.tv_sec && now.tv_nsec <= before.tv_nsec));
}

void loop_device_close(struct loop_device *device)
{
    scratch_close(&device->scratch);
}
