/*
 * Warnings: files and mounts that a backup goes on without. The first few are named among the state
 * details, the others are counted there.
 */
#ifndef BACKUP_WARNINGS_H
#define BACKUP_WARNINGS_H

#include "core/error.h"

#include <jansson.h>

#include <stddef.h>

enum { WARNINGS_NAMED_MAX = 16 };

enum warning {
    WARNING_UNREADABLE, /* reason "file_unreadable" */
    WARNING_VANISHED,   /* "file_vanished" */
    WARNING_CHANGED,    /* "file_changed": another kind of file than a moment ago */
    WARNING_GAP,        /* "file_not_in_snapshot" */
    WARNING_TOO_LARGE,  /* "file_too_large" */
    WARNING_ATTRIBUTES, /* "attributes_unreadable": backed up, but for some of these */
    WARNING_MOUNT,      /* "mount_skipped": warnings_add_mount() */
    WARNING_COUNT
};

struct warnings {
    json_t *details; /* borrowed */
    size_t count[WARNING_COUNT];
};

/* WARNING_UNREADABLE or WARNING_VANISHED, by the status. */
enum warning warning_of(const struct error *cause);

void warnings_add(struct warnings *warnings, enum warning kind, const char *path,
                  const struct error *cause);

/* Warns of a mount that is left out, and says what to do about it. */
void warnings_add_mount(struct warnings *warnings, const char *path);

/* Adds one entry, reason "files_skipped", for those that were not named. */
void warnings_finish(struct warnings *warnings);

#endif
