/* Setup: what every part of the worker reads from its node: the configuration and the apps. */
#ifndef WORKER_SETUP_H
#define WORKER_SETUP_H

#include "config/config.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "places.h"
#include "store/store.h"

struct setup {
    struct config *config;
    struct config_apps *apps;
    struct places places;
};

enum status setup_load(const char *config_path, struct setup *ret_setup, struct error *err)
    MUST_CHECK;
void setup_done(struct setup *setup); /* a struct of all zeros is fine */

/* Borrows from the setup. */
struct store_options setup_store_options(const struct setup *setup);

#endif
