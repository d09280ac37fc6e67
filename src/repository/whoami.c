#include "whoami.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void whoami(struct whoami *ret_me)
{
    memset(ret_me, 0, sizeof(*ret_me));
    if (gethostname(ret_me->host, WHOAMI_MAX) != 0)
        (void)snprintf(ret_me->host, sizeof(ret_me->host), "localhost");

    struct passwd entry;
    struct passwd *found = NULL;
    char strings[4096];
    uid_t uid = geteuid();
    if (getpwuid_r(uid, &entry, strings, sizeof(strings), &found) == 0 && found != NULL)
        (void)snprintf(ret_me->user, sizeof(ret_me->user), "%.*s", WHOAMI_MAX, entry.pw_name);
    else
        (void)snprintf(ret_me->user, sizeof(ret_me->user), "%u", (unsigned)uid);
}
