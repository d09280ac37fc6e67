#include "limits.h"

#include "config/config.h"
#include "core/log.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

struct limits {
    const char *config_path;
    char bucket[ID_SIZE];
    struct bandwidth *bandwidth;
    int signals;
    int stop; /* eventfd */
    pthread_t thread;
    bool running;
};

static void read_again(struct limits *limits)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {0};
    if (config_load(limits->config_path, &config, &err) != STATUS_OK) {
        log_text(LOG_LEVEL_WARNING, "limits not read again, keeping the old ones",
                 LOG_TEXT("reason", err.text));
        return;
    }
    const struct bucket_definition *bucket = config_find_bucket(config, limits->bucket);
    if (bucket == NULL)
        return; /* not ours to notice: the backup goes on where it began */
    bandwidth_set(limits->bandwidth, bucket->upload_limit, bucket->download_limit);
    log_text(LOG_LEVEL_INFO, "limits read again", LOG_TEXT("bucket", bucket->bucket.id),
             LOG_TEXT("bucket_name", bucket->bucket.name),
             LOG_NUMBER("upload_limit", bucket->upload_limit),
             LOG_NUMBER("download_limit", bucket->download_limit));
}

static void *limits_main(void *context)
{
    struct limits *limits = context;
    struct pollfd waiting[] = {{.fd = limits->signals, .events = POLLIN},
                               {.fd = limits->stop, .events = POLLIN}};
    for (;;) {
        if (poll(waiting, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (waiting[1].revents != 0)
            return NULL;
        struct signalfd_siginfo info;
        bool asked = false;
        while (read(limits->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            asked = true;
        if (asked)
            read_again(limits);
    }
}

static enum status open_descriptors(struct limits *limits, struct error *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    limits->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (limits->signals < 0)
        return FAIL_ERRNO(err, "signalfd");
    limits->stop = eventfd(0, EFD_CLOEXEC);
    if (limits->stop < 0)
        return FAIL_ERRNO(err, "eventfd");
    return STATUS_OK;
}

enum status limits_start(const char *config_path, const struct bucket_definition *bucket,
                         struct limits **ret_limits, struct error *err)
{
    CLEANUP(limits_freep) struct limits *limits = calloc(1, sizeof(*limits));
    if (limits == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "limits");
    limits->config_path = config_path;
    memcpy(limits->bucket, bucket->bucket.id, ID_SIZE);
    limits->signals = -1;
    limits->stop = -1;
    if (bandwidth_new(&limits->bandwidth, err) != STATUS_OK ||
        open_descriptors(limits, err) != STATUS_OK)
        return error_status(err);
    bandwidth_set(limits->bandwidth, bucket->upload_limit, bucket->download_limit);
    int failed = pthread_create(&limits->thread, NULL, limits_main, limits);
    if (failed != 0) {
        errno = failed;
        return FAIL_ERRNO(err, "thread of the limits");
    }
    limits->running = true;
    *ret_limits = STEAL(limits);
    return STATUS_OK;
}

void limits_free(struct limits *limits)
{
    if (limits == NULL)
        return;
    if (limits->running) {
        uint64_t one = 1;
        if (write(limits->stop, &one, sizeof(one)) == (ssize_t)sizeof(one))
            (void)pthread_join(limits->thread, NULL);
    }
    fd_closep(&limits->signals);
    fd_closep(&limits->stop);
    bandwidth_free(limits->bandwidth);
    free(limits);
}

struct bandwidth *limits_bandwidth(const struct limits *limits)
{
    return limits->bandwidth;
}
