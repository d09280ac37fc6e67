/* Entries as journald would get them, from a socket of the test's own. */
#include "src/core/journal.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct journal_entry entry;

static void set_up(void)
{
    entry.len = 0;
}

static const char *written(void)
{
    entry.bytes[entry.len < sizeof(entry.bytes) ? entry.len : sizeof(entry.bytes) - 1] = '\0';
    return entry.bytes;
}

TestSuite(journal_add, .init = set_up);
TestSuite(journal_add_field, .init = set_up);
TestSuite(journal_send, .init = set_up);

Test(journal_add_field, names_what_one_asks_for)
{
    static const struct {
        const char *key, *value, *written;
    } rows[] = {
        {"backup", "7d0c", "BACKUP_ID=7d0c\n"},
        {"app", "a1", "APP_ID=a1\n"},
        {"job", "j1", "JOB_ID=j1\n"},
        {"stage", "upload", "STAGE=upload\n"},
        {"attempt", "2", "ATTEMPT=2\n"},
        {"correlation", "c1", "CORRELATION_ID=c1\n"},
        {"retry_in_ms", "-5", "APPBACKUP_RETRY_IN_MS=-5\n"},
        {"hook_stage", "", "APPBACKUP_HOOK_STAGE=\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        entry.len = 0;

        journal_add_field(&entry, rows[i].key, rows[i].value);

        cr_expect(eq(str, (char *)written(), (char *)rows[i].written));
    }
}

Test(journal_add, gives_the_length_of_a_value_with_newlines)
{
    static const char expected[] = "APPBACKUP_X\n\x0a\0\0\0\0\0\0\0a\nPRIORITY\n";

    journal_add_field(&entry, "x", "a\nPRIORITY");

    cr_expect(eq(sz, entry.len, sizeof(expected) - 1));
    cr_expect(memcmp(entry.bytes, expected, sizeof(expected) - 1) == 0, "no field is forged");
}

Test(journal_add, cuts_values_and_leaves_out_what_has_no_room)
{
    static char huge[2 * JOURNAL_VALUE_MAX];
    memset(huge, 'x', sizeof(huge));

    for (int i = 0; i < 10; i++)
        journal_add(&entry, "A", huge, sizeof(huge));

    size_t whole = JOURNAL_ENTRY_MAX / (JOURNAL_VALUE_MAX + 3);
    cr_expect(eq(sz, entry.len, whole * (JOURNAL_VALUE_MAX + 3)));
    cr_expect(eq(chr, entry.bytes[entry.len - 1], '\n'));

    journal_add(&entry, "B", "small", 5);
    cr_expect(eq(sz, entry.len, whole * (JOURNAL_VALUE_MAX + 3) + 8));
}

Test(journal_has, knows_the_stream_by_device_and_inode)
{
    struct stat info;
    char stream[64];
    int ends[2];
    cr_assert(pipe(ends) == 0 && fstat(ends[1], &info) == 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)info.st_dev,
                   (unsigned long long)info.st_ino);

    cr_expect(journal_has(stream, ends[1]));

    cr_expect(not(journal_has(stream, STDIN_FILENO)));
    cr_expect(not(journal_has(NULL, ends[1])));
    cr_expect(not(journal_has("", ends[1])));
    cr_expect(not(journal_has(stream, -1)));
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

Test(journal_send, sends_an_entry_as_one_datagram)
{
    struct scratch scratch;
    char got[64] = "";
    scratch_open(&scratch);
    const char *path = scratch_path(&scratch, "socket");
    journal_add(&entry, "MESSAGE", "m", 1);
    cr_expect(not(journal_send(path, &entry)), "nobody is there");
    int fd = listen_at(path);

    cr_expect(journal_send(path, &entry));

    cr_expect(eq(int, (int)recv(fd, got, sizeof(got), 0), 10));
    cr_expect(eq(str, got, "MESSAGE=m\n"));
    (void)close(fd);
    scratch_close(&scratch);
}

Test(journal_send, does_not_wait_for_a_busy_journal)
{
    struct scratch scratch;
    scratch_open(&scratch);
    const char *path = scratch_path(&scratch, "socket");
    journal_add(&entry, "MESSAGE", "m", 1);
    int fd = listen_at(path);

    int sent = 0;
    while (sent < 100000 && journal_send(path, &entry))
        sent++;

    cr_expect(lt(int, sent, 100000));
    (void)close(fd);
    scratch_close(&scratch);
}
