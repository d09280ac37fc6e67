-- Tasks: what is done with an app's data besides making and deleting backups ------------------------------------------

--[[
A task is a record of its own, task:<id>, for a restore, prune or verify; its job has the task as its subject, and is
queued, claimed, fenced, retried and given up as those of backups are: the functions of jobs ask is_task().

What a repository (one per bucket and app) needs stands in two zsets of its app's node, and what has been done with it
in repository:<bucket>:<app>. All of it says "when at last", so that a restart forgets nothing.
]]

local Tasks = {
    KINDS = { restore = true, prune = true, verify = true, catalog = true },
    TRANSITIONS = {
        none = { create = "pending" },
        pending = { run = "running", requeue = "pending", fail = "failed", cancel = "failed" },
        running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed" },
        failed = { retry = "pending" },
    },
    EVENTS = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" },
    ACTIVE_MAX = 64,         -- waiting or running tasks of an app
    KEPT_S = 30 * 24 * 3600, -- how long a task that has ended can still be looked at
    TARGET_MAX = 4095,
    INCLUDES_MAX = 64 * 1024,
    DUE_MAX = 1000,          -- repositories looked at in one call
    DAMAGED_MAX = 32,        -- damaged repositories named in a bucket's details
}

Tasks.DEFAULTS = { __index = {
    backup = "", backup_name = "", repository_snapshot = "", target = "", includes = "[]", sample = "0",
    state_unready = "[]", state_details = "[]", hook_state = "", hook_state_details = "[]",
    bytes_total = "-1", bytes_done = "-1", percent_done = "0", taken_ms = "0", snapshot = "", created_by = "",
} }

function Tasks.owns(job)
    return Tasks.KINDS[job.kind] ~= nil
end

function Tasks.load(id)
    return Hash.read(Keys.task(id), Tasks.DEFAULTS)
end

function Tasks.find(account, app, id)
    local task = Tasks.load(id)
    if not task or (account ~= "" and task.account ~= account) or (app ~= "" and task.app ~= app) then
        Call.refuse("UNKNOWN_TASK", "there is no task %s here", id)
    end
    return task
end

-- The task of a claimed job; it goes only long after the job's end.
function Tasks.of(job)
    local task = Tasks.load(job.subject)
    if not task then
        Call.refuse("LEASE_LOST", "job %s: its %s %s is gone", job.id, job.kind, job.subject)
    end
    return task
end

function Tasks.allows(task, event)
    return Tasks.TRANSITIONS[task.state] ~= nil and Tasks.TRANSITIONS[task.state][event] ~= nil
end

function Tasks.require_event(task, event)
    if not Tasks.allows(task, event) then
        Call.refuse("ILLEGAL_TRANSITION", "%s %s: cannot %s while %s", task.kind, task.id, event, task.state)
    end
end

function Tasks.update(task, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = Text.int(now)
    for field, value in pairs(changes) do
        task[field] = value
    end
    Hash.write(Keys.task(task.id), changes)
end

-- "restore of backup nightly to its place": for sentences.
function Tasks.describe(task)
    if task.kind ~= "restore" then
        return task.kind .. " of app " .. task.app_name
    end
    return string.format("restore of backup %s %s", task.backup_name,
        task.target == "" and "in place" or "to " .. task.target)
end

function Tasks.key_of(task)
    return Keys.repository(task.bucket, task.app)
end

-- What callers of the API see of a restore in place: the state of the app. An app without a record is no longer
-- managed, and gets none here.
function Tasks.mark_app(task, state, details)
    local key = Keys.app(task.app)
    if task.kind == "restore" and task.target == "" and redis.call("EXISTS", key) == 1 then
        redis.call("HSET", key, "state", state, "state_details", details, "modified_ms", Text.int(Time.now_ms()))
    end
end

-- A backup that has succeeded shows that the app can be used again.
function Tasks.on_backup(app)
    local key = Keys.app(app)
    if redis.call("HGET", key, "state") == "failed" then
        redis.call("HSET", key, "state", "ready", "state_details", "[]", "modified_ms", Text.int(Time.now_ms()))
    end
end

function Tasks.on_end(task, now)
    redis.call("SREM", Keys.active_tasks(task.app), task.id)
    redis.call("EXPIRE", Keys.task(task.id), Tasks.KEPT_S)
    local why = cjson.decode(task.state_unready)[1] or ""
    if task.state == "completed" then
        Tasks.mark_app(task, "ready", "[]")
    else
        Tasks.mark_app(task, "failed", Reasons.with_detail("[]", "restore_failed", "Restore failed",
            string.format("%s: %s", Tasks.describe(task), why)))
    end
    if task.kind == "restore" then
        return
    end
    local node = Apps.node_of(task.app, task.node)
    local member = task.bucket .. ":" .. task.app
    redis.call("HSET", Tasks.key_of(task), task.kind .. "_ms", Text.int(now), task.kind .. "_state", task.state)
    if task.kind == "verify" then
        redis.call("ZADD", Keys.verified(node), Text.int(now), member)
    elseif task.kind == "prune" and task.state == "completed" then
        redis.call("ZREM", Keys.unreferenced(node), member)
    end
end

-- One that had ended waits again.
function Tasks.on_retry(task)
    redis.call("PERSIST", Keys.task(task.id))
    Tasks.on_begin(task)
end

function Tasks.mark_restoring(task)
    Tasks.mark_app(task, "restoring", Reasons.with_detail("[]", "restoring", "Restore in progress", Tasks.describe(task)))
end

function Tasks.on_begin(task)
    redis.call("SADD", Keys.active_tasks(task.app), task.id)
    Tasks.mark_restoring(task)
end

-- The one place where a task changes its state. note: {job, epoch, who, why}
function Tasks.transition(task, event, note, changes)
    Tasks.require_event(task, event)
    local from, to, now = task.state, Tasks.TRANSITIONS[task.state][event], Time.now_ms()
    changes.state = to
    Tasks.update(task, changes, now)
    if to == "completed" or to == "failed" then
        Tasks.on_end(task, now)
    elseif event == "retry" then
        Tasks.on_retry(task)
    end
    Journal.write({ backup = task.backup, job = note.job, app = task.app, account = task.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = Tasks.describe(task) .. (note.why ~= "" and ": " .. note.why or "") })
end

function Tasks.requeue(job, task, end_of_try, changes)
    if Jobs.is_late(job, Time.now_ms()) then
        local why = Jobs.late_why(job, end_of_try.why)
        changes.state_unready = Reasons.of(why)
        changes.state_details = Reasons.with_detail(changes.state_details or task.state_details, "job_timeout",
            "Deadline of the job has passed", why)
        Tasks.transition(task, "fail", Jobs.note(job, why), changes)
        Jobs.close(job, why)
        return
    end
    changes.state_unready = Reasons.of(end_of_try.unready)
    changes.node = Apps.node_of(job.app, job.node) -- as above
    Tasks.transition(task, "requeue", Jobs.note(job, end_of_try.why), changes)
    local fields = { reason = Text.clean(end_of_try.why, Limits.REASON_MAX), kills = end_of_try.kills,
        failures = end_of_try.failures, node = changes.node }
    if end_of_try.delay_ms > 0 then
        Jobs.move(job, "delayed", Text.int(Time.now_ms() + end_of_try.delay_ms), fields)
    else
        Jobs.queue(job, fields)
    end
end

function Tasks.cancel(task, job, note, changes)
    changes.state_unready = Reasons.of(note.why)
    changes.state_details = Reasons.with_detail(changes.state_details or task.state_details, "canceled", "Canceled",
        note.why)
    Tasks.transition(task, "cancel", note, changes)
    if job and job.state ~= "done" then
        Jobs.close(job, note.why)
    end
end

-- outcome: as of backups. What is to become of the job is decided here, as Backups.FINISH does for backups.
function Tasks.finish(job, outcome, finish, report)
    local task = Tasks.of(job)
    if job.cancel == "1" and (outcome == "retry" or outcome == "released") then
        outcome = "canceled"
    end
    local event = Tasks.EVENTS[outcome]
    Tasks.require_event(task, event)
    local changes, why = Progress.changes(task, report), finish.reason
    if outcome == "retry" then
        redis.call("HINCRBY", Keys.COUNTERS, "retries", 1)
        return Tasks.requeue(job, task, {
            why = why, delay_ms = finish.delay_ms, kills = job.kills, failures = Text.int(job.failures + 1),
            unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
                Time.text(Time.now_ms() + finish.delay_ms), why),
        }, changes)
    elseif outcome == "released" then
        why = why ~= "" and why or "the worker stopped"
        return Tasks.requeue(job, task, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
            unready = "queued again: " .. why }, changes)
    elseif outcome == "completed" then
        local total = math.max(tonumber(changes.bytes_total or task.bytes_total), 0)
        changes.bytes_total, changes.bytes_done, changes.percent_done = Text.int(total), Text.int(total), "100"
        changes.state_unready = "[]"
    elseif outcome == "canceled" then
        return Tasks.cancel(task, job, Jobs.cancel_note(job, why), changes)
    else
        changes.state_unready = Reasons.of(why)
    end
    Tasks.transition(task, event, Jobs.note(job, why), changes)
    Jobs.close(job, why)
end

-- As Jobs.bury(), for the job of a task.
function Tasks.bury(job, death)
    local task = Tasks.load(job.subject)
    local kills = Jobs.kills_after(job, death)
    local again = death.spared or kills < death.kills_max
    if not task or not Tasks.allows(task, again and "requeue" or "fail") then
        Jobs.close(job, "leftover: its task is " .. (task and task.state or "gone"))
        return "none"
    end
    Jobs.count_kill(death)
    if job.cancel == "1" then
        Tasks.cancel(task, job, Jobs.cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        Tasks.requeue(job, task, Jobs.end_of_try(job, death), {})
        return Jobs.is_late(job, Time.now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", Text.int(kills), death.evidence)
    Tasks.transition(task, "fail", Jobs.note(job, why), { state_unready = Reasons.of(why),
        state_details = Reasons.with_detail(task.state_details, "quarantined", "Job in quarantine", why) })
    redis.call("HINCRBY", Keys.COUNTERS, "quarantined", 1)
    Jobs.move(job, "quarantined", Text.int(Time.now_ms()),
        { reason = Text.clean(why, Limits.REASON_MAX), kills = Text.int(kills) })
    return "quarantined"
end

-- Each waiting or running task of an app.
function Tasks.each_active(app, see)
    for _, id in ipairs(redis.call("SMEMBERS", Keys.active_tasks(app))) do
        local task = Tasks.load(id)
        if task then
            see(task)
        else
            redis.call("SREM", Keys.active_tasks(app), id)
        end
    end
end

-- A backup stays as long as a restore needs it.
function Tasks.refuse_delete(backup)
    Tasks.each_active(backup.app, function(task)
        if task.backup == backup.id then
            Call.refuse("BACKUP_IN_USE", "backup %s: restore %s of it is %s", backup.id, task.id, task.state)
        end
    end)
end

-- Ids of those that have expired go from the front of the list.
function Tasks.index(task)
    local list = Keys.tasks(task.app)
    for _, id in ipairs(redis.call("ZRANGE", list, 0, 9)) do
        if redis.call("EXISTS", Keys.task(id)) == 0 then
            redis.call("ZREM", list, id)
        end
    end
    redis.call("ZADD", list, task.created_ms, task.id)
end

-- task: as it comes from task_create, without state; checked. who: for the journal.
function Tasks.queue(task, node, why)
    local now = Time.now_ms()
    task.node, task.created_ms = node, Text.int(now)
    local record = setmetatable({ id = task.id, kind = task.kind, state = "none", account = task.account,
        app = task.app, app_name = task.app_name, bucket = task.bucket, node = node, target = task.target,
        backup = task.backup, backup_name = task.backup_name }, Tasks.DEFAULTS)
    Tasks.transition(record, "create", { job = task.job, who = task.created_by, why = why }, task)
    Tasks.index(record)
    Tasks.on_begin(record)
    Jobs.queue_new({ Jobs.new(task.job, task.kind, record, node, Text.int(now)) })
    return record
end

-- The repository of a backup exists from its completion on; it is first verified an interval later.
function Tasks.on_completed(backup)
    local node = Apps.node_of(backup.app, backup.node)
    redis.call("ZADD", Keys.verified(node), "NX", Text.int(Time.now_ms()), backup.bucket .. ":" .. backup.app)
    Tasks.on_backup(backup.app)
end

-- An app that was defined nowhere, and so had no record, may have a restore; and its repositories have dropped out of
-- verified: (queue_due): they are as after a first backup.
function Tasks.on_defined(app, node, now)
    Tasks.each_active(app, Tasks.mark_restoring)
    for _, id in ipairs(redis.call("ZRANGE", Keys.backups(app), 0, -1)) do
        local state, bucket = unpack(redis.call("HMGET", Keys.backup(id), "state", "bucket"))
        if state == "completed" and bucket then
            redis.call("ZADD", Keys.verified(node), "NX", Text.int(now), bucket .. ":" .. app)
        end
    end
end

function Tasks.on_purged(backup, node)
    redis.call("ZINCRBY", Keys.unreferenced(node), 1, backup.bucket .. ":" .. backup.app)
end

-- Is one of this kind on its way for this repository?
function Tasks.is_active(kind, bucket, app)
    local found = false
    Tasks.each_active(app, function(task)
        found = found or (task.kind == kind and task.bucket == bucket)
    end)
    return found
end

-- Queues one task for each of the members "<bucket>:<app>" of a node's zset that needs it. An app that has moved takes
-- its entry along; one that is no longer defined anywhere loses it.
function Tasks.queue_due(set, node, members, kind, is_due, sample)
    local queued = 0
    for i = 1, #members, 2 do
        local bucket, id = members[i]:match("^(.-):(.+)$")
        local app = id and Hash.read(Keys.app(id))
        if not app or redis.call("EXISTS", Keys.bucket(bucket)) == 0 then
            redis.call("ZREM", Keys[set](node), members[i])
        elseif app.node ~= node then
            redis.call("ZREM", Keys[set](node), members[i])
            redis.call("ZADD", Keys[set](app.node), members[i + 1], members[i])
        elseif is_due(bucket, id) and not Tasks.is_active(kind, bucket, id) then
            local seed = kind .. members[i] .. Text.int(Time.now_ms())
            Tasks.queue({ id = Ids.derived("task" .. seed), job = Ids.derived("job" .. seed), kind = kind,
                account = app.account, app = id, app_name = app.name, bucket = bucket, created_by = "schedule",
                sample = sample }, node, "due")
            queued = queued + 1
        end
    end
    return queued
end

-- The details of a bucket: what its worker has found when it looked, and what verifications have.
function Tasks.bucket_details(bucket)
    local details = bucket.probe_details or "[]"
    if bucket.verify_ms then
        local count = redis.call("HLEN", Keys.damaged(bucket.id))
        details = Reasons.with_detail(details, "verified", "Last verification", Time.text(bucket.verify_ms) .. ": " ..
            (count == 0 and "what was read is sound" or count .. " damaged, see the other details"))
    end
    local damaged = redis.call("HGETALL", Keys.damaged(bucket.id))
    for i = 2, math.min(#damaged, 2 * Tasks.DAMAGED_MAX), 2 do
        details = Reasons.with_detail(details, "data_damaged", "Repository damaged", damaged[i])
    end
    return details
end

-- damage: "" when what was read is sound.
function Tasks.note_verified(task, damage)
    local key = Keys.bucket(task.bucket)
    local damaged = Keys.damaged(task.bucket)
    if damage == "" then
        redis.call("HDEL", damaged, task.app)
    else
        redis.call("HSET", damaged, task.app, string.format("app %s: %s", task.app_name, damage))
    end
    redis.call("HSET", Tasks.key_of(task), "damage", damage)
    local bucket = Hash.read(key)
    if bucket then
        bucket.verify_ms = Text.int(Time.now_ms())
        redis.call("HSET", key, "verify_ms", bucket.verify_ms, "state_details", Tasks.bucket_details(bucket))
    end
end

-- problem: "" when the backup's data is there. complete: all of it has been read, so that an earlier finding is void.
function Tasks.judge_backup(job, id, problem, complete)
    local backup = Backups.load(id)
    if not backup or backup.app ~= job.app or backup.bucket ~= job.bucket then
        return
    end
    if problem ~= "" and backup.state == "completed" then
        Backups.transition(backup, "lose", Jobs.note(job, problem), {
            state_unready = Reasons.of(problem),
            state_details = Reasons.with_detail(backup.state_details, "data_damaged", "Data gone or damaged", problem),
        })
    elseif problem == "" and complete and backup.state == "removed" then
        Backups.transition(backup, "find", Jobs.note(job, "all of its data has been read and is sound"), {
            state_unready = "[]",
            state_details = Reasons.with_detail(backup.state_details, "data_found", "Data found again",
                "a later verification has read all of it"),
        })
    end
end

-- Is this queued job still what its subject waits for?
function Tasks.is_wanted(job)
    if not Tasks.owns(job) then
        return Backups.is_wanted(job, Backups.load(job.subject))
    end
    local task = Tasks.load(job.subject)
    return task ~= nil and task.job == job.id and task.state == "pending"
end

function Tasks.renew(job, lease_ms, report)
    local task, now = Tasks.of(job), Time.now_ms()
    Jobs.extend_lease(job, lease_ms, now, report.stage)
    Tasks.update(task, Progress.changes(task, report), now)
    return Jobs.answer(job, now)
end

function Tasks.advance(job, event, lease_ms, report)
    local task, now = Tasks.of(job), Time.now_ms()
    local answer = Jobs.answer(job, now)
    if answer == "ok" then
        Tasks.require_event(task, event)
    end
    Jobs.extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = Progress.changes(task, report)
    changes.state_unready = "[]"
    Tasks.transition(task, event, Jobs.note(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end

Backups.AFTER.completion, Backups.AFTER.purge = Tasks.on_completed, Tasks.on_purged
