#include "core/point.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct point point;
static pthread_mutex_t point_mutex = PTHREAD_MUTEX_INITIALIZER; /* of point.left */

bool point_parse(const char *text, struct point *ret_point)
{
    struct point parsed = {0};
    if (strncmp(text, "kill:", 5) == 0)
        parsed.signal = SIGKILL;
    else if (strncmp(text, "stop:", 5) == 0)
        parsed.signal = SIGSTOP;
    else
        return false;
    const char *name = text + 5;
    const char *colon = strchr(name, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - name);
    if (len == 0 || len >= sizeof(parsed.name))
        return false;
    memcpy(parsed.name, name, len);
    char *end = NULL;
    parsed.left = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || parsed.left < 1)
        return false;
    *ret_point = parsed;
    return true;
}

bool point_read_file(const char *path, char text[POINT_TEXT_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, POINT_TEXT_SIZE - 1);
    (void)close(fd);
    if (len < 0)
        return false;
    text[len] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

bool point_reached(struct point *at, const char *name)
{
    return at->signal != 0 && strcmp(at->name, name) == 0 && --at->left == 0;
}

void point_arm(const char *text)
{
    (void)point_parse(text, &point);
}

static void arm_from_file(const char *path)
{
    char text[POINT_TEXT_SIZE];
    if (point_read_file(path, text))
        point_arm(text);
}

__attribute__((constructor)) static void read_point(void)
{
    const char *text = secure_getenv("APPBACKUP_POINT");
    if (text != NULL && text[0] == '@')
        arm_from_file(text + 1);
    else if (text != NULL)
        point_arm(text);
}

void point_pass(const char *name)
{
    if (point.signal == 0)
        return;
    (void)pthread_mutex_lock(&point_mutex);
    bool reached = point_reached(&point, name);
    (void)pthread_mutex_unlock(&point_mutex);
    if (reached)
        (void)kill(getpid(), point.signal);
}
