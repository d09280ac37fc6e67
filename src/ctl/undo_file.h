/*
 * Undo file: what the doctor's repairs replaced, so that it can be put back.
 *
 * Shape     JSON, one object per line. A line with "parts" is on disk before the repair, one with
 *           "done" after it:
 *             {"repair": 1, "where": "...", "what": "...", "parts": [
 *               {"kind": "key", "key": "<base64>", "member": "", "existed": true,
 *                "content": "<base64>", "expires_ms": -1, "digest": "<SHA-1>"}]}
 *             {"repair": 1, "done": [{"exists": true, "digest": "<SHA-1>"}]}
 *           Of kind "key" the content is what DUMP gives, for RESTORE; kind "life" is only when a
 *           key expires; hash, set and zset are a member of such a key, and its value or score.
 * Mode      0600: it holds what the keys held.
 */
#ifndef CTL_UNDO_FILE_H
#define CTL_UNDO_FILE_H

#include "core/error.h"
#include "store/doctor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct undo_file {
    int fd; /* -1: not made yet */
    char path[4096];
    int64_t repairs; /* written */
};

/* The file is made by the first repair: <directory>/doctor-<time>.undo */
void undo_file_init(struct undo_file *file, const char *directory);
void undo_file_close(struct undo_file *file);

/* Durable when it returns. */
enum status undo_file_add(struct undo_file *file, const struct store_finding *finding,
                          const struct store_plan *plan, struct error *err) MUST_CHECK;
/* traces: the reply of the repair. */
enum status undo_file_add_done(struct undo_file *file, const redisReply *traces, size_t count,
                               struct error *err) MUST_CHECK;

/* One part to put back; trace NULL: the repair was not told to have happened. */
typedef enum status undo_part_fn(void *context, const struct store_part *part,
                                 const struct store_trace *trace, struct error *err);

/* Calls on_part for all parts, the last first. A last line that was cut short is no error. Errors:
 * INVALID, no undo file: then on_part was not called unless a part itself makes no sense. */
enum status undo_file_replay(const char *path, undo_part_fn *on_part, void *context,
                             struct error *err) MUST_CHECK;

#endif
