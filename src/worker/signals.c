#include "signals.h"

#include <signal.h>
#include <sys/signalfd.h>

static struct cancel *to_cancel; /* a handler has no other way to reach it */

static void on_end(int number)
{
    (void)number;
    cancel_request(to_cancel, STATUS_UNAVAILABLE);
}

static void on_nothing(int number)
{
    (void)number;
}

static enum status handle(int number, void (*handler)(int), struct error *err)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) != 0)
        return FAIL_ERRNO(err, "handle signal %d", number);
    return STATUS_OK;
}

enum status signals_to_descriptor(int *ret_fd, struct error *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    sigset_t blocked = set; /* a job inherits it, and gets SIGUSR1 perhaps before it is ready */
    (void)sigaddset(&blocked, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) != 0)
        return FAIL_ERRNO(err, "block signals");
    if (handle(SIGPIPE, on_nothing, err) != STATUS_OK)
        return error_status(err);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return FAIL_ERRNO(err, "signalfd");
    *ret_fd = fd;
    return STATUS_OK;
}

enum status signals_to_cancel(struct cancel *cancel, struct error *err)
{
    static const struct {
        int number;
        void (*handler)(int);
    } table[] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_nothing}, {SIGPIPE, on_nothing}};

    to_cancel = cancel;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (handle(table[i].number, table[i].handler, err) != STATUS_OK)
            return error_status(err);
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR1);
    if (sigprocmask(SIG_SETMASK, &blocked, NULL) != 0)
        return FAIL_ERRNO(err, "unblock signals");
    return STATUS_OK;
}

void signals_reset(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        (void)signal(numbers[i], SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
