#include "key_channel.h"

#include <string.h>
#include <sys/socket.h>

enum status key_channel_open(const struct stage_key *key, int ends[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return FAIL_ERRNO(err, "a channel for keys");
    key_channel_give(ends[0], key);
    return STATUS_OK;
}

void key_channel_take(int end, struct stage_key *ret_key)
{
    unsigned char bytes[STAGE_KEY_BYTES + 1];
    ssize_t got = end < 0 ? -1 : recv(end, bytes, sizeof(bytes), MSG_DONTWAIT);
    *ret_key = (struct stage_key){.known = got == STAGE_KEY_BYTES};
    if (ret_key->known)
        memcpy(ret_key->bytes, bytes, STAGE_KEY_BYTES);
    explicit_bzero(bytes, sizeof(bytes));
}

void key_channel_give(int end, const struct stage_key *key)
{
    if (end < 0 || !key->known)
        return;
    if (send(end, key->bytes, STAGE_KEY_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        /* The next job derives it once more. */
    }
}
