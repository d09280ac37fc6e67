#include "inplace.h"

#include "core/clock.h"
#include "core/directory.h"
#include "core/point.h"
#include "model/detail.h"
#include "room.h"
#include "undo/unwind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status init_record(struct restore *restore, struct error *err)
{
    const struct app_definition *app = restore->operation.app;
    struct undo_record *record = &restore->operation.record;
    record->hooks[HOOK_POST_RESTORE] = app->hooks[HOOK_POST_RESTORE];
    if (record->since_ms == 0)
        record->since_ms = clock_wall_ms();
    if (record->phase == RESTORE_SWAPPED)
        return STATUS_OK; /* by what was excluded when it began */
    record->exclude_caches = app->exclude_caches;
    return undo_record_set_excludes(record, app->excludes, err);
}

/* The predecessor's places, if they are for what we restore. */
static void adopt(struct restore *restore, struct undo_record *left)
{
    struct undo_record *record = &restore->operation.record;
    if (strcmp(left->backup, restore->operation.backup) != 0)
        return;
    record->phase = left->phase;
    record->since_ms = left->since_ms;
    record->places = left->places;
    record->place_count = left->place_count;
    record->excludes = left->excludes;
    record->exclude_caches = left->exclude_caches;
    record->carried = left->carried;
    left->places = NULL;
    left->place_count = 0;
    left->excludes = NULL;
}

static enum status check_left(struct restore *restore, bool *ret_swapped, struct error *err)
{
    const struct operation *operation = &restore->operation;
    struct undo_record left = {0};
    enum status status = undo_record_read(operation->undo_directory, operation->job, &left, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (left.phase == RESTORE_SWAP) {
        undo_record_done(&left);
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_EXCHANGE_NOT_UNDONE,
                           "an earlier attempt's exchange could not be taken back");
    }
    restore->operation.recorded = true;
    restore->operation.record.owed[HOOK_POST_RESTORE] = left.owed[HOOK_POST_RESTORE];
    adopt(restore, &left);
    undo_record_done(&left);
    *ret_swapped = restore->operation.record.phase == RESTORE_SWAPPED;
    return STATUS_OK;
}

enum status inplace_take_over(struct restore *restore, bool *ret_swapped, struct error *err)
{
    *ret_swapped = false;
    operation_pay_predecessor(&restore->operation);
    if (check_left(restore, ret_swapped, err) != STATUS_OK)
        return error_status(err);
    return init_record(restore, err);
}

enum status inplace_pre_restore(void *owner, struct error *err)
{
    struct restore *restore = owner;
    struct operation *operation = &restore->operation;
    operation->record.owed[HOOK_POST_RESTORE] = true;
    if (operation_write_record(operation, err) != STATUS_OK) {
        operation->record.owed[HOOK_POST_RESTORE] = false; /* nothing has run yet */
        return error_status(err);
    }
    return operation_run_hooks(operation, HOOK_PRE_RESTORE, HOOK_REASON_RESTORE, err);
}

/* Is this what the predecessor began with? */
static bool same_places(const struct undo_record *record, const struct undo_place *places,
                        size_t count)
{
    if (record->place_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(record->places[i].volume, places[i].volume) != 0 ||
            record->places[i].inside != places[i].inside)
            return false;
    }
    return true;
}

static enum status plan_places(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->operation.record;
    size_t count = 0;
    if (operation_check_volumes(&restore->operation, &count, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(free_any) struct undo_place *places = calloc(count, sizeof(*places));
    if (places == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", count);
    for (size_t i = 0; i < count; i++)
        if (undo_place_plan(restore->operation.app->volumes[i], &places[i], err) != STATUS_OK)
            return error_status(err);
    if (same_places(record, places, count)) {
        for (size_t i = 0; i < count; i++)
            record->places[i].old = places[i].old;
        return STATUS_OK;
    }
    if (unwind_places(record, true, err) != STATUS_OK)
        return error_status(err);
    free(record->places);
    record->places = STEAL(places);
    record->place_count = count;
    record->phase = RESTORE_BESIDE;
    return STATUS_OK;
}

/* What was made is noted before anything comes into it: only by that it is known again. */
static enum status open_places(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->operation.record;
    restore->place_fds = calloc(record->place_count, sizeof(*restore->place_fds));
    if (restore->place_fds == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", record->place_count);
    for (size_t i = 0; i < record->place_count; i++) {
        if (undo_place_open(&record->places[i], record->job, &restore->place_fds[i], err) !=
            STATUS_OK)
            return error_status(err);
        restore->place_fd_count++;
    }
    return operation_write_record(&restore->operation, err);
}

enum status inplace_look_for_room(struct restore *restore, bool before_hooks, struct error *err)
{
    if (restore->operation.record.place_count > 0 || restore->room_is_sure)
        return STATUS_OK;
    return room_check(restore, before_hooks, &restore->room_is_sure, err);
}

enum status inplace_plan(struct restore *restore, struct error *err)
{
    const struct undo_record *record = &restore->operation.record;
    if (inplace_look_for_room(restore, false, err) != STATUS_OK ||
        plan_places(restore, err) != STATUS_OK ||
        operation_write_record(&restore->operation, err) != STATUS_OK ||
        open_places(restore, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < record->place_count; i++) {
        const char *volume = record->places[i].volume;
        if (restore_plan_tree(restore, restore->place_fds[i], volume, err) != STATUS_OK)
            return FAIL_IN(err, "volume '%s'", volume);
    }
    return STATUS_OK;
}

/* Durable before it is live: after a power cut the new must be whole, the old is on its way out. */
static enum status sync_places(struct restore *restore, struct error *err)
{
    for (size_t i = 0; i < restore->place_fd_count; i++) {
        if (operation_report(&restore->operation, err) != STATUS_OK)
            return error_status(err);
        if (syncfs(restore->place_fds[i]) != 0)
            return FAIL_ERRNO(err, "sync volume '%s'", restore->operation.record.places[i].volume);
    }
    return STATUS_OK;
}

static enum status swap_places(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->operation.record;
    for (size_t i = 0; i < record->place_count; i++) {
        point_pass("exchange");
        if (undo_place_swap(&record->places[i], record->job, err) != STATUS_OK)
            return error_status(err);
    }
    point_pass("exchanged");
    return STATUS_OK;
}

/* The volume itself stayed where it was: it gets the new one's attributes. */
static void finish_inside(struct restore *restore)
{
    for (size_t i = 0; i < restore->place_fd_count; i++) {
        const struct undo_place *place = &restore->operation.record.places[i];
        struct error lost = {0};
        struct error failure = {0};
        CLEANUP(fd_closep) int fd = -1;
        uint32_t root = 0;
        while (restore->tree.directories[root].parent != directory_none ||
               restore->tree.directories[root].name != i)
            root++;
        if (!place->inside)
            continue;
        if (directory_open(place->volume, &fd, &failure) == STATUS_OK &&
            attributes_set_over(&restore->tree.directories[root].attributes, &restore->tree.xattrs,
                                fd, &lost, &failure) == STATUS_OK)
            failure = lost;
        if (failure.status != STATUS_OK)
            restore_problems_add(&restore->problems, PROBLEM_ATTRIBUTES, place->volume, &failure);
    }
}

enum status inplace_swap(void *owner, struct error *err)
{
    struct restore *restore = owner;
    struct undo_record *record = &restore->operation.record;
    if (restore_problems_check(&restore->problems, err) != STATUS_OK ||
        sync_places(restore, err) != STATUS_OK)
        return error_status(err);
    record->phase = RESTORE_SWAP;
    if (operation_write_record(&restore->operation, err) != STATUS_OK ||
        operation_confirm(&restore->operation, err) != STATUS_OK) {
        record->phase = RESTORE_BESIDE; /* nothing is exchanged yet */
        return error_status(err);
    }
    if (swap_places(restore, err) != STATUS_OK)
        return error_status(err);
    record->phase = RESTORE_SWAPPED;
    if (operation_write_record(&restore->operation, err) != STATUS_OK) {
        record->phase = RESTORE_SWAP; /* whoever reads the record will take it back: so do we */
        return error_status(err);
    }
    restore->operation.committed = true;
    return STATUS_OK;
}

/* After a failure the old is not removed. */
enum status inplace_carry(void *owner, struct error *err UNUSED)
{
    struct restore *restore = owner;
    struct error failure = {0};
    if (unwind_carry(&restore->operation.record, &failure) != STATUS_OK)
        detail_add_cause(restore->operation.result->state_details,
                         "Excluded files not carried over", &failure);
    return STATUS_OK;
}

enum status inplace_post_restore(void *owner, struct error *err UNUSED)
{
    struct restore *restore = owner;
    (void)operation_pay_hooks(&restore->operation, HOOK_POST_RESTORE, HOOK_REASON_RESTORE);
    operation_update_record(&restore->operation);
    return STATUS_OK;
}

enum status inplace_cleanup(void *owner, struct error *err UNUSED)
{
    struct restore *restore = owner;
    struct error failure = {0};
    finish_inside(restore);
    if (unwind_places(&restore->operation.record, true, &failure) != STATUS_OK)
        detail_add(restore->operation.result->state_details, REASON_OLD_LEFT,
                   "Old data not removed", failure.text, NULL);
    operation_close_record(&restore->operation);
    return STATUS_OK;
}

void inplace_undo(struct restore *restore, const struct error *cause)
{
    struct error failure = {0};
    bool again = status_is_transient(cause->status) || cause->status == STATUS_LOST;
    point_pass("unwind");
    if (unwind_swap(&restore->operation.record, &failure) != STATUS_OK)
        detail_add_error(restore->operation.result->state_details, "undo", &failure);
    (void)operation_pay_hooks(&restore->operation, HOOK_POST_RESTORE, HOOK_REASON_UNDO);
    if (unwind_places(&restore->operation.record, !again, &failure) != STATUS_OK)
        detail_add(restore->operation.result->state_details, REASON_OLD_LEFT,
                   "Restored data not removed", failure.text, NULL);
    operation_close_record(&restore->operation);
}

void inplace_done(struct restore *restore)
{
    for (size_t i = 0; i < restore->place_fd_count; i++)
        (void)close(restore->place_fds[i]);
    free(restore->place_fds);
}
