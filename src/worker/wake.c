#include "core/log.h"
#include "supervisor.h"

void supervisor_open_wake(struct supervisor *supervisor)
{
    if (supervisor->wake != NULL || supervisor->stopping || supervisor->away ||
        !supervisor_is_due(supervisor, &supervisor->wake_ms, SUPERVISOR_RETRY_MS))
        return;
    struct store_options options = node_config_store_options(&supervisor->node);
    struct error err = {0};
    if (store_wake_open(&options, supervisor->node.config->node, &supervisor->wake, &err) !=
        STATUS_OK)
        log_text(LOG_LEVEL_WARNING, "no wake-ups, looking for work every second",
                 LOG_TEXT("reason", err.text));
    supervisor->claim_ms = 0; /* what was queued before we listened */
}

void supervisor_close_wake(struct supervisor *supervisor)
{
    store_wake_close(supervisor->wake);
    supervisor->wake = NULL;
}

void supervisor_on_wake(struct supervisor *supervisor)
{
    bool woken = false;
    struct error err = {0};
    if (store_wake_drain(supervisor->wake, &woken, &err) != STATUS_OK)
        supervisor_close_wake(supervisor);
    else if (woken)
        supervisor->claim_ms = 0;
}
