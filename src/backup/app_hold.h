/*
 * App hold: the stages in which the application is touched, and how it is let go again.
 *
 *   pre-backup     owes post-backup     the record is written first
 *   pre-snapshot   owes post-snapshot   and, in the same write, the snapshots that will be taken
 *   snapshot       taken_ms
 *   post-snapshot  pays; from here on the application is free
 *   cleanup        removes the snapshots and the repository's lock
 *   post-backup    pays
 *
 * Paying fails no backup that is committed; what is still owed then stays in the record. The owner
 * is the backup's context.
 */
#ifndef BACKUP_APP_HOLD_H
#define BACKUP_APP_HOLD_H

#include "core/error.h"

enum status app_hold_pre_backup(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_pre_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_post_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_cleanup(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_post_backup(void *owner, struct error *err) MUST_CHECK;

void app_hold_undo_pre_backup(void *owner);
void app_hold_undo_pre_snapshot(void *owner);

#endif
