-- The end of a job ----------------------------------------------------------------------------------------------------

Backups.FINISH = {}
Backups.AFTER = {} -- what tasks have to know of it; they are defined below

-- A backup that is being deleted is not tried again: what it may have left in the bucket is the business of a delete job.
function Backups.leave_to_delete(job, backup, why, changes)
    changes.state_unready = nil
    Backups.transition(backup, "requeue", Jobs.note(job, why), changes)
    Jobs.close(job, why)
    Backups.queue_delete(backup, Time.now_ms())
end

-- This attempt says that it leaves no data; an earlier one may have committed its snapshot and died before it told.
function Backups.is_left_to_delete(job, backup)
    return backup.state == "deleting" and job.kind == "backup" and tonumber(job.attempt) > 1
end

-- Back to the queue, at once or at a time.
function Backups.requeue(job, backup, end_of_try, changes)
    local now = Time.now_ms()
    local why = end_of_try.why
    if Jobs.is_late(job, now) and (backup.state ~= "deleting" or job.kind == "delete") then
        why = Jobs.late_why(job, why)
        changes.state_details = Reasons.with_detail(changes.state_details or backup.state_details, "job_timeout",
            "Deadline of the job has passed", why)
        Backups.FINISH.failed(job, backup, { reason = why }, changes)
        return
    end
    changes.state_unready = Reasons.of(end_of_try.unready)
    if backup.state == "deleting" and job.kind == "backup" then
        return Backups.leave_to_delete(job, backup, why, changes)
    end
    changes.node = Apps.node_of(job.app, job.node) -- the app may have moved meanwhile
    Backups.transition(backup, "requeue", Jobs.note(job, why), changes)
    local fields = { reason = Text.clean(why, Limits.REASON_MAX), kills = end_of_try.kills,
        failures = end_of_try.failures, node = changes.node }
    if end_of_try.delay_ms > 0 then
        Jobs.move(job, "delayed", Text.int(now + end_of_try.delay_ms), fields)
    else
        Jobs.queue(job, fields)
    end
end

-- What the backup becomes when its job has failed for good; changes are completed here.
function Backups.failure_event(job, backup, why, changes)
    if job.kind == "delete" then
        changes.state_unready = Reasons.of("delete failed: " .. why)
        changes.state_details = Reasons.with_detail(changes.state_details or backup.state_details, "delete_failed",
            "Delete failed", why)
        return "keep"
    end
    changes.state_unready = Reasons.of(why)
    return "fail"
end

function Backups.FINISH.completed(job, backup, finish, changes)
    if job.kind == "delete" then
        Backups.transition(backup, "purge", Jobs.note(job, finish.reason), {})
        Jobs.close(job, finish.reason)
        Backups.AFTER.purge(backup, job.node)
        return
    end
    local total = math.max(tonumber(changes.bytes_total or backup.bytes_total), 0)
    changes.bytes_total, changes.bytes_done, changes.percent_done = Text.int(total), Text.int(total), "100"
    changes.state_unready = "[]"
    Backups.transition(backup, "complete", Jobs.note(job, finish.reason), changes)
    Jobs.close(job, finish.reason)
    Backups.AFTER.completion(backup)
    if backup.state == "deleting" then
        Backups.queue_delete(backup, Time.now_ms())
    end
end

function Backups.FINISH.failed(job, backup, finish, changes)
    if Backups.is_left_to_delete(job, backup) then
        return Backups.leave_to_delete(job, backup, finish.reason, changes)
    end
    local event = Backups.failure_event(job, backup, finish.reason, changes)
    Backups.transition(backup, event, Jobs.note(job, finish.reason), changes)
    Jobs.close(job, finish.reason)
end

-- job: nil when there is none any more.
function Backups.cancel(backup, job, note, changes)
    changes.state_unready = Reasons.of(note.why)
    changes.state_details = Reasons.with_detail(changes.state_details or backup.state_details, "canceled",
        "Backup canceled", note.why)
    Backups.transition(backup, "cancel", note, changes)
    if job and job.state ~= "done" then
        Jobs.close(job, note.why)
    end
end

-- Asked to stop, it ends there, whatever made its worker stop. One that is being deleted leaves that to its delete.
function Backups.is_to_end(job, backup)
    return job.cancel == "1" and job.kind == "backup" and backup.state ~= "deleting"
end

function Backups.FINISH.canceled(job, backup, finish, changes)
    if job.kind == "delete" then
        return Backups.FINISH.failed(job, backup, finish, changes)
    elseif Backups.is_left_to_delete(job, backup) then
        return Backups.leave_to_delete(job, backup, finish.reason, changes)
    end
    Backups.cancel(backup, job, Jobs.cancel_note(job, finish.reason), changes)
end

function Backups.FINISH.retry(job, backup, finish, changes)
    if Backups.is_to_end(job, backup) then
        return Backups.cancel(backup, job, Jobs.cancel_note(job, ""), changes)
    end
    redis.call("HINCRBY", Keys.COUNTERS, "retries", 1)
    Backups.requeue(job, backup, {
        why = finish.reason, delay_ms = finish.delay_ms, kills = job.kills, failures = Text.int(job.failures + 1),
        unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
            Time.text(Time.now_ms() + finish.delay_ms), finish.reason),
    }, changes)
end

-- Through no fault of its own: it does not count as a failure.
function Backups.FINISH.released(job, backup, finish, changes)
    if Backups.is_to_end(job, backup) then
        return Backups.cancel(backup, job, Jobs.cancel_note(job, ""), changes)
    end
    local why = finish.reason ~= "" and finish.reason or "the worker stopped"
    Backups.requeue(job, backup, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
        unready = "queued again: " .. why }, changes)
end

-- The event that each outcome stands for, by kind of job; checked before anything is written.
Backups.OUTCOME_EVENTS = {
    backup = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" },
    delete = { completed = "purge", failed = "keep", canceled = "keep", retry = "requeue", released = "requeue" },
}
