/*
 * Thread: one more beside the calling thread, to which all signals are left.
 *
 * Ownership the caller joins it
 * Source    pthread_create(3), pthread_sigmask(3)
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include "core/error.h"

#include <pthread.h>

typedef void *thread_main_fn(void *context);

/* *ret_thread is written only on success. */
enum status thread_start(thread_main_fn *main, void *context, pthread_t *ret_thread,
                         struct error *err) MUST_CHECK;

#endif
