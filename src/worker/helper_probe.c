/*
 * Probe: finds out whether the node's S3 buckets can be used, and registers the answer for each in
 * Redis as soon as it is known. A server may hang, so the supervisor must not ask it.
 */
#include "access/bucket.h"
#include "core/log.h"
#include "helper_process.h"
#include "model/event.h"
#include "registration.h"
#include "store/blocking.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_SOME_FAILED = 1, EXIT_NOT_TOLD = 2 };

bool helper_probe_is_needed(const struct node_config *node, const struct slots *slots)
{
    (void)slots;
    for (size_t i = 0; i < node->config->bucket_count; i++)
        if (bucket_provider_is_s3(node->config->buckets[i].bucket.provider))
            return true;
    return false;
}

static enum status tell(const struct node_config *node, const struct bucket_definition *definition,
                        enum bucket_state state, const struct error *cause, struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(node);
    if (store_open(&options, &store, err) != STATUS_OK)
        return error_status(err);
    return registration_tell_bucket(store, definition, state, cause, err);
}

/* Returns the exit code. */
static int probe(const struct node_config *node, const struct bucket_definition *definition)
{
    struct error cause = {0};
    struct error err = {0};
    bool failed = access_bucket_probe(definition, &cause) != STATUS_OK;
    if (failed) {
        log_event(LOG_LEVEL_WARNING, EVENT_BUCKET_FAILED, LOG_TEXT("bucket", definition->bucket.id),
                  LOG_TEXT("bucket_name", definition->bucket.name), LOG_TEXT("code", cause.reason),
                  LOG_TEXT("reason", cause.text));
    }
    enum bucket_state state = failed ? BUCKET_FAILED : BUCKET_AVAILABLE;
    if (tell(node, definition, state, failed ? &cause : NULL, &err) != STATUS_OK) {
        log_text(LOG_LEVEL_WARNING, "state of a bucket not told",
                 LOG_TEXT("bucket", definition->bucket.id),
                 LOG_TEXT("bucket_name", definition->bucket.name), LOG_TEXT("code", err.reason),
                 LOG_TEXT("reason", err.text));
        return EXIT_NOT_TOLD;
    }
    return failed ? EXIT_SOME_FAILED : EXIT_SUCCESS;
}

int helper_probe_buckets(const struct node_config *node)
{
    int code = EXIT_SUCCESS;
    for (size_t i = 0; i < node->config->bucket_count; i++) {
        const struct bucket_definition *definition = &node->config->buckets[i];
        if (!bucket_provider_is_s3(definition->bucket.provider))
            continue;
        int own = probe(node, definition);
        code = own > code ? own : code;
    }
    return code;
}
