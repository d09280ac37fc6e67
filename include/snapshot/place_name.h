/* The names of the directories that hold snapshots. */
#ifndef SNAPSHOT_PLACE_NAME_H
#define SNAPSHOT_PLACE_NAME_H

#include <stdbool.h>

#define SNAPSHOT_PLACE_PREFIX ".appbackup-"

/* "<uuid>-<number>": the job's id and the volume's number. */
bool snapshot_id_is_valid(const char *text);

/* Is this directory entry one of our snapshots, which a walk must not enter? True for
 * ".appbackup-<uuid>-<number>" alone, so that ".appbackup-notes" of a user is backed up. */
bool snapshot_is_ours(const char *name);

#endif
