#include "listener_check.h"

#include "config/credentials.h"
#include "http/server.h"

static enum status check_one(const struct config *config, size_t index, struct error *err)
{
    const struct config_listener *listener = &config->http.listeners[index];
    if (listener->certificate == NULL || !config_may_read(listener->certificate))
        return STATUS_OK;
    if (http_certificate_check(listener->certificate, err) != STATUS_OK)
        return config_refuse(config->document, err, "http.listeners[%zu].certificate", index);
    if (!config_may_read(listener->key))
        return STATUS_OK;
    if (http_key_check(listener->certificate, listener->key, err) != STATUS_OK)
        return config_refuse(config->document, err, "http.listeners[%zu].key", index);
    return STATUS_OK;
}

enum status listener_check(const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->http.listener_count; i++)
        if (check_one(config, i, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}
