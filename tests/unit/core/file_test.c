#include "core/file.h"

#include "core/cleanup.h"
#include "tests/support/fault.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);

int __wrap_fsync(int fd)
{
    return fault_hits("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fault_hits("rename") ? -1 : __real_rename(from, to);
}

/* Besides failing, a write may be short: "short write" gives every call only one byte. */
static bool writes_are_short;

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (fault_hits("write"))
        return -1;
    return __real_write(fd, bytes, writes_are_short && len > 1 ? 1 : len);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return fault_hits("mkdir") ? -1 : __real_mkdir(path, mode);
}

static struct scratch scratch;
static struct error err;
static char text[256];

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    fault_disarm();
    scratch_close(&scratch);
}

TestSuite(file_replace, .init = set_up, .fini = tear_down);
TestSuite(file_read, .init = set_up, .fini = tear_down);
TestSuite(file_read_all, .init = set_up, .fini = tear_down);
TestSuite(file_write_all, .init = set_up, .fini = tear_down);
TestSuite(file_remove, .init = set_up, .fini = tear_down);
TestSuite(file_make_directories, .init = set_up, .fini = tear_down);

static enum status replace(const char *name, const char *contents)
{
    return file_replace(scratch_path(&scratch, name), contents, strlen(contents), 0640, &err);
}

Test(file_replace, makes_and_replaces)
{
    (void)umask(077);

    cr_assert(eq(int, (int)replace("f", "one"), STATUS_OK), "%s", err.text);
    scratch_read(&scratch, "f", text, sizeof(text));
    cr_expect(eq(str, text, "one"));

    cr_assert(eq(int, (int)replace("f", ""), STATUS_OK), "%s", err.text);
    scratch_read(&scratch, "f", text, sizeof(text));
    cr_expect(eq(str, text, ""));

    struct stat info;
    cr_assert(stat(scratch_path(&scratch, "f"), &info) == 0);
    cr_expect(eq(int, (int)(info.st_mode & 07777), 0640), "whatever the umask is");
    cr_expect(access(scratch_path(&scratch, "f.tmp"), F_OK) != 0);
}

/* Every call that can fail, failing: what was there stays, and no temporary is left. */
Test(file_replace, leaves_the_old_contents_when_anything_fails)
{
    static const struct {
        const char *call;
        int error_number;
        enum status status;
    } faults[] = {
        {"write", ENOSPC, STATUS_NO_SPACE},
        {"fsync", EIO, STATUS_UNAVAILABLE},
        {"rename", EACCES, STATUS_FORBIDDEN},
    };

    cr_assert(eq(int, (int)replace("f", "old"), STATUS_OK));

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fault_arm(faults[i].call, 1, faults[i].error_number);
        cr_expect(eq(int, (int)replace("f", "new"), (int)faults[i].status), "%s", faults[i].call);
        cr_expect(strstr(err.text, scratch_path(&scratch, "f")) != NULL, "%s", err.text);

        scratch_read(&scratch, "f", text, sizeof(text));
        cr_expect(eq(str, text, "old"), "%s", faults[i].call);
        cr_expect(access(scratch_path(&scratch, "f.tmp"), F_OK) != 0, "%s", faults[i].call);
    }
}

Test(file_replace, says_when_the_new_name_may_not_be_durable)
{
    fault_arm("fsync", 2, EIO); /* the directory's */

    cr_expect(eq(int, (int)replace("f", "new"), STATUS_UNAVAILABLE));

    scratch_read(&scratch, "f", text, sizeof(text));
    cr_expect(eq(str, text, "new"), "it is there all the same");
}

Test(file_replace, bears_a_file_system_that_cannot_sync_directories)
{
    fault_arm("fsync", 2, EINVAL);

    cr_expect(eq(int, (int)replace("f", "new"), STATUS_OK), "%s", err.text);
}

Test(file_replace, does_not_write_through_a_symbolic_link)
{
    scratch_write(&scratch, "victim", "precious", 0644);
    scratch_shell(&scratch, "ln -s victim f.tmp; ln -s victim g");

    cr_expect(ne(int, (int)replace("f", "new"), STATUS_OK));
    cr_expect(eq(int, (int)replace("g", "new"), STATUS_OK), "the link itself is replaced");

    scratch_read(&scratch, "victim", text, sizeof(text));
    cr_expect(eq(str, text, "precious"));
    scratch_read(&scratch, "g", text, sizeof(text));
    cr_expect(eq(str, text, "new"));
}

Test(file_replace, refuses_a_path_that_is_too_long_or_leads_nowhere)
{
    static char path[PATH_MAX + 8];
    memset(path, 'x', sizeof(path) - 1);

    cr_expect(eq(int, (int)file_replace(path, "", 0, 0600, &err), STATUS_TOO_LARGE));
    cr_expect(eq(int, (int)replace("no/such/f", ""), STATUS_NOT_FOUND));
}

Test(file_read, gives_the_whole_file_up_to_the_limit)
{
    scratch_shell(&scratch, "head -c 200000 /dev/zero | tr '\\0' x >f; : >empty");
    struct buffer buffer;
    buffer_init(&buffer, 200000);

    cr_assert(eq(int, (int)file_read(scratch_path(&scratch, "f"), &buffer, &err), STATUS_OK));
    cr_expect(eq(sz, buffer.len, 200000));
    cr_expect(eq(sz, strspn((char *)buffer.bytes, "x"), 200000));
    cr_expect(eq(int, (int)file_read(scratch_path(&scratch, "empty"), &buffer, &err), STATUS_OK),
              "nothing fits in a full buffer");
    buffer_done(&buffer);
}

Test(file_read, keeps_the_buffer_as_it_was_when_the_file_is_too_large)
{
    scratch_shell(&scratch, "head -c 100000 /dev/zero >f");
    struct buffer buffer;
    buffer_init(&buffer, 100002);
    cr_assert(eq(int, (int)buffer_add_text(&buffer, "abc", &err), STATUS_OK));

    cr_expect(
        eq(int, (int)file_read(scratch_path(&scratch, "f"), &buffer, &err), STATUS_TOO_LARGE));

    cr_expect(strstr(err.text, "100002") != NULL, "%s", err.text);
    cr_expect(eq(sz, buffer.len, 3));
    buffer_done(&buffer);
}

Test(file_read, refuses_links_fifos_without_blocking_and_directories)
{
    scratch_shell(&scratch, "ln -s /etc/passwd link; mkfifo fifo; mkdir directory");
    struct buffer buffer;
    buffer_init(&buffer, 10000);

    cr_expect(
        eq(int, (int)file_read(scratch_path(&scratch, "link"), &buffer, &err), STATUS_FORBIDDEN));
    cr_expect(eq(int, (int)file_read(scratch_path(&scratch, "fifo"), &buffer, &err), STATUS_OK));
    cr_expect(
        ne(int, (int)file_read(scratch_path(&scratch, "directory"), &buffer, &err), STATUS_OK));
    cr_expect(
        eq(int, (int)file_read(scratch_path(&scratch, "no"), &buffer, &err), STATUS_NOT_FOUND));
    cr_expect(eq(sz, buffer.len, 0));
    buffer_done(&buffer);
}

Test(file_read_all, tells_full_from_too_large)
{
    scratch_write(&scratch, "f", "12345678", 0644);
    char bytes[8];
    size_t len = 99;

    CLEANUP(fd_closep) int fd = open(scratch_path(&scratch, "f"), O_RDONLY | O_CLOEXEC);
    cr_expect(eq(int, (int)file_read_all(fd, bytes, 7, &len, &err), STATUS_TOO_LARGE));
    cr_expect(eq(sz, len, 99), "not written on failure");
    cr_assert(lseek(fd, 0, SEEK_SET) == 0);
    cr_expect(eq(int, (int)file_read_all(fd, bytes, 8, &len, &err), STATUS_OK));
    cr_expect(eq(sz, len, 8));
    cr_expect(eq(int, memcmp(bytes, "12345678", 8), 0));
    cr_expect(ne(int, (int)file_read_all(-1, bytes, 8, &len, &err), STATUS_OK));
}

Test(file_write_all, goes_on_after_short_writes_and_signals)
{
    CLEANUP(fd_closep)
    int fd = open(scratch_path(&scratch, "f"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    writes_are_short = true;
    fault_arm("write", 3, EINTR);

    enum status status = file_write_all(fd, "0123456789", 10, &err);

    writes_are_short = false;
    cr_expect(eq(int, (int)status, STATUS_OK), "%s", err.text);
    scratch_read(&scratch, "f", text, sizeof(text));
    cr_expect(eq(str, text, "0123456789"));
}

Test(file_write_all, reports_a_full_disk)
{
    CLEANUP(fd_closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    cr_expect(eq(int, (int)file_write_all(fd, "x", 1, &err), STATUS_NO_SPACE));
    cr_expect(eq(int, (int)file_write_all(fd, "", 0, &err), STATUS_OK));
}

Test(file_remove, removes_and_is_content_with_nothing)
{
    scratch_write(&scratch, "f", "", 0644);

    cr_expect(eq(int, (int)file_remove(scratch_path(&scratch, "f"), &err), STATUS_OK));
    cr_expect(access(scratch_path(&scratch, "f"), F_OK) != 0);
    cr_expect(eq(int, (int)file_remove(scratch_path(&scratch, "f"), &err), STATUS_OK));
    cr_expect(ne(int, (int)file_remove(scratch.path, &err), STATUS_OK), "a directory");
    fault_arm("fsync", 1, EIO);
    cr_expect(eq(int, (int)file_remove(scratch_path(&scratch, "f"), &err), STATUS_UNAVAILABLE));
}

Test(file_make_directories, makes_what_is_missing)
{
    const char *path = scratch_path(&scratch, "a/b/c");

    cr_expect(eq(int, (int)file_make_directories(path, 0750, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, (int)file_make_directories(path, 0750, &err), STATUS_OK), "once more");

    struct stat info;
    cr_assert(stat(path, &info) == 0);
    cr_expect(eq(int, (int)(info.st_mode & 07777), 0750));
    cr_expect(eq(int, (int)file_make_directories("/", 0750, &err), STATUS_OK));
}

Test(file_make_directories, says_what_is_in_the_way)
{
    scratch_write(&scratch, "f", "", 0644);

    cr_expect(eq(int, (int)file_make_directories(scratch_path(&scratch, "f"), 0755, &err),
                 STATUS_NOT_FOUND));
    cr_expect(strstr(err.text, "Not a directory") != NULL, "%s", err.text);
    cr_expect(eq(int, (int)file_make_directories(scratch_path(&scratch, "f/g"), 0755, &err),
                 STATUS_NOT_FOUND));
    cr_expect(eq(int, (int)file_make_directories("", 0755, &err), STATUS_INVALID));
    fault_arm("mkdir", 1, ENOSPC);
    cr_expect(eq(int, (int)file_make_directories(scratch_path(&scratch, "n"), 0755, &err),
                 STATUS_NO_SPACE));
}
