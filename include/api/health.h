/*
 * Health: whether the service is ready, and what keeps it from that. Probes ask without a token, by
 * /healthz and /readyz; the front end asks for its log and its service manager.
 */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "core/error.h"
#include "http/server.h"
#include "store/replies.h"

#include <stddef.h>

/* The handlers; context is the struct api. */
http_handler_fn health_live;
http_handler_fn health_ready;

enum { API_REDIS_MAJOR_MIN = 7, API_REDIS_FAULTS_MAX = 3 };

/* Why this Redis may lose what it was told: what /readyz says, for the log as well. Returns their
 * number. */
size_t api_redis_faults(const struct store_health *health,
                        enum reason faults[API_REDIS_FAULTS_MAX]);

/* What makes the service not ready, in words for people: one of these, REASON_REDIS_UNAVAILABLE or
 * REASON_WORKER_ABSENT. */
const char *api_fault_text(enum reason fault);

#endif
