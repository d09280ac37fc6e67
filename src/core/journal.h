/*
 * Journal: an entry of the log as journald takes it, field by field, so that one can ask for
 * BACKUP_ID=… instead of searching text.
 *
 * Fields    job -> JOB_ID, backup -> BACKUP_ID, app -> APP_ID, correlation -> CORRELATION_ID, stage
 *           and attempt -> STAGE, ATTEMPT; every other key -> APPBACKUP_<KEY>. A value with a
 *           newline goes with its length in front.
 * Limits    JOURNAL_ENTRY_MAX bytes in all: one datagram, always. A value is cut at
 *           JOURNAL_VALUE_MAX, a field that has no room is left out.
 * Source    https://systemd.io/JOURNAL_NATIVE_PROTOCOL/; systemd.exec(5) on $JOURNAL_STREAM
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum { JOURNAL_ENTRY_MAX = 16384, JOURNAL_VALUE_MAX = 4096, JOURNAL_KEY_MAX = 64 };

struct journal_entry {
    size_t len;
    char bytes[JOURNAL_ENTRY_MAX];
};

void journal_add(struct journal_entry *entry, const char *name, const char *value, size_t len);

/* Under the name that the key has in the journal. */
void journal_add_field(struct journal_entry *entry, const char *key, const char *value);

/* Is the descriptor connected to the journal, as $JOURNAL_STREAM has it ("<device>:<inode>")?
 * stream: may be NULL. */
bool journal_has(const char *stream, int fd);

/* Never waits. false: nobody is there, or too busy. Nothing stays open: a process that closes all
 * descriptors, or forks, has no part of it. */
bool journal_send(const char *socket_path, const struct journal_entry *entry);

#endif
