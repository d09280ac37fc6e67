#include "service/sockets.h"

#include <systemd/sd-daemon.h>

struct sockets sockets_take(void)
{
    int count = sd_listen_fds(1);
    return (struct sockets){.first = SD_LISTEN_FDS_START, .count = count > 0 ? (size_t)count : 0};
}
