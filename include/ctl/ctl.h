/* The admin's commands. main/appbackupctl.c only calls this. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "ctl/types.h"

int ctl_run(int argc, char **argv, ctl_check_fn *check);

#endif
