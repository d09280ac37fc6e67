#include "ctl/ctl.h"
#include "listener_check.h"
#include "worker/worker.h"

static enum status check(const struct config *config, const struct config_apps *apps,
                         struct error *err)
{
    if (listener_check(config, err) != STATUS_OK)
        return error_status(err);
    return worker_check_loaded(config, apps, err);
}

int main(int argc, char **argv)
{
    return ctl_run(argc, argv, check);
}
