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

#include "core/error.h"
#include "repository/snapshot.h"

#include <jansson.h>

enum {
    TAG_SIZE = 128, /* for all but the labels */
    TAGS_MAX = 8    /* of a backup; a snapshot that was changed may have any number */
};

#define TAG_MARK    "appbackup" /* of all backups */
#define TAG_BACKUP  "backup="
#define TAG_NAME    "name="
#define TAG_APP     "app="
#define TAG_ACCOUNT "account="
#define TAG_BY      "by="
#define TAG_VERSION "version="
#define TAG_LABELS  "labels="

/* Writes one tag; name is one of those above. */
void tag_write(const char *name, const char *value, char tag[TAG_SIZE]);

/* What the snapshot's tag of this name says; NULL: it has none. */
const char *tag_value(const struct repository_snapshot *snapshot, const char *name);

/* What the tags of a backup say. Everything is borrowed. */
struct tag_words {
    const char *backup; /* id */
    const char *name;
    const char *app_name;
    const char *account;    /* id */
    const char *created_by; /* id; NULL, like the next two: not told */
    const char *version;
    const json_t *labels;
};

/* The memory of a snapshot's tags. */
struct tags {
    char backup[TAG_SIZE], name[TAG_SIZE], app[TAG_SIZE];
    char account[TAG_SIZE], by[TAG_SIZE], version[TAG_SIZE];
    char *labels; /* owned */
    const char *list[TAGS_MAX + 1];
};

/* Gives the snapshot the tags of a backup; it borrows them from *ret_tags, which stays where it is:
 * tags_done(). */
enum status tags_set(const struct tag_words *words, struct tags *ret_tags,
                     struct repository_snapshot *snapshot, struct error *err) MUST_CHECK;
void tags_done(struct tags *tags); /* all zeros is fine */

#endif
