#include "aside.h"

#include "signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum status aside_start(aside_main_fn *main, const struct node_config *node, pid_t *ret_pid,
                        struct error *err)
{
    pid_t supervisor = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return FAIL_ERRNO(err, "fork");
    if (pid > 0) {
        *ret_pid = pid;
        return STATUS_OK;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(EXIT_FAILURE);
    signals_reset();
    (void)signal(SIGPIPE, SIG_IGN); /* a server may close what we write to */
    (void)close_range(3, ~0U, 0);   /* the supervisor's connections and locks are not ours */
    _exit(main(node));
}
