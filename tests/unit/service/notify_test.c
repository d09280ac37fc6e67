#include "service/notify.h"

#include "core/cleanup.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct scratch scratch;
static int manager = -1; /* the service manager's end */
static char heard[1024];

static void set_up(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    scratch_open(&scratch);
    strcpy(address.sun_path, scratch_path(&scratch, "notify"));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(manager, (struct sockaddr *)&address, sizeof(address)) == 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static void tear_down(void)
{
    close(manager);
    scratch_close(&scratch);
}

TestSuite(notify, .init = set_up, .fini = tear_down);

/* "" when nothing was said. */
static char *hear(void)
{
    ssize_t len = recv(manager, heard, sizeof(heard) - 1, MSG_DONTWAIT);
    heard[len > 0 ? len : 0] = '\0';
    return heard;
}

Test(notify, says_what_systemd_understands)
{
    cr_expect(notify_is_on());
    notify_ready();
    cr_expect(eq(str, hear(), "READY=1"));
    notify_reloading();
    cr_expect(strncmp(hear(), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
    cr_expect(atoll(heard + 27) > 0);
    notify_stopping(1500);
    cr_expect(eq(str, hear(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000"));
    notify_patience(20000);
    cr_expect(eq(str, hear(), "EXTEND_TIMEOUT_USEC=20000000"));
    notify_alive();
    cr_expect(eq(str, hear(), "WATCHDOG=1"));
}

Test(notify, keeps_a_status_to_one_line)
{
    char text[2 * NOTIFY_STATUS_MAX];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    notify_status("2 running\nREADY=1\x7f");
    cr_expect(eq(str, hear(), "STATUS=2 running READY=1 "));
    notify_status(text);
    cr_expect(eq(sz, strlen(hear()), strlen("STATUS=") + NOTIFY_STATUS_MAX));
}

Test(notify, knows_what_the_watchdog_wants)
{
    cr_expect(eq(i64, notify_watchdog_ms(), 0));
    setenv("WATCHDOG_USEC", "60000000", 1);
    cr_expect(eq(i64, notify_watchdog_ms(), 60000));
    setenv("WATCHDOG_PID", "1", 1);
    cr_expect(eq(i64, notify_watchdog_ms(), 0)); /* somebody else is meant */
}

Test(notify, says_nothing_where_nobody_listens)
{
    setenv("WATCHDOG_USEC", "60000000", 1);

    notify_disown();
    notify_ready();

    cr_expect(not(notify_is_on()));
    cr_expect(eq(i64, notify_watchdog_ms(), 0));
    cr_expect(eq(str, hear(), ""));
}
