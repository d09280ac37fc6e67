/*
 * Wake-ups: a connection of its own that hears when a node should look into its queue. It is only a
 * hint: whoever misses one finds the job at the next regular claim.
 *
 * Flow      Poll store_wake_fd() for reading, then drain.
 * Errors    as store/store.h.
 */
#ifndef STORE_WAKE_H
#define STORE_WAKE_H

#include "core/cleanup.h"
#include "core/error.h"
#include "store/options.h"

#include <stdbool.h>

struct store_wake;

enum status store_wake_open(const struct store_options *options, const char *node,
                            struct store_wake **ret_wake, struct error *err) MUST_CHECK;
int store_wake_fd(const struct store_wake *wake);
/* Reads what is there, without blocking. *ret_woken: a message was among it. Errors: UNAVAILABLE,
 * the connection is gone: close and open again. */
enum status store_wake_drain(struct store_wake *wake, bool *ret_woken, struct error *err)
    MUST_CHECK;
void store_wake_close(struct store_wake *wake);
DEFINE_CLEANUP(struct store_wake *, store_wake_close)

#endif
