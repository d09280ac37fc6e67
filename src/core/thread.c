#include "core/thread.h"

#include <signal.h>

enum status thread_start(thread_main_fn *main, void *context, pthread_t *ret_thread,
                         struct error *err)
{
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, main, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        errno = failed;
        return FAIL_ERRNO(err, "start a thread");
    }
    *ret_thread = thread;
    return STATUS_OK;
}
