#include "core/cancel.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

static struct error err;
static struct cancel cancel;

static void set_up(void)
{
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK), "%s", err.text);
}

static void tear_down(void)
{
    cancel_done(&cancel);
    cancel_done(&cancel); /* once more is fine */
}

TestSuite(cancel, .init = set_up, .fini = tear_down);

static bool is_readable(int timeout_ms)
{
    struct pollfd waiting = {.fd = cancel.fd, .events = POLLIN};
    return poll(&waiting, 1, timeout_ms) == 1;
}

Test(cancel, is_quiet_until_requested_and_stays_so_afterwards)
{
    cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_OK));
    cr_expect(not(is_readable(0)));

    cancel_request(&cancel, STATUS_CANCELED);

    for (int i = 0; i < 3; i++) {
        cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_CANCELED));
        cr_expect(is_readable(0));
    }
    cr_expect(eq(str, err.reason, "canceled"));
}

Test(cancel, keeps_the_first_reason)
{
    cancel_request(&cancel, STATUS_LOST);
    cancel_request(&cancel, STATUS_CANCELED);

    cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_LOST));
    cr_expect(eq(str, err.reason, "lease_lost"));
}

Test(cancel, tells_that_the_time_is_over)
{
    cancel_request(&cancel, STATUS_TIMEOUT);

    cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_TIMEOUT));
    cr_expect(eq(str, err.reason, "job_timeout"));
}

Test(cancel, tells_a_stopping_worker_as_something_transient)
{
    cancel_request(&cancel, STATUS_UNAVAILABLE);

    cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_UNAVAILABLE));
    cr_expect(status_is_transient(err.status));
    cr_expect(eq(str, err.reason, "worker_stopping"));
}

Test(cancel, never_comes_from_null)
{
    cr_expect(eq(int, (int)cancel_check(NULL, &err), STATUS_OK));
}

static void on_signal(int number)
{
    (void)number;
    cancel_request(&cancel, STATUS_CANCELED);
}

Test(cancel, may_be_requested_by_a_signal_handler_and_keeps_errno)
{
    (void)signal(SIGUSR1, on_signal);
    errno = EBADF;

    cr_assert(raise(SIGUSR1) == 0);

    cr_expect(eq(int, errno, EBADF));
    cr_expect(eq(int, (int)cancel_check(&cancel, &err), STATUS_CANCELED));
}

static void *request(void *why)
{
    cancel_request(&cancel, *(enum status *)why);
    return NULL;
}

Test(cancel, wakes_a_waiting_thread)
{
    enum status why[2] = {STATUS_LOST, STATUS_CANCELED};

    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        cr_assert(pthread_create(&threads[i], NULL, request, &why[i]) == 0);

    cr_expect(is_readable(20000));

    for (size_t i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    enum status status = cancel_check(&cancel, &err);
    cr_expect(status == STATUS_LOST || status == STATUS_CANCELED);
}
