#include "tests/support/lease.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void hold(const char *path, bool lets_go, int ready)
{
    sigset_t wanted;
    int number = 0;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGIO);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0 || write(ready, "x", 1) != 1)
        _exit(1);
    while (sigwait(&wanted, &number) == 0)
        if (lets_go)
            (void)fcntl(fd, F_SETLEASE, F_UNLCK);
}

pid_t lease_hold(const char *path, bool lets_go)
{
    int ready[2];
    char byte;
    cr_assert(pipe(ready) == 0);
    pid_t holder = fork();
    cr_assert(holder >= 0);
    if (holder == 0) {
        hold(path, lets_go, ready[1]);
        _exit(0);
    }
    (void)close(ready[1]);
    cr_assert(read(ready[0], &byte, 1) == 1, "no lease of '%s'", path);
    (void)close(ready[0]);
    return holder;
}

void lease_end(pid_t holder)
{
    (void)kill(holder, SIGKILL);
    cr_expect(waitpid(holder, NULL, 0) == holder);
}
