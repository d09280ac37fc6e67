#include "src/repository/lock_file.h"
#include "src/repository/repository_internal.h"
#include "tests/support/repository_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct fixture f;

static void open_repository(void)
{
    fixture_open(&f);
}

static void close_repository(void)
{
    fixture_close(&f);
}

TestSuite(repository_lock, .init = open_repository, .fini = close_repository);
TestSuite(repository_refresh_lock, .init = open_repository, .fini = close_repository);

static void expect_locks(const char *count)
{
    char *got = scratch_output(&f.scratch, "ls bucket/shop/locks | wc -l");
    cr_expect(eq(str, got, (char *)count));
    free(got);
}

static struct repository *another(void)
{
    struct repository *other = NULL;
    MUST(&f, repository_open(f.store, PASSPHRASE, &other, &f.err));
    return other;
}

Test(repository_lock, lets_readers_share_and_nobody_beside_an_exclusive_one)
{
    static const struct {
        bool first, second;
        enum status status;
    } pairs[] = {{false, false, STATUS_OK},
                 {false, true, STATUS_LOCKED},
                 {true, false, STATUS_LOCKED},
                 {true, true, STATUS_LOCKED}};
    struct repository *other = another();
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        MUST(&f, repository_lock(f.repository, pairs[i].first, NULL, &f.err));
        EXPECT_STATUS(&f, repository_check_locks(other, pairs[i].second, &f.err), pairs[i].status);
        expect_locks("1");
        EXPECT_STATUS(&f, repository_lock(other, pairs[i].second, NULL, &f.err), pairs[i].status);
        MUST(&f, repository_unlock(other, &f.err));
        expect_locks("1");
        MUST(&f, repository_unlock(f.repository, &f.err));
        expect_locks("0");
    }
    repository_close(other);
}

Test(repository_lock, says_who_and_since_when)
{
    struct repository *other = another();
    char pid[32];
    MUST(&f, repository_lock(f.repository, true, NULL, &f.err));
    EXPECT_STATUS(&f, repository_lock(other, false, NULL, &f.err), STATUS_LOCKED);
    (void)snprintf(pid, sizeof(pid), "pid %d, since 2", (int)getpid());
    cr_expect(strstr(f.err.text, "locked exclusively by ") != NULL, "%s", f.err.text);
    cr_expect(strstr(f.err.text, pid) != NULL, "%s", f.err.text);
    cr_expect(status_is_transient(f.err.status));
    repository_close(other);
}

Test(repository_lock, is_released_by_close)
{
    struct repository *other = another();
    MUST(&f, repository_lock(other, true, NULL, &f.err));
    repository_close(other);
    expect_locks("0");
}

Test(repository_lock, is_held_once)
{
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    EXPECT_STATUS(&f, repository_lock(f.repository, false, NULL, &f.err), STATUS_CONFLICT);
    expect_locks("1");
}

/* host NULL: this one. */
static void put_lock(const char *host, int pid, time_t age_s, bool exclusive)
{
    char name[256], text[1024], time_text[64];
    struct blob_id id;
    struct tm utc;
    time_t when = time(NULL) - age_s;
    cr_assert(gethostname(name, sizeof(name)) == 0);
    (void)strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
    int len = snprintf(text, sizeof(text),
                       "{\"time\":\"%s\",\"exclusive\":%s,\"hostname\":\"%s\","
                       "\"username\":\"root\",\"pid\":%d}",
                       time_text, exclusive ? "true" : "false", host == NULL ? name : host, pid);
    MUST(&f, unpacked_save(f.repository, "locks", text, (size_t)len, &id, &f.err));
}

static int dead_pid(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    (void)waitpid(pid, NULL, 0);
    return (int)pid;
}

Test(repository_lock, removes_what_a_dead_process_of_this_host_left)
{
    put_lock(NULL, dead_pid(), 10, true);
    put_lock(NULL, dead_pid(), 100000, false);
    MUST(&f, repository_lock(f.repository, true, NULL, &f.err));
    expect_locks("1");
}

Test(repository_lock, respects_locks_of_other_hosts_however_old)
{
    put_lock("elsewhere", dead_pid(), 1000000, true);
    EXPECT_STATUS(&f, repository_lock(f.repository, false, NULL, &f.err), STATUS_LOCKED);
    cr_expect(strstr(f.err.text, "root@elsewhere") != NULL, "%s", f.err.text);
    expect_locks("1");
}

Test(repository_lock, respects_a_process_that_lives)
{
    put_lock(NULL, (int)getpid(), 10, true);
    EXPECT_STATUS(&f, repository_lock(f.repository, false, NULL, &f.err), STATUS_LOCKED);
    expect_locks("1");
}

/* After a reboot the pid may be anybody's: this process is younger than the lock. */
Test(repository_lock, sees_through_a_pid_that_was_reused)
{
    put_lock(NULL, (int)getpid(), 20 * 60, true);
    EXPECT_STATUS(&f, repository_lock(f.repository, false, NULL, &f.err), STATUS_LOCKED);
    scratch_shell(&f.scratch, "rm -f bucket/shop/locks/*");
    put_lock(NULL, (int)getpid(), 40 * 60, true);
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    expect_locks("1");
}

Test(repository_lock, takes_one_that_cannot_be_read_for_exclusive)
{
    char name[65];
    (void)memset(name, '0', 64);
    name[64] = '\0';
    scratch_shell(&f.scratch, "mkdir bucket/shop/locks; touch bucket/shop/locks/%s", name);
    MUST(&f, repository_lock(f.repository, true, NULL, &f.err)); /* restic ignores empty ones */
    MUST(&f, repository_unlock(f.repository, &f.err));
    scratch_shell(&f.scratch, "echo x >bucket/shop/locks/%s", name);
    EXPECT_STATUS(&f, repository_lock(f.repository, false, NULL, &f.err), STATUS_LOCKED);
    cr_expect(strstr(f.err.text, "cannot be read") != NULL, "%s", f.err.text);
}

static void *cancel_soon(void *context)
{
    struct timespec pause = {.tv_nsec = 20 * 1000000};
    (void)nanosleep(&pause, NULL);
    cancel_request(context, STATUS_CANCELED);
    return NULL;
}

Test(repository_lock, can_be_cancelled_while_it_waits)
{
    struct cancel cancel;
    pthread_t thread;
    struct timespec start, end;
    MUST(&f, cancel_init(&cancel, &f.err));
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    cr_assert(pthread_create(&thread, NULL, cancel_soon, &cancel) == 0);

    EXPECT_STATUS(&f, repository_lock(f.repository, false, &cancel, &f.err), STATUS_CANCELED);

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    (void)pthread_join(thread, NULL);
    expect_locks("0");
    int64_t took_ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    cr_expect(lt(i64, took_ms, (int64_t)200));
    cancel_done(&cancel);
}

Test(repository_lock, is_seen_by_others_from_its_start)
{
    struct repository *other = another();

    MUST(&f, repository_start_lock(f.repository, false, NULL, &f.err));
    EXPECT_STATUS(&f, repository_start_lock(other, true, NULL, &f.err), STATUS_LOCKED);
    MUST(&f, repository_finish_lock(f.repository, NULL, &f.err));

    expect_locks("1");
    repository_close(other);
}

Test(repository_lock, gives_way_to_one_that_was_written_at_the_same_time)
{
    struct repository *other = another();
    MUST(&f, repository_lock(other, true, NULL, &f.err));
    scratch_shell(&f.scratch, "mv bucket/shop/locks hidden; mkdir bucket/shop/locks");
    MUST(&f, repository_start_lock(f.repository, false, NULL, &f.err));
    scratch_shell(&f.scratch, "mv hidden/* bucket/shop/locks/");

    EXPECT_STATUS(&f, repository_finish_lock(f.repository, NULL, &f.err), STATUS_LOCKED);

    expect_locks("1");
    EXPECT_STATUS(&f, repository_finish_lock(f.repository, NULL, &f.err), STATUS_CONFLICT);
    repository_close(other);
}

Test(repository_lock, that_is_only_started_can_be_given_back)
{
    MUST(&f, repository_start_lock(f.repository, true, NULL, &f.err));
    MUST(&f, repository_unlock(f.repository, &f.err));
    expect_locks("0");
}

/* As if the last renewal had been so many minutes ago. */
static void age_lock(int64_t minutes)
{
    f.repository->lock.renewed_ms -= minutes * 60000;
    f.repository->lock.tried_ms -= minutes * 60000;
}

Test(repository_refresh_lock, writes_a_new_one_after_five_minutes)
{
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    struct blob_id first = f.repository->lock.id;
    age_lock(4);
    MUST(&f, repository_refresh_lock(f.repository, &f.err));
    cr_expect(memcmp(&first, &f.repository->lock.id, sizeof(first)) == 0);
    age_lock(1);
    MUST(&f, repository_refresh_lock(f.repository, &f.err));
    cr_expect(memcmp(&first, &f.repository->lock.id, sizeof(first)) != 0);
    expect_locks("1");
}

Test(repository_refresh_lock, goes_on_while_there_is_time_then_stops)
{
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    scratch_shell(&f.scratch, "mv bucket/shop away; ln -s ../away bucket/shop");
    age_lock(22);
    MUST(&f, repository_refresh_lock(f.repository, &f.err)); /* fails inside: not reachable */
    cr_expect(f.repository->lock.tried_ms > f.repository->lock.renewed_ms);
    age_lock(1);
    EXPECT_STATUS(&f, repository_refresh_lock(f.repository, &f.err), STATUS_LOST);
    scratch_shell(&f.scratch, "rm bucket/shop; mv away bucket/shop");
}

Test(repository_refresh_lock, notices_that_somebody_took_it_away)
{
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    scratch_shell(&f.scratch, "rm -f bucket/shop/locks/*");
    age_lock(5);
    EXPECT_STATUS(&f, repository_refresh_lock(f.repository, &f.err), STATUS_LOST);
    expect_locks("0");
}

Test(lock_file_read, refuses_what_is_none)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"time\":\"2026-11-23T20:23:46Z\"}",
                                      "{\"time\":\"x\",\"exclusive\":true}",
                                      "{\"time\":1,\"exclusive\":true}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lock_file lock;
        struct error err = {0};
        cr_expect(
            eq(int, (int)lock_file_read(bad[i], strlen(bad[i]), &lock, &err), (int)STATUS_CORRUPT),
            "%s", bad[i]);
    }
}
