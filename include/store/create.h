/*
 * Create: a backup that is asked for, as store_call_backup_create() takes it, and as it is known
 * before the reply has come.
 *
 * Ownership All is borrowed.
 */
#ifndef STORE_CREATE_H
#define STORE_CREATE_H

#include "core/error.h"
#include "model/backup.h"

/* What is asked for; ids are new and random. */
struct store_backup_create {
    const char *id;
    const char *job;
    const char *account;
    const char *app;
    const char *created_by;
    const struct backup_request *request; /* name "" becomes "backup-<UTC time>-<8 digits of id>" */
};

/* The backup that is asked for, for the reply to be added. Caller: backup_done(). */
enum status store_backup_wanted(const struct store_backup_create *create, struct backup *ret_backup,
                                struct error *err) MUST_CHECK;

#endif
