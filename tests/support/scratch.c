#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits until stdin ends, which it does when the test closes its end or dies, and clears up. Mounts
 * below go first: the deepest is listed last. */
static const char clear_up[] =
    "cat >/dev/null; cd /; "
    "awk -v d=\"$0/\" 'index($2, d) == 1 { print $2 }' /proc/mounts | tac |"
    " while read -r m; do umount \"$m\" 2>/dev/null || umount -l \"$m\"; done; "
    "chattr -R -f -i \"$0\" 2>/dev/null; rm -rf --one-file-system \"$0\"";

void scratch_open(struct scratch *scratch)
{
    (void)snprintf(scratch->path, sizeof(scratch->path), "/tmp/appbackup-test-XXXXXX");
    cr_assert(mkdtemp(scratch->path) != NULL, "mkdtemp: %s", strerror(errno));
    cr_assert(chmod(scratch->path, 0755) == 0);

    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    cr_assert(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        (void)setsid(); /* outlives a kill of the test's group */
        (void)dup2(ends[0], STDIN_FILENO);
        /* Holding the test's stdout would make ctest wait for us. */
        int null_fd = open("/dev/null", O_WRONLY);
        (void)dup2(null_fd, STDOUT_FILENO);
        (void)dup2(null_fd, STDERR_FILENO);
        (void)close_range(3, ~0U, 0);
        (void)execl("/bin/sh", "sh", "-c", clear_up, scratch->path, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[0]);
    scratch->watcher_fd = ends[1];
    scratch->watcher_pid = pid;
}

void scratch_close(struct scratch *scratch)
{
    int status = -1;
    (void)close(scratch->watcher_fd);
    while (waitpid(scratch->watcher_pid, &status, 0) < 0 && errno == EINTR)
        continue;
    cr_assert(status == 0, "clearing up '%s' failed", scratch->path);
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", scratch->path, name);
    return path;
}

void scratch_write(const struct scratch *scratch, const char *name, const char *text, int mode)
{
    const char *path = scratch_path(scratch, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(fd >= 0, "open '%s': %s", path, strerror(errno));
    ssize_t len = (ssize_t)strlen(text);
    cr_assert(write(fd, text, (size_t)len) == len && fchmod(fd, (mode_t)mode) == 0);
    (void)close(fd);
}

void scratch_read(const struct scratch *scratch, const char *name, char *text, size_t size)
{
    text[0] = '\0';
    int fd = open(scratch_path(scratch, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    size_t len = 0;
    ssize_t got;
    while (len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    (void)close(fd);
}

/* For shell commands: the byte is another one then, whatever it was. */
static const char change_byte[] = "change_byte() { # file offset\n"
                                  "    byte=$(($(od -An -tu1 -j \"$2\" -N 1 \"$1\") ^ 255))\n"
                                  "    printf \"\\\\$(printf %o $byte)\" |\n"
                                  "        dd of=\"$1\" bs=1 seek=\"$2\" conv=notrunc status=none\n"
                                  "}\n";

static char *shell(const struct scratch *scratch, const char *format, va_list args)
{
    char *script = NULL, *command = NULL;
    cr_assert(vasprintf(&script, format, args) >= 0);
    cr_assert(asprintf(&command, "%sexec 2>&1; cd '%s' && { %s\n}", change_byte, scratch->path,
                       script) >= 0);
    FILE *stream = popen(command, "re");
    cr_assert(stream != NULL, "popen: %s", strerror(errno));

    size_t size = 1 << 16, len = 0, got;
    char *output = malloc(size);
    cr_assert(output != NULL);
    while ((got = fread(output + len, 1, size - len - 1, stream)) > 0) {
        len += got;
        if (size - len - 1 == 0) {
            size *= 2;
            output = realloc(output, size);
            cr_assert(output != NULL);
        }
    }
    if (len > 0 && output[len - 1] == '\n')
        len--;
    output[len] = '\0';
    int status = pclose(stream);
    cr_assert(status == 0, "status %d of: %s\n%s", status, script, output);
    free(command);
    free(script);
    return output;
}

void scratch_shell(const struct scratch *scratch, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    free(shell(scratch, format, args));
    va_end(args);
}

char *scratch_output(const struct scratch *scratch, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *output = shell(scratch, format, args);
    va_end(args);
    return output;
}
