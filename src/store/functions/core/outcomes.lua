-- The end of a job ----------------------------------------------------------------------------------------------------

local FINISH = {}
local AFTER = {} -- what tasks have to know of it; they are defined below

-- A backup that is being deleted is not tried again: what it may have left in the bucket is the business of a delete job.
local function leave_to_delete(job, backup, why, changes)
    changes.state_unready = nil
    transition(backup, "requeue", note_of(job, why), changes)
    end_job(job, why)
    queue_delete_job(backup, now_ms())
end

-- This attempt says that it leaves no data; an earlier one may have committed its snapshot and died before it told.
local function is_left_to_delete(job, backup)
    return backup.state == "deleting" and job.kind == "backup" and tonumber(job.attempt) > 1
end

-- Back to the queue, at once or at a time.
local function requeue(job, backup, end_of_try, changes)
    local now = now_ms()
    local why = end_of_try.why
    if is_late(job, now) and (backup.state ~= "deleting" or job.kind == "delete") then
        why = late_why(job, why)
        changes.state_details = with_detail(changes.state_details or backup.state_details, "job_timeout",
            "Deadline of the job has passed", why)
        FINISH.failed(job, backup, { reason = why }, changes)
        return
    end
    changes.state_unready = reasons(end_of_try.unready)
    if backup.state == "deleting" and job.kind == "backup" then
        return leave_to_delete(job, backup, why, changes)
    end
    changes.node = node_of(job.app, job.node) -- the app may have moved meanwhile
    transition(backup, "requeue", note_of(job, why), changes)
    local fields = { reason = clean(why, REASON_MAX), kills = end_of_try.kills, failures = end_of_try.failures,
        node = changes.node }
    if end_of_try.delay_ms > 0 then
        move_job(job, "delayed", int(now + end_of_try.delay_ms), fields)
    else
        queue_job(job, fields)
    end
end

-- What the backup becomes when its job has failed for good; changes are completed here.
local function failure_event(job, backup, why, changes)
    if job.kind == "delete" then
        changes.state_unready = reasons("delete failed: " .. why)
        changes.state_details = with_detail(changes.state_details or backup.state_details, "delete_failed",
            "Delete failed", why)
        return "keep"
    end
    changes.state_unready = reasons(why)
    return "fail"
end

function FINISH.completed(job, backup, finish, changes)
    if job.kind == "delete" then
        transition(backup, "purge", note_of(job, finish.reason), {})
        end_job(job, finish.reason)
        AFTER.purge(backup, job.node)
        return
    end
    local total = math.max(tonumber(changes.bytes_total or backup.bytes_total), 0)
    changes.bytes_total, changes.bytes_done, changes.percent_done = int(total), int(total), "100"
    changes.state_unready = "[]"
    transition(backup, "complete", note_of(job, finish.reason), changes)
    end_job(job, finish.reason)
    AFTER.completion(backup)
    if backup.state == "deleting" then
        queue_delete_job(backup, now_ms())
    end
end

function FINISH.failed(job, backup, finish, changes)
    if is_left_to_delete(job, backup) then
        return leave_to_delete(job, backup, finish.reason, changes)
    end
    local event = failure_event(job, backup, finish.reason, changes)
    transition(backup, event, note_of(job, finish.reason), changes)
    end_job(job, finish.reason)
end

-- job: nil when there is none any more.
local function cancel_backup(backup, job, note, changes)
    changes.state_unready = reasons(note.why)
    changes.state_details = with_detail(changes.state_details or backup.state_details, "canceled", "Backup canceled",
        note.why)
    transition(backup, "cancel", note, changes)
    if job and job.state ~= "done" then
        end_job(job, note.why)
    end
end

-- Asked to stop, it ends there, whatever made its worker stop. One that is being deleted leaves that to its delete.
local function is_to_end(job, backup)
    return job.cancel == "1" and job.kind == "backup" and backup.state ~= "deleting"
end

function FINISH.canceled(job, backup, finish, changes)
    if job.kind == "delete" then
        return FINISH.failed(job, backup, finish, changes)
    elseif is_left_to_delete(job, backup) then
        return leave_to_delete(job, backup, finish.reason, changes)
    end
    cancel_backup(backup, job, cancel_note(job, finish.reason), changes)
end

function FINISH.retry(job, backup, finish, changes)
    if is_to_end(job, backup) then
        return cancel_backup(backup, job, cancel_note(job, ""), changes)
    end
    redis.call("HINCRBY", COUNTERS, "retries", 1)
    requeue(job, backup, {
        why = finish.reason, delay_ms = finish.delay_ms, kills = job.kills, failures = int(job.failures + 1),
        unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
            time_text(now_ms() + finish.delay_ms), finish.reason),
    }, changes)
end

-- Through no fault of its own: it does not count as a failure.
function FINISH.released(job, backup, finish, changes)
    if is_to_end(job, backup) then
        return cancel_backup(backup, job, cancel_note(job, ""), changes)
    end
    local why = finish.reason ~= "" and finish.reason or "the worker stopped"
    requeue(job, backup, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
        unready = "queued again: " .. why }, changes)
end

-- The event that each outcome stands for, by kind of job; checked before anything is written.
local OUTCOME_EVENTS = {
    backup = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" },
    delete = { completed = "purge", failed = "keep", canceled = "keep", retry = "requeue", released = "requeue" },
}
