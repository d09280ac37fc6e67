#include "service/cgroups.h"

#include "core/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define JOB_PREFIX "job-"

enum { TABLE_MAX = 8192, GROUP_MODE = 0755 };

struct cgroups {
    int directory; /* of the group that was delegated */
};

/* The unified hierarchy, alone or beside those of version 1. NULL: there is none. */
static const char *find_mount(void)
{
    static const char *const usual[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        struct statfs info;
        if (statfs(usual[i], &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC)
            return usual[i];
    }
    return NULL;
}

/* The line "0::/path" of proc(5). */
static bool find_own_path(char *table, const char **ret_path)
{
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        *ret_path = line + 3;
        return true;
    }
    return false;
}

static bool is_delegated(int directory)
{
    static const char *const names[] = {"user.delegate", "trusted.delegate"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char value[2] = "";
        if (fgetxattr(directory, names[i], value, sizeof(value)) == 1 && value[0] == '1')
            return true;
    }
    return false;
}

/* -1: it is not ours. */
static int open_own_group(void)
{
    CLEANUP(fd_closep) int proc = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    char table[TABLE_MAX + 1];
    size_t len = 0;
    struct error ignored = {0};
    const char *mount = find_mount();
    const char *own = NULL;
    if (proc < 0 || mount == NULL ||
        file_read_all(proc, table, TABLE_MAX, &len, &ignored) != STATUS_OK)
        return -1;
    table[len] = '\0';
    char path[PATH_MAX];
    if (!find_own_path(table, &own) ||
        snprintf(path, sizeof(path), "%s%s", mount, own) >= (int)sizeof(path))
        return -1;
    CLEANUP(fd_closep) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (directory < 0 || !is_delegated(directory))
        return -1;
    return STEAL_FD(directory);
}

static bool set(int directory, const char *file, const char *value)
{
    CLEANUP(fd_closep) int fd = openat(directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = (ssize_t)strlen(value);
    return fd >= 0 && write(fd, value, (size_t)len) == len;
}

/* The group's directory, or -1. */
static int make_group(int directory, const char *name)
{
    if (mkdirat(directory, name, GROUP_MODE) != 0 && errno != EEXIST)
        return -1;
    return openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static enum status move_aside(int directory, struct error *err)
{
    CLEANUP(fd_closep) int own = make_group(directory, "supervisor");
    if (own < 0 || !set(own, "cgroup.procs", "0"))
        return FAIL_ERRNO(err, "move to a cgroup of our own");
    return STATUS_OK;
}

/* Each for itself: what the kernel or the unit does not have is not there. */
static void enable_controllers(int directory)
{
    static const char *const wanted[] = {"+cpu", "+io", "+memory", "+pids"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        (void)set(directory, "cgroup.subtree_control", wanted[i]);
}

enum status cgroups_open(struct cgroups **ret_cgroups, struct error *err)
{
    *ret_cgroups = NULL;
    CLEANUP(fd_closep) int directory = open_own_group();
    if (directory < 0)
        return STATUS_OK;
    if (move_aside(directory, err) != STATUS_OK)
        return error_status(err);
    enable_controllers(directory);
    struct cgroups *cgroups = malloc(sizeof(*cgroups));
    if (cgroups == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "cgroups");
    cgroups->directory = STEAL_FD(directory);
    *ret_cgroups = cgroups;
    return STATUS_OK;
}

void cgroups_close(struct cgroups *cgroups)
{
    if (cgroups == NULL)
        return;
    (void)close(cgroups->directory);
    free(cgroups);
}

static bool write_name(const char *name, char group[NAME_MAX + 1])
{
    return snprintf(group, NAME_MAX + 1, JOB_PREFIX "%s", name) <= NAME_MAX;
}

static void set_number(int group, const char *file, const char *format, int64_t number)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s%" PRId64, format, number);
    (void)set(group, file, text);
}

static void set_limits(int group, const struct cgroup_limits *limits)
{
    set_number(group, "cpu.weight", "", limits->cpu_weight);
    set_number(group, "io.weight", "default ", limits->io_weight);
    if (limits->memory_high_bytes > 0)
        set_number(group, "memory.high", "", limits->memory_high_bytes);
}

int cgroups_make(const struct cgroups *cgroups, const char *name,
                 const struct cgroup_limits *limits)
{
    char path[NAME_MAX + 1];
    if (cgroups == NULL || !write_name(name, path))
        return -1;
    CLEANUP(fd_closep) int group = make_group(cgroups->directory, path);
    if (group < 0)
        return -1;
    set_limits(group, limits);
    return openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

void cgroups_enter(int group)
{
    if (group >= 0 && write(group, "0", 1) != 1) {
        /* It runs where it is, as it would without groups. */
    }
}

/* The whole of a small file; "" when it cannot be read. */
static void get(int directory, const char *file, char *text, size_t size)
{
    CLEANUP(fd_closep) int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);
    text[len > 0 ? len : 0] = '\0';
}

/* -1: there is none. */
static int64_t number_behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (at == NULL)
        return -1;
    const char *digits = at + strlen(key);
    char *end = NULL;
    long long number = strtoll(digits, &end, 10);
    return end == digits ? -1 : number;
}

bool cgroups_usage(const struct cgroups *cgroups, const char *name, struct cgroup_usage *ret_usage)
{
    char path[NAME_MAX + 1];
    char text[TABLE_MAX];
    if (cgroups == NULL || !write_name(name, path))
        return false;
    CLEANUP(fd_closep)
    int group = openat(cgroups->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (group < 0)
        return false;
    get(group, "cpu.stat", text, sizeof(text));
    int64_t cpu_us = number_behind(text, "usage_usec ");
    if (cpu_us < 0)
        return false;
    get(group, "memory.peak", text, sizeof(text));
    *ret_usage = (struct cgroup_usage){.cpu_ms = cpu_us / 1000,
                                       .memory_peak_bytes = number_behind(text, "")};
    return true;
}

static void kill_all(int directory, const char *name)
{
    CLEANUP(fd_closep) int group = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group >= 0)
        (void)set(group, "cgroup.kill", "1");
}

void cgroups_kill(const struct cgroups *cgroups, const char *name)
{
    char path[NAME_MAX + 1];
    if (cgroups != NULL && write_name(name, path))
        kill_all(cgroups->directory, path);
}

void cgroups_sweep(const struct cgroups *cgroups, cgroups_used_fn *is_used, void *context)
{
    static const size_t prefix = sizeof(JOB_PREFIX) - 1;
    int fd = cgroups == NULL ? -1 : openat(cgroups->directory, ".", O_RDONLY | O_CLOEXEC);
    CLEANUP(dir_closep) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        fd_closep(&fd);
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        if (strncmp(name, JOB_PREFIX, prefix) != 0)
            continue;
        if (is_used != NULL && is_used(context, name + prefix))
            continue;
        kill_all(cgroups->directory, name);
        /* Busy until all of them are gone: then the next sweep does it. */
        (void)unlinkat(cgroups->directory, name, AT_REMOVEDIR);
    }
}
