#include "core/clock.h"
#include "lock_file.h"
#include "repository/repository.h"
#include "repository_internal.h"

#include <poll.h>
#include <string.h>
#include <time.h>

enum {
    SETTLE_MS = 200, /* as restic: long enough for a listing to show what others wrote before */
    RENEW_MS = 5 * 60 * 1000,
    RETRY_MS = 15 * 1000,
    LOST_MS = 22 * 60 * 1000 + 30 * 1000, /* 30 min, when others may call it stale, less a margin */
    LOCK_TEXT_MAX = 64 * 1024,
    LOOKS_MAX = 4 /* for our own lock in the listing */
};

/* Time that goes on while the machine sleeps: others' clocks do. */
static int64_t boot_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct conflict_search {
    struct repository *repository;
    bool exclusive; /* what we want */
    bool remove_dead;
    const struct blob_id *own; /* NULL before it is written */
    bool own_seen;
};

static enum status fail_locked(const struct lock_file *lock, struct error *err)
{
    char since[CLOCK_TEXT_SIZE];
    clock_format((int64_t)lock->time.tv_sec * 1000, since);
    return FAIL_REASON(err, STATUS_LOCKED, REASON_REPOSITORY_LOCKED,
                       "locked%s by %s@%s, pid %d, since %s", lock->exclusive ? " exclusively" : "",
                       lock->user, lock->host, (int)lock->pid, since);
}

/* An empty one is left by a crash, and restic takes it for nothing. How long an object is shows
 * only when it is read: what a store says before may be less than it knows. */
static enum status is_empty(struct repository *repository, const char *path, bool *ret_empty,
                            struct error *err)
{
    CLEANUP(buffer_done) struct buffer stored;
    enum status status = STATUS_OK;
    buffer_init(&stored, LOCK_TEXT_MAX);
    for (int look = 0; look < 2 && status == STATUS_OK && stored.len == 0; look++) {
        if (look > 0 && object_store_look_again(repository->store, err) != STATUS_OK)
            return error_status(err);
        status = object_store_get(repository->store, path, &stored, err);
    }
    *ret_empty = status == STATUS_OK && stored.len == 0;
    return status == STATUS_TOO_LARGE ? STATUS_OK : status;
}

/* *ret_there false: it was removed while we looked, or is empty. */
static enum status load_lock(struct repository *repository, const char *id, bool *ret_there,
                             struct lock_file *ret_lock, struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    struct blob_id parsed;
    char path[OBJECT_PATH_SIZE];
    bool empty = false;
    buffer_init(&text, LOCK_TEXT_MAX);
    *ret_there = false;
    if (!blob_id_from_text(id, &parsed))
        return STATUS_OK;
    object_path(path, "locks", &parsed);
    enum status status = is_empty(repository, path, &empty, err);
    if (status == STATUS_OK && !empty)
        status = unpacked_load(repository, "locks", id, &text, err);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && empty))
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    *ret_there = true;
    return lock_file_read(text.bytes, text.len, ret_lock, err);
}

static enum status remove_lock(struct repository *repository, const struct blob_id *id,
                               struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    object_path(path, "locks", id);
    return object_store_delete(repository->store, path, err);
}

/* A lock that cannot be read may be an exclusive one: it counts as that. */
static enum status on_lock(void *context, const char *id, struct error *err)
{
    struct conflict_search *search = context;
    struct lock_file lock;
    struct blob_id parsed;
    bool there = false;
    if (!blob_id_from_text(id, &parsed))
        return STATUS_OK;
    if (search->own != NULL && memcmp(&parsed, search->own, sizeof(parsed)) == 0) {
        search->own_seen = true;
        return STATUS_OK;
    }
    enum status status = load_lock(search->repository, id, &there, &lock, err);
    if (status == STATUS_CORRUPT || status == STATUS_TOO_LARGE) {
        err->status = STATUS_LOCKED;
        return FAIL_IN(err, "a lock that cannot be read");
    }
    if (status != STATUS_OK || !there)
        return status;
    if (search->remove_dead && lock_file_is_dead(&lock))
        return remove_lock(search->repository, &parsed, err);
    if (lock.exclusive || search->exclusive)
        return fail_locked(&lock, err);
    return STATUS_OK;
}

static enum status check_conflicts(struct repository *repository, bool exclusive,
                                   const struct blob_id *own, struct error *err)
{
    struct conflict_search search = {
        .repository = repository, .exclusive = exclusive, .remove_dead = own == NULL, .own = own};
    for (int look = 1;; look++) {
        if (object_ids_list(repository->store, "locks", on_lock, &search, err) != STATUS_OK)
            return error_status(err);
        if (own == NULL || search.own_seen)
            return STATUS_OK;
        if (look == LOOKS_MAX) {
            return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                               "the bucket does not list our lock, which was stored: it may hide "
                               "those of others as well");
        }
        if (object_store_look_again(repository->store, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status write_lock(struct repository *repository, bool exclusive, struct blob_id *ret_id,
                              struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    buffer_init(&text, LOCK_TEXT_MAX);
    if (lock_file_write(exclusive, &text, err) != STATUS_OK)
        return error_status(err);
    return unpacked_save(repository, "locks", text.bytes, text.len, ret_id, err);
}

/* The wait that lets a lock written at the same time become visible; ends early on cancel. */
static enum status wait_until(int64_t deadline, const struct cancel *cancel, struct error *err)
{
    struct pollfd descriptor = {.fd = cancel == NULL ? -1 : cancel->fd, .events = POLLIN};
    while (clock_left_ms(deadline) > 0) {
        if (poll(&descriptor, 1, clock_left_ms(deadline)) < 0 && errno != EINTR)
            return FAIL_ERRNO(err, "poll");
        if (cancel_check(cancel, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status repository_check_locks(struct repository *repository, bool exclusive, struct error *err)
{
    if (check_conflicts(repository, exclusive, NULL, err) != STATUS_OK)
        return FAIL_IN(err, "locks of the repository");
    return STATUS_OK;
}

enum status repository_start_lock(struct repository *repository, bool exclusive,
                                  const struct cancel *cancel, struct error *err)
{
    struct blob_id id;
    if (repository->lock.held)
        return FAIL(err, STATUS_CONFLICT, "lock repository: this handle has it locked already");
    int64_t now = boot_ms();
    if (cancel_check(cancel, err) != STATUS_OK ||
        check_conflicts(repository, exclusive, NULL, err) != STATUS_OK ||
        write_lock(repository, exclusive, &id, err) != STATUS_OK)
        return FAIL_IN(err, "lock repository");
    repository->lock = (struct held_lock){
        .held = true,
        .exclusive = exclusive,
        .id = id,
        .settled_ms = clock_mono_ms() + SETTLE_MS,
        .renewed_ms = now,
        .tried_ms = now,
    };
    return STATUS_OK;
}

enum status repository_finish_lock(struct repository *repository, const struct cancel *cancel,
                                   struct error *err)
{
    struct held_lock *lock = &repository->lock;
    struct error ignored = {0};
    if (!lock->held)
        return FAIL(err, STATUS_CONFLICT, "lock repository: it was not begun");
    if (wait_until(lock->settled_ms, cancel, err) == STATUS_OK &&
        check_conflicts(repository, lock->exclusive, &lock->id, err) == STATUS_OK)
        return STATUS_OK;
    if (remove_lock(repository, &lock->id, &ignored) != STATUS_OK) {
        /* Whoever locks next on this host removes it, once this process is gone. */
    }
    lock->held = false;
    return FAIL_IN(err, "lock repository");
}

enum status repository_lock(struct repository *repository, bool exclusive,
                            const struct cancel *cancel, struct error *err)
{
    if (repository_start_lock(repository, exclusive, cancel, err) != STATUS_OK)
        return error_status(err);
    return repository_finish_lock(repository, cancel, err);
}

/* Somebody may have removed it by force, and pruned: what we rely on may be gone. */
static enum status check_still_there(struct repository *repository, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    bool gone = false;
    object_path(path, "locks", &repository->lock.id);
    if (object_store_is_gone(repository->store, path, &gone, err) != STATUS_OK)
        return error_status(err);
    if (gone)
        return FAIL_REASON(err, STATUS_LOST, REASON_REPOSITORY_LOCK_LOST,
                           "somebody removed our lock of the repository");
    return STATUS_OK;
}

/* The new one first: at no time is there none. */
static enum status renew(struct repository *repository, struct error *err)
{
    struct blob_id id;
    struct blob_id old = repository->lock.id;
    int64_t now = boot_ms();
    if (check_still_there(repository, err) != STATUS_OK ||
        write_lock(repository, repository->lock.exclusive, &id, err) != STATUS_OK)
        return error_status(err);
    repository->lock.id = id;
    repository->lock.renewed_ms = now;
    return remove_lock(repository, &old, err);
}

enum status repository_refresh_lock(struct repository *repository, struct error *err)
{
    struct held_lock *lock = &repository->lock;
    if (!lock->held)
        return FAIL(err, STATUS_CONFLICT, "renew lock: none is held");
    int64_t now = boot_ms();
    int64_t age_ms = now - lock->renewed_ms;
    bool tried_since = lock->tried_ms > lock->renewed_ms && now - lock->tried_ms < RETRY_MS;
    long long minutes = (long long)age_ms / 60000;
    if (age_ms >= LOST_MS)
        return FAIL_REASON(err, STATUS_LOST, REASON_REPOSITORY_LOCK_LOST,
                           "the repository's lock could not be renewed for %lld min", minutes);
    if (age_ms < RENEW_MS || tried_since)
        return STATUS_OK;
    lock->tried_ms = now;
    enum status status = renew(repository, err);
    if (status == STATUS_LOST)
        return status;
    return STATUS_OK; /* there is time left to try again */
}

enum status repository_unlock(struct repository *repository, struct error *err)
{
    if (!repository->lock.held)
        return STATUS_OK;
    if (remove_lock(repository, &repository->lock.id, err) != STATUS_OK)
        return FAIL_IN(err, "unlock repository");
    repository->lock.held = false;
    return STATUS_OK;
}
