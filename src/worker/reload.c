#include "core/log.h"
#include "model/event.h"
#include "service/notify.h"
#include "supervisor.h"

#include <signal.h>
#include <string.h>

/* What the running processes, locks and records are bound to cannot change under them. */
static enum status check_reload(const struct node_config *old, const struct node_config *new,
                                struct error *err)
{
    if (strcmp(old->config->node, new->config->node) != 0)
        return FAIL(err, STATUS_INVALID, "'node' cannot change while the worker runs");
    if (strcmp(old->config->state_directory, new->config->state_directory) != 0)
        return FAIL(err, STATUS_INVALID, "'state_directory' cannot change while the worker runs");
    return STATUS_OK;
}

static enum status load_again(struct supervisor *supervisor, struct node_config *new,
                              struct store **ret, struct error *err)
{
    if (check_reload(&supervisor->node, new, err) != STATUS_OK ||
        config_check_volumes(new->config, new->apps, err) != STATUS_OK)
        return error_status(err);
    if (slots_grow(&supervisor->slots, (size_t) new->config->worker.slots, err) != STATUS_OK)
        return error_status(err);
    struct store_options options = node_config_store_options(new);
    return store_open(&options, ret, err);
}

static void read_again(struct supervisor *supervisor)
{
    struct node_config new = {0};
    struct store *store = NULL;
    struct error err = {0};
    if (node_config_load(supervisor->config_path, &new, &err) != STATUS_OK ||
        load_again(supervisor, &new, &store, &err) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, EVENT_CONFIG_REFUSED, LOG_TEXT("code", err.reason),
                  LOG_TEXT("reason", err.text), LOG_TEXT("kept", "the old one"));
        notify_status("not reloaded, the old configuration stays: see the log");
        node_config_done(&new);
        return;
    }
    supervisor_close_wake(supervisor);
    store_close(supervisor->store); /* it borrows the password of the configuration that goes */
    node_config_done(&supervisor->node);
    supervisor->store = store;
    supervisor->node = new;
    supervisor->register_ms = 0;
    supervisor->claim_ms = 0;
    supervisor->wake_ms = 0;
    supervisor_signal_jobs(supervisor, SIGUSR1);
    log_event(LOG_LEVEL_NOTICE, EVENT_CONFIG_READ, LOG_NUMBER("apps", (int64_t) new.apps->count),
              LOG_NUMBER("slots", new.config->worker.slots));
}

/* The service manager is told that the reload is over, whether or not it went well; the log says
 * whether it did, and what is wrong. */
void supervisor_reload(struct supervisor *supervisor)
{
    notify_reloading();
    read_again(supervisor);
    notify_ready();
}
