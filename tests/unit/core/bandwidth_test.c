#include "core/bandwidth.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pthread.h>

static struct bandwidth *bandwidth;
static struct error err;

static void open_it(void)
{
    cr_assert(eq(int, (int)bandwidth_new(&bandwidth, &err), (int)STATUS_OK));
}

static void close_it(void)
{
    bandwidth_free(bandwidth);
}

TestSuite(bandwidth_take, .init = open_it, .fini = close_it);

enum { LARGE = 100 << 20 };

Test(bandwidth_take, gives_all_at_once_without_a_limit)
{
    int64_t waited_ms = 0;

    size_t taken = bandwidth_take(bandwidth, BANDWIDTH_UPLOAD, LARGE, NULL, &waited_ms);

    cr_expect(eq(sz, taken, LARGE));
    cr_expect(eq(sz, bandwidth_take(NULL, BANDWIDTH_UPLOAD, LARGE, NULL, &waited_ms), LARGE));
    cr_expect(zero(i64, waited_ms));
}

/* That it is not faster than allowed can be said at any load of the machine. */
Test(bandwidth_take, is_not_faster_than_its_limit)
{
    int64_t waited_ms = 0;
    size_t moved = 0;
    bandwidth_set(bandwidth, 4 << 20, 0);

    while (moved < 1 << 20)
        moved += bandwidth_take(bandwidth, BANDWIDTH_UPLOAD, (1 << 20) - moved, NULL, &waited_ms);

    /* 250 ms, less a burst of 100 ms and the step that may be a debt. */
    cr_expect(ge(i64, waited_ms, 250 - 100 - 10));
    cr_expect(
        eq(sz, bandwidth_take(bandwidth, BANDWIDTH_DOWNLOAD, LARGE, NULL, &waited_ms), LARGE));
}

Test(bandwidth_take, gives_steps_and_no_more_than_was_asked_for)
{
    int64_t waited_ms = 0;
    bandwidth_set(bandwidth, 0, INT64_C(1) << 40);

    cr_expect(eq(sz, bandwidth_take(bandwidth, BANDWIDTH_DOWNLOAD, LARGE, NULL, &waited_ms),
                 BANDWIDTH_STEP_BYTES));
    cr_expect(eq(sz, bandwidth_take(bandwidth, BANDWIDTH_DOWNLOAD, 1, NULL, &waited_ms), 1));
}

static void *take_twice(void *context)
{
    int64_t *waited_ms = context;
    for (int i = 0; i < 2; i++)
        (void)bandwidth_take(bandwidth, BANDWIDTH_UPLOAD, BANDWIDTH_STEP_BYTES, NULL, waited_ms);
    return NULL;
}

/* At a byte a second the second step would have to wait for four and a half hours. */
Test(bandwidth_take, notices_a_new_limit_while_it_waits)
{
    pthread_t thread;
    int64_t waited_ms = 0;
    bandwidth_set(bandwidth, 1, 1);
    cr_assert(zero(int, pthread_create(&thread, NULL, take_twice, &waited_ms)));

    bandwidth_set(bandwidth, 0, 0);

    cr_expect(zero(int, pthread_join(thread, NULL)));
}

Test(bandwidth_take, ends_its_wait_with_a_cancel)
{
    struct cancel cancel;
    int64_t waited_ms = 0;
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), (int)STATUS_OK));
    bandwidth_set(bandwidth, 1, 1);
    cancel_request(&cancel, STATUS_CANCELED);

    (void)bandwidth_take(bandwidth, BANDWIDTH_UPLOAD, BANDWIDTH_STEP_BYTES, &cancel, &waited_ms);
    (void)bandwidth_take(bandwidth, BANDWIDTH_UPLOAD, BANDWIDTH_STEP_BYTES, &cancel, &waited_ms);

    cancel_done(&cancel);
}
