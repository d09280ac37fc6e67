#include "core/patient_open.h"

#include "tests/support/lease.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC };

static struct scratch scratch;
static const char *path;

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_write(&scratch, "leased", "content", 0644);
    path = scratch_path(&scratch, "leased");
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(patient_openat, .init = set_up, .fini = tear_down);

Test(patient_openat, waits_until_the_lease_is_let_go)
{
    struct patience patience = {.file_ms = 20000, .left_ms = 20000};
    pid_t holder = lease_hold(path, true);

    int fd = patient_openat(AT_FDCWD, path, FLAGS, &patience);

    cr_expect(ge(int, fd, 0), "%s", strerror(errno));
    cr_expect(lt(i64, patience.left_ms, (int64_t)20000));
    (void)close(fd);
    lease_end(holder);
}

Test(patient_openat, has_patience_for_one_file_and_for_all_of_them)
{
    struct patience patience = {.file_ms = 30, .left_ms = 50};
    pid_t holder = lease_hold(path, false);

    cr_expect(eq(int, patient_openat(AT_FDCWD, path, FLAGS, &patience), -1));
    cr_expect(eq(int, errno, EWOULDBLOCK));
    cr_expect(le(i64, patience.left_ms, (int64_t)20));
    cr_expect(eq(int, patient_openat(AT_FDCWD, path, FLAGS, &patience), -1));
    cr_expect(eq(int, errno, EWOULDBLOCK));
    cr_expect(eq(i64, patience.left_ms, (int64_t)0));
    cr_expect(eq(int, patient_openat(AT_FDCWD, path, FLAGS, &patience), -1));
    cr_expect(eq(int, errno, EWOULDBLOCK));

    lease_end(holder);
    int fd = patient_openat(AT_FDCWD, path, FLAGS, &patience);
    cr_expect(ge(int, fd, 0), "%s", strerror(errno));
    (void)close(fd);
}

static bool count_down(void *context)
{
    int *left = context;
    return --*left <= 0;
}

Test(patient_openat, ends_the_wait_when_it_is_over)
{
    int turns = 3;
    struct patience patience = {
        .file_ms = 60000, .left_ms = 60000, .is_over = count_down, .context = &turns};
    pid_t holder = lease_hold(path, false);

    cr_expect(eq(int, patient_openat(AT_FDCWD, path, FLAGS, &patience), -1));

    cr_expect(eq(int, errno, EWOULDBLOCK));
    cr_expect(eq(int, turns, 0));
    lease_end(holder);
}

Test(patient_open_lease_ms, is_longer_than_the_kernel_lets_a_lease_stand)
{
    scratch_open(&scratch);
    char *seconds = scratch_output(&scratch, "cat /proc/sys/fs/lease-break-time");

    cr_expect(lt(i64, (int64_t)atoi(seconds) * 1000, patient_open_lease_ms()));

    free(seconds);
    scratch_close(&scratch);
}
