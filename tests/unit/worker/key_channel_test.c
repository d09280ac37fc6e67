#include "src/worker/key_ring.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static void open_with(bool known, unsigned char byte)
{
    struct error err = {0};
    struct work_key key = {.known = known};
    memset(key.bytes, byte, sizeof(key.bytes));
    cr_assert(eq(int, (int)key_channel_open(&key, ends, &err), STATUS_OK), "%s", err.text);
}

static int taken(int end)
{
    struct work_key key;
    key_channel_take(end, &key);
    return key.known ? key.bytes[0] : -1;
}

Test(key_channel, brings_the_key_to_the_job_and_back)
{
    struct work_key derived = {.known = true, .bytes = {'n'}};
    open_with(true, 'k');

    cr_expect(eq(int, taken(ends[1]), 'k'));
    cr_expect(eq(int, taken(ends[0]), -1));
    key_channel_give(ends[1], &derived);
    close(ends[1]); /* the job's end */
    cr_expect(eq(int, taken(ends[0]), 'n'));
    cr_expect(eq(int, taken(ends[0]), -1));
}

Test(key_channel, has_nothing_where_nothing_is_known)
{
    open_with(false, 'k');
    cr_expect(eq(int, taken(ends[1]), -1));
    cr_expect(eq(int, taken(-1), -1));
}

Test(key_channel, does_not_mind_that_the_other_end_is_gone)
{
    struct work_key key = {.known = true};
    open_with(false, 0);
    close(ends[0]);
    key_channel_give(ends[1], &key);
    key_channel_give(-1, &key);
    cr_expect(eq(int, taken(ends[1]), -1));
}

Test(key_channel, takes_no_message_of_another_length)
{
    char bytes[WORK_KEY_BYTES + 1] = {0};
    open_with(false, 0);
    cr_assert(eq(int, (int)write(ends[1], bytes, sizeof(bytes)), (int)sizeof(bytes)));
    cr_assert(eq(int, (int)write(ends[1], bytes, 1), 1));
    cr_expect(eq(int, taken(ends[0]), -1));
    cr_expect(eq(int, taken(ends[0]), -1));
}

Test(key_channel, is_inherited_by_nobody_unasked)
{
    open_with(false, 0);
    cr_expect(ne(int, fcntl(ends[0], F_GETFD) & FD_CLOEXEC, 0));
    cr_expect(ne(int, fcntl(ends[1], F_GETFD) & FD_CLOEXEC, 0));
}
