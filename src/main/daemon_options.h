/* Daemon options: the command line of appbackupd. */
#ifndef MAIN_DAEMON_OPTIONS_H
#define MAIN_DAEMON_OPTIONS_H

#include "service/notify.h"

/* The numbers are those of sysexits(3): systemd does not restart after a wrong configuration. */
enum { DAEMON_EXIT_USAGE = 64, DAEMON_EXIT_CONFIG = 78 };

enum daemon_action { DAEMON_SERVE, DAEMON_CHECK, DAEMON_HELP, DAEMON_VERSION, DAEMON_WRONG };

struct daemon_options {
    enum daemon_action action;
    const char *config;
    const char *state_directory; /* NULL: not standalone */
    const char *listen;          /* NULL: as configured */
    const char *app_directory;   /* NULL: below the state directory */
    struct sockets sockets;      /* not from the command line: set by main */
};

extern const char daemon_help[];

/* Borrows argv. A wrong usage is reported on stderr and gives DAEMON_WRONG. */
struct daemon_options daemon_options_read(int argc, char **argv);

#endif
