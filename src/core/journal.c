#include "journal.h"

#include "core/cleanup.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Whole or not at all. */
static void add_bytes(struct journal_entry *entry, const char *const parts[], const size_t lens[],
                      size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += lens[i];
    if (total > sizeof(entry->bytes) - entry->len)
        return;
    for (size_t i = 0; i < count; i++) {
        memcpy(entry->bytes + entry->len, parts[i], lens[i]);
        entry->len += lens[i];
    }
}

void journal_add(struct journal_entry *entry, const char *name, const char *value, size_t len)
{
    if (len > JOURNAL_VALUE_MAX)
        len = JOURNAL_VALUE_MAX;
    uint64_t size = htole64(len);
    char binary[sizeof(size)];
    memcpy(binary, &size, sizeof(size));
    if (memchr(value, '\n', len) == NULL) {
        add_bytes(entry, (const char *const[]){name, "=", value, "\n"},
                  (const size_t[]){strlen(name), 1, len, 1}, 4);
        return;
    }
    add_bytes(entry, (const char *const[]){name, "\n", binary, value, "\n"},
              (const size_t[]){strlen(name), 1, sizeof(binary), len, 1}, 5);
}

static void name_of(const char *key, char name[JOURNAL_KEY_MAX])
{
    static const struct {
        const char *key, *name;
    } known[] = {
        {"job", "JOB_ID"},  {"backup", "BACKUP_ID"}, {"app", "APP_ID"},
        {"stage", "STAGE"}, {"attempt", "ATTEMPT"},  {"correlation", "CORRELATION_ID"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].key, key) == 0) {
            (void)snprintf(name, JOURNAL_KEY_MAX, "%s", known[i].name);
            return;
        }
    }
    (void)snprintf(name, JOURNAL_KEY_MAX, "APPBACKUP_%s", key);
    for (char *c = name; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
}

void journal_add_field(struct journal_entry *entry, const char *key, const char *value)
{
    char name[JOURNAL_KEY_MAX];
    name_of(key, name);
    journal_add(entry, name, value, strlen(value));
}

bool journal_has(const char *stream, int fd)
{
    struct stat info;
    char seen[64];
    if (stream == NULL || fstat(fd, &info) != 0)
        return false;
    (void)snprintf(seen, sizeof(seen), "%llu:%llu", (unsigned long long)info.st_dev,
                   (unsigned long long)info.st_ino);
    return strcmp(seen, stream) == 0;
}

bool journal_send(const char *socket_path, const struct journal_entry *entry)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(socket_path);
    if (len >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, socket_path, len + 1);
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    return sendto(fd, entry->bytes, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof(address)) == (ssize_t)entry->len;
}
