#include "src/worker/key_ring.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKET "11111111-1111-4111-8111-111111111111"

static struct key_ring *ring;

static void set_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)key_ring_new(&ring, &err), STATUS_OK), "%s", err.text);
}

static void tear_down(void)
{
    key_ring_free(ring);
}

TestSuite(key_ring, .init = set_up, .fini = tear_down);

static void name_app(char app[37], int number)
{
    (void)snprintf(app, 37, "22222222-2222-4222-8222-%012d", number);
}

static void keep(int number, unsigned char byte)
{
    char app[37];
    struct work_key key = {.known = true};
    name_app(app, number);
    memset(key.bytes, byte, sizeof(key.bytes));
    key_ring_keep(ring, BUCKET, app, &key);
}

/* -1: not known */
static int found(int number)
{
    char app[37];
    struct work_key key;
    name_app(app, number);
    key_ring_find(ring, BUCKET, app, &key);
    return key.known ? key.bytes[WORK_KEY_BYTES - 1] : -1;
}

Test(key_ring, finds_by_bucket_and_app)
{
    struct work_key key;
    char app[37];
    keep(1, 'a');
    keep(2, 'b');
    keep(1, 'c');

    cr_expect(eq(int, found(1), 'c'));
    cr_expect(eq(int, found(2), 'b'));
    cr_expect(eq(int, found(3), -1));
    name_app(app, 1);
    key_ring_find(ring, "33333333-3333-4333-8333-333333333333", app, &key);
    cr_expect(not(key.known));
}

Test(key_ring, forgets)
{
    char app[37];
    keep(1, 'a');
    name_app(app, 1);
    key_ring_keep(ring, BUCKET, app, &(struct work_key){0});
    cr_expect(eq(int, found(1), -1));
}

Test(key_ring, loses_the_oldest_when_it_is_full)
{
    for (int i = 0; i <= KEY_RING_MAX; i++)
        keep(i, (unsigned char)(i % 200));
    cr_expect(eq(int, found(0), -1));
    cr_expect(eq(int, found(1), 1));
    cr_expect(eq(int, found(KEY_RING_MAX), KEY_RING_MAX % 200));
}

Test(key_ring, shows_nothing_to_a_forked_process)
{
    keep(1, 'a');
    pid_t pid = fork();
    if (pid == 0)
        _exit(found(1) == -1 ? 0 : 1);
    int status = -1;
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    cr_expect(eq(int, status, 0));
    cr_expect(eq(int, found(1), 'a'));
}
