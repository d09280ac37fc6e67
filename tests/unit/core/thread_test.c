#include "core/thread.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>

static void *read_mask(void *context)
{
    sigset_t *mask = context;
    (void)pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

Test(thread_start, leaves_signals_to_the_calling_thread)
{
    struct error err = {0};
    pthread_t thread;
    sigset_t mask;
    sigset_t own;

    cr_assert(eq(int, (int)thread_start(read_mask, &mask, &thread, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, pthread_join(thread, NULL), 0));

    (void)pthread_sigmask(SIG_SETMASK, NULL, &own);
    cr_expect(eq(int, sigismember(&mask, SIGTERM), 1));
    cr_expect(eq(int, sigismember(&mask, SIGHUP), 1));
    cr_expect(eq(int, sigismember(&own, SIGTERM), 0));
}
