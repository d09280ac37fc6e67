/*
 * Tags: what a snapshot says of the backup that it is, in the words of restic, so that backups can
 * be found again when every record of them is lost.
 *
 * Shapes    appbackup, backup=<id>, name=<name>, app=<app's name>, account=<id>,
 *           by=<id of who asked>, version=<of the request>, and if there are labels,
 *           labels=<JSON array of {name, value}>
 */
#ifndef ACCESS_TAGS_H
#define ACCESS_TAGS_H

#include "repository/snapshot.h"

enum { TAG_SIZE = 128 }; /* of all but the labels */

#define TAG_BACKUP  "backup="
#define TAG_NAME    "name="
#define TAG_APP     "app="
#define TAG_ACCOUNT "account="
#define TAG_BY      "by="
#define TAG_VERSION "version="
#define TAG_LABELS  "labels="

/* name: one of those; the text is the tag's. */
void tag_write(const char *name, const char *value, char tag[TAG_SIZE]);

/* What the snapshot's tag of this name says; NULL: it has none. */
const char *tag_value(const struct repository_snapshot *snapshot, const char *name);

#endif
