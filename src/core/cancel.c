#include "core/cancel.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum status cancel_init(struct cancel *cancel, struct error *err)
{
    atomic_init(&cancel->status, STATUS_OK);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->fd < 0)
        return FAIL_ERRNO(err, "eventfd");
    return STATUS_OK;
}

void cancel_done(struct cancel *cancel)
{
    if (cancel->fd >= 0)
        (void)close(cancel->fd);
    cancel->fd = -1;
}

void cancel_request(struct cancel *cancel, enum status why)
{
    int none = STATUS_OK;
    if (!atomic_compare_exchange_strong(&cancel->status, &none, (int)why))
        return;
    int saved = errno;
    uint64_t one = 1;
    if (write(cancel->fd, &one, sizeof(one)) < 0) {
        /* the flag is set all the same; a poller finds it at its next deadline */
    }
    errno = saved;
}

enum status cancel_check(const struct cancel *cancel, struct error *err)
{
    if (cancel == NULL)
        return STATUS_OK;
    int why = atomic_load(&cancel->status);
    if (why == STATUS_OK)
        return STATUS_OK;
    if (why == STATUS_CANCELED)
        return FAIL_REASON(err, STATUS_CANCELED, REASON_CANCELED, "canceled on request");
    if (why == STATUS_LOST)
        return FAIL_REASON(err, STATUS_LOST, REASON_LEASE_LOST, "the lease was lost");
    if (why == STATUS_TIMEOUT)
        return FAIL_REASON(err, STATUS_TIMEOUT, REASON_JOB_TIMEOUT,
                           "the job took longer than it may");
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_WORKER_STOPPING, "the worker is stopping");
}
