/* Who writes: the names that keys, locks and snapshots carry. */
#ifndef REPOSITORY_WHOAMI_H
#define REPOSITORY_WHOAMI_H

enum { WHOAMI_MAX = 256 };

struct whoami {
    char host[WHOAMI_MAX + 1]; /* gethostname(2) */
    char user[WHOAMI_MAX + 1]; /* of the effective user id; its number if it has no name */
};

void whoami(struct whoami *ret_me);

#endif
