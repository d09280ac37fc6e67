#include "src/worker/job_lock.h"

#include "core/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB "11111111-1111-4111-8111-111111111111"

static char directory[] = "/tmp/job-lock-test.XXXXXX";

static void make_directory(void)
{
    cr_assert(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s.lock", directory, JOB);
    (void)unlink(path);
    cr_assert(eq(int, rmdir(directory), 0), "something else was left in '%s'", directory);
}

TestSuite(job_lock, .init = make_directory, .fini = remove_directory);

/* A process that holds the lock until it is killed; it ignores SIGTERM as a stopped one would. */
static pid_t start_holder(void)
{
    int ready[2];
    cr_assert(eq(int, pipe(ready), 0));
    pid_t pid = fork();
    if (pid == 0) {
        struct job_lock lock = JOB_LOCK_NONE;
        struct error err = {0};
        (void)signal(SIGTERM, SIG_IGN);
        enum status status = job_lock_try(&lock, directory, JOB, &err);
        if (status != STATUS_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    char byte;
    (void)close(ready[1]);
    cr_assert(eq(int, (int)read(ready[0], &byte, 1), 1));
    (void)close(ready[0]);
    return pid;
}

static void end_holder(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
}

Test(job_lock, is_refused_while_another_process_holds_it)
{
    struct job_lock lock = JOB_LOCK_NONE;
    struct error err = {0};
    pid_t holder = start_holder();

    enum status status = job_lock_try(&lock, directory, JOB, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_LOCKED));
    cr_assert(eq(str, err.reason, "job_busy"));
    cr_assert(eq(int, lock.fd, -1));
    end_holder(holder);
}

Test(job_lock, is_free_once_its_holder_is_dead)
{
    struct job_lock lock = JOB_LOCK_NONE;
    struct error err = {0};
    end_holder(start_holder());

    enum status status = job_lock_try(&lock, directory, JOB, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    job_lock_release(&lock);
}

Test(job_lock, is_taken_from_a_holder_that_does_not_let_go)
{
    struct job_lock lock = JOB_LOCK_NONE;
    struct error err = {0};
    pid_t holder = start_holder();
    int64_t started_ms = clock_mono_ms();

    enum status status = job_lock_take(&lock, directory, JOB, 200, &err);

    int wait_status = 0;
    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_assert(ge(i64, clock_mono_ms() - started_ms, 200));
    cr_assert(eq(int, waitpid(holder, &wait_status, 0), holder));
    int number = WTERMSIG(wait_status);
    cr_assert(eq(int, number, SIGKILL));
    job_lock_release(&lock);
}

Test(job_lock, leaves_no_file_when_it_is_released)
{
    struct job_lock lock = JOB_LOCK_NONE;
    struct error err = {0};
    cr_assert(eq(int, (int)job_lock_try(&lock, directory, JOB, &err), (int)STATUS_OK));
    char path[PATH_MAX];
    memcpy(path, lock.path, sizeof(path));

    job_lock_release(&lock);

    cr_assert(ne(int, access(path, F_OK), 0));
    cr_assert(eq(int, lock.fd, -1));
    job_lock_release(&lock);
}

Test(job_lock, is_not_fooled_by_a_file_that_its_holder_removed)
{
    struct job_lock first = JOB_LOCK_NONE;
    struct job_lock second = JOB_LOCK_NONE;
    struct error err = {0};
    cr_assert(eq(int, (int)job_lock_try(&first, directory, JOB, &err), (int)STATUS_OK));
    job_lock_release(&first);

    cr_assert(eq(int, (int)job_lock_try(&second, directory, JOB, &err), (int)STATUS_OK));

    cr_assert(eq(int, access(second.path, F_OK), 0));
    job_lock_release(&second);
}

Test(job_lock, refuses_a_directory_that_is_not_there)
{
    struct job_lock lock = JOB_LOCK_NONE;
    struct error err = {0};

    enum status status = job_lock_try(&lock, "/nonexistent", JOB, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_NOT_FOUND));
}
