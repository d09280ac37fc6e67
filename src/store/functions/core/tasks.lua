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

local function is_task(job)
    return Tasks.KINDS[job.kind] ~= nil
end

function Tasks.load(id)
    return read_hash(PREFIX .. "task:" .. id, Tasks.DEFAULTS)
end

function Tasks.find(account, app, id)
    local task = Tasks.load(id)
    if not task or (account ~= "" and task.account ~= account) or (app ~= "" and task.app ~= app) then
        refuse("UNKNOWN_TASK", "there is no task %s here", id)
    end
    return task
end

-- The task of a claimed job; it goes only long after the job's end.
function Tasks.of(job)
    local task = Tasks.load(job.subject)
    if not task then
        refuse("LEASE_LOST", "job %s: its %s %s is gone", job.id, job.kind, job.subject)
    end
    return task
end

function Tasks.allows(task, event)
    return Tasks.TRANSITIONS[task.state] ~= nil and Tasks.TRANSITIONS[task.state][event] ~= nil
end

function Tasks.require_event(task, event)
    if not Tasks.allows(task, event) then
        refuse("ILLEGAL_TRANSITION", "%s %s: cannot %s while %s", task.kind, task.id, event, task.state)
    end
end

function Tasks.update(task, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = int(now)
    for field, value in pairs(changes) do
        task[field] = value
    end
    write_hash(PREFIX .. "task:" .. task.id, changes)
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
    return PREFIX .. "repository:" .. task.bucket .. ":" .. task.app
end

-- What callers of the API see of a restore in place: the state of the app. An app without a record is no longer
-- managed, and gets none here.
function Tasks.mark_app(task, state, details)
    local key = PREFIX .. "app:" .. task.app
    if task.kind == "restore" and task.target == "" and redis.call("EXISTS", key) == 1 then
        redis.call("HSET", key, "state", state, "state_details", details, "modified_ms", int(now_ms()))
    end
end

-- A backup that has succeeded shows that the app can be used again.
function Tasks.on_backup(app)
    local key = PREFIX .. "app:" .. app
    if redis.call("HGET", key, "state") == "failed" then
        redis.call("HSET", key, "state", "ready", "state_details", "[]", "modified_ms", int(now_ms()))
    end
end

function Tasks.on_end(task, now)
    redis.call("SREM", PREFIX .. "active-tasks:" .. task.app, task.id)
    redis.call("EXPIRE", PREFIX .. "task:" .. task.id, Tasks.KEPT_S)
    local why = cjson.decode(task.state_unready)[1] or ""
    if task.state == "completed" then
        Tasks.mark_app(task, "ready", "[]")
    else
        Tasks.mark_app(task, "failed", with_detail("[]", "restore_failed", "Restore failed",
            string.format("%s: %s", Tasks.describe(task), why)))
    end
    if task.kind == "restore" then
        return
    end
    local node = node_of(task.app, task.node)
    local member = task.bucket .. ":" .. task.app
    redis.call("HSET", Tasks.key_of(task), task.kind .. "_ms", int(now), task.kind .. "_state", task.state)
    if task.kind == "verify" then
        redis.call("ZADD", PREFIX .. "verified:" .. node, int(now), member)
    elseif task.kind == "prune" and task.state == "completed" then
        redis.call("ZREM", PREFIX .. "unreferenced:" .. node, member)
    end
end

-- One that had ended waits again.
function Tasks.on_retry(task)
    redis.call("PERSIST", PREFIX .. "task:" .. task.id)
    Tasks.on_begin(task)
end

function Tasks.mark_restoring(task)
    Tasks.mark_app(task, "restoring", with_detail("[]", "restoring", "Restore in progress", Tasks.describe(task)))
end

function Tasks.on_begin(task)
    redis.call("SADD", PREFIX .. "active-tasks:" .. task.app, task.id)
    Tasks.mark_restoring(task)
end

-- The one place where a task changes its state. note: {job, epoch, who, why}
function Tasks.transition(task, event, note, changes)
    Tasks.require_event(task, event)
    local from, to, now = task.state, Tasks.TRANSITIONS[task.state][event], now_ms()
    changes.state = to
    Tasks.update(task, changes, now)
    if to == "completed" or to == "failed" then
        Tasks.on_end(task, now)
    elseif event == "retry" then
        Tasks.on_retry(task)
    end
    journal({ backup = task.backup, job = note.job, app = task.app, account = task.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = Tasks.describe(task) .. (note.why ~= "" and ": " .. note.why or "") })
end

function Tasks.requeue(job, task, end_of_try, changes)
    if is_late(job, now_ms()) then
        local why = late_why(job, end_of_try.why)
        changes.state_unready = reasons(why)
        changes.state_details = with_detail(changes.state_details or task.state_details, "job_timeout",
            "Deadline of the job has passed", why)
        Tasks.transition(task, "fail", note_of(job, why), changes)
        end_job(job, why)
        return
    end
    changes.state_unready = reasons(end_of_try.unready)
    changes.node = node_of(job.app, job.node) -- as above
    Tasks.transition(task, "requeue", note_of(job, end_of_try.why), changes)
    local fields = { reason = clean(end_of_try.why, REASON_MAX), kills = end_of_try.kills,
        failures = end_of_try.failures, node = changes.node }
    if end_of_try.delay_ms > 0 then
        move_job(job, "delayed", int(now_ms() + end_of_try.delay_ms), fields)
    else
        queue_job(job, fields)
    end
end

function Tasks.cancel(task, job, note, changes)
    changes.state_unready = reasons(note.why)
    changes.state_details = with_detail(changes.state_details or task.state_details, "canceled", "Canceled", note.why)
    Tasks.transition(task, "cancel", note, changes)
    if job and job.state ~= "done" then
        end_job(job, note.why)
    end
end

-- outcome: as of backups. What is to become of the job is decided here, as FINISH does for backups.
function Tasks.finish(job, outcome, finish, report)
    local task = Tasks.of(job)
    if job.cancel == "1" and (outcome == "retry" or outcome == "released") then
        outcome = "canceled"
    end
    local event = Tasks.EVENTS[outcome]
    Tasks.require_event(task, event)
    local changes, why = progress_changes(task, report), finish.reason
    if outcome == "retry" then
        redis.call("HINCRBY", COUNTERS, "retries", 1)
        return Tasks.requeue(job, task, {
            why = why, delay_ms = finish.delay_ms, kills = job.kills, failures = int(job.failures + 1),
            unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
                time_text(now_ms() + finish.delay_ms), why),
        }, changes)
    elseif outcome == "released" then
        why = why ~= "" and why or "the worker stopped"
        return Tasks.requeue(job, task, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
            unready = "queued again: " .. why }, changes)
    elseif outcome == "completed" then
        local total = math.max(tonumber(changes.bytes_total or task.bytes_total), 0)
        changes.bytes_total, changes.bytes_done, changes.percent_done = int(total), int(total), "100"
        changes.state_unready = "[]"
    elseif outcome == "canceled" then
        return Tasks.cancel(task, job, cancel_note(job, why), changes)
    else
        changes.state_unready = reasons(why)
    end
    Tasks.transition(task, event, note_of(job, why), changes)
    end_job(job, why)
end

-- death: evidence, kills_max and delay_ms; spared: the worker lives, and has lost its lease all the same.
local function kills_after(job, death)
    return tonumber(job.kills) + (death.spared and 0 or 1)
end

local function count_kill(death)
    if not death.spared then
        redis.call("HINCRBY", COUNTERS, "kills", 1)
    end
end

local function end_of_try(job, death)
    return { why = death.evidence, delay_ms = death.delay_ms, kills = int(kills_after(job, death)),
        unready = death.spared and "queued again: " .. death.evidence
            or string.format("attempt %s died, queued again: %s", job.attempt, death.evidence) }
end

-- As bury(), for the job of a task.
function Tasks.bury(job, death)
    local task = Tasks.load(job.subject)
    local kills = kills_after(job, death)
    local again = death.spared or kills < death.kills_max
    if not task or not Tasks.allows(task, again and "requeue" or "fail") then
        end_job(job, "leftover: its task is " .. (task and task.state or "gone"))
        return "none"
    end
    count_kill(death)
    if job.cancel == "1" then
        Tasks.cancel(task, job, cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        Tasks.requeue(job, task, end_of_try(job, death), {})
        return is_late(job, now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", int(kills), death.evidence)
    Tasks.transition(task, "fail", note_of(job, why), { state_unready = reasons(why),
        state_details = with_detail(task.state_details, "quarantined", "Job in quarantine", why) })
    redis.call("HINCRBY", COUNTERS, "quarantined", 1)
    move_job(job, "quarantined", int(now_ms()), { reason = clean(why, REASON_MAX), kills = int(kills) })
    return "quarantined"
end

-- Each waiting or running task of an app.
function Tasks.each_active(app, see)
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "active-tasks:" .. app)) do
        local task = Tasks.load(id)
        if task then
            see(task)
        else
            redis.call("SREM", PREFIX .. "active-tasks:" .. app, id)
        end
    end
end

-- A backup stays as long as a restore needs it.
function Tasks.refuse_delete(backup)
    Tasks.each_active(backup.app, function(task)
        if task.backup == backup.id then
            refuse("BACKUP_IN_USE", "backup %s: restore %s of it is %s", backup.id, task.id, task.state)
        end
    end)
end

-- Ids of those that have expired go from the front of the list.
function Tasks.index(task)
    local list = PREFIX .. "tasks:" .. task.app
    for _, id in ipairs(redis.call("ZRANGE", list, 0, 9)) do
        if redis.call("EXISTS", PREFIX .. "task:" .. id) == 0 then
            redis.call("ZREM", list, id)
        end
    end
    redis.call("ZADD", list, task.created_ms, task.id)
end

-- task: as it comes from task_create, without state; checked. who: for the journal.
function Tasks.queue(task, node, why)
    local now = now_ms()
    task.node, task.created_ms = node, int(now)
    local record = setmetatable({ id = task.id, kind = task.kind, state = "none", account = task.account,
        app = task.app, app_name = task.app_name, bucket = task.bucket, node = node, target = task.target,
        backup = task.backup, backup_name = task.backup_name }, Tasks.DEFAULTS)
    Tasks.transition(record, "create", { job = task.job, who = task.created_by, why = why }, task)
    Tasks.index(record)
    Tasks.on_begin(record)
    queue_new_jobs({ new_job(task.job, task.kind, record, node, int(now)) })
    return record
end

-- The repository of a backup exists from its completion on; it is first verified an interval later.
function Tasks.on_completed(backup)
    local node = node_of(backup.app, backup.node)
    redis.call("ZADD", PREFIX .. "verified:" .. node, "NX", int(now_ms()), backup.bucket .. ":" .. backup.app)
    Tasks.on_backup(backup.app)
end

-- An app that was defined nowhere, and so had no record, may have a restore; and its repositories have dropped out of
-- verified: (queue_due): they are as after a first backup.
function Tasks.on_defined(app, node, now)
    Tasks.each_active(app, Tasks.mark_restoring)
    for _, id in ipairs(redis.call("ZRANGE", PREFIX .. "backups:" .. app, 0, -1)) do
        local state, bucket = unpack(redis.call("HMGET", PREFIX .. "backup:" .. id, "state", "bucket"))
        if state == "completed" and bucket then
            redis.call("ZADD", PREFIX .. "verified:" .. node, "NX", int(now), bucket .. ":" .. app)
        end
    end
end

function Tasks.on_purged(backup, node)
    redis.call("ZINCRBY", PREFIX .. "unreferenced:" .. node, 1, backup.bucket .. ":" .. backup.app)
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
        local app = id and read_hash(PREFIX .. "app:" .. id)
        if not app or redis.call("EXISTS", PREFIX .. "bucket:" .. bucket) == 0 then
            redis.call("ZREM", PREFIX .. set .. ":" .. node, members[i])
        elseif app.node ~= node then
            redis.call("ZREM", PREFIX .. set .. ":" .. node, members[i])
            redis.call("ZADD", PREFIX .. set .. ":" .. app.node, members[i + 1], members[i])
        elseif is_due(bucket, id) and not Tasks.is_active(kind, bucket, id) then
            local seed = kind .. members[i] .. int(now_ms())
            Tasks.queue({ id = derived_id("task" .. seed), job = derived_id("job" .. seed), kind = kind,
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
        local count = redis.call("HLEN", PREFIX .. "damaged:" .. bucket.id)
        details = with_detail(details, "verified", "Last verification", time_text(bucket.verify_ms) .. ": " ..
            (count == 0 and "what was read is sound" or count .. " damaged, see the other details"))
    end
    local damaged = redis.call("HGETALL", PREFIX .. "damaged:" .. bucket.id)
    for i = 2, math.min(#damaged, 2 * Tasks.DAMAGED_MAX), 2 do
        details = with_detail(details, "data_damaged", "Repository damaged", damaged[i])
    end
    return details
end

-- damage: "" when what was read is sound.
function Tasks.note_verified(task, damage)
    local key = PREFIX .. "bucket:" .. task.bucket
    local damaged = PREFIX .. "damaged:" .. task.bucket
    if damage == "" then
        redis.call("HDEL", damaged, task.app)
    else
        redis.call("HSET", damaged, task.app, string.format("app %s: %s", task.app_name, damage))
    end
    redis.call("HSET", Tasks.key_of(task), "damage", damage)
    local bucket = read_hash(key)
    if bucket then
        bucket.verify_ms = int(now_ms())
        redis.call("HSET", key, "verify_ms", bucket.verify_ms, "state_details", Tasks.bucket_details(bucket))
    end
end

-- problem: "" when the backup's data is there. complete: all of it has been read, so that an earlier finding is void.
function Tasks.judge_backup(job, id, problem, complete)
    local backup = load_backup(id)
    if not backup or backup.app ~= job.app or backup.bucket ~= job.bucket then
        return
    end
    if problem ~= "" and backup.state == "completed" then
        transition(backup, "lose", note_of(job, problem), {
            state_unready = reasons(problem),
            state_details = with_detail(backup.state_details, "data_damaged", "Data gone or damaged", problem),
        })
    elseif problem == "" and complete and backup.state == "removed" then
        transition(backup, "find", note_of(job, "all of its data has been read and is sound"), {
            state_unready = "[]",
            state_details = with_detail(backup.state_details, "data_found", "Data found again",
                "a later verification has read all of it"),
        })
    end
end

-- Is this queued job still what its subject waits for?
function Tasks.is_wanted(job)
    if not is_task(job) then
        return is_wanted(job, load_backup(job.subject))
    end
    local task = Tasks.load(job.subject)
    return task ~= nil and task.job == job.id and task.state == "pending"
end

function Tasks.renew(job, lease_ms, report)
    local task, now = Tasks.of(job), now_ms()
    extend_lease(job, lease_ms, now, report.stage)
    Tasks.update(task, progress_changes(task, report), now)
    return answer_to(job, now)
end

function Tasks.advance(job, event, lease_ms, report)
    local task, now = Tasks.of(job), now_ms()
    local answer = answer_to(job, now)
    if answer == "ok" then
        Tasks.require_event(task, event)
    end
    extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = progress_changes(task, report)
    changes.state_unready = "[]"
    Tasks.transition(task, event, note_of(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end

AFTER.completion, AFTER.purge = Tasks.on_completed, Tasks.on_purged

-- A claimed job without its worker. Returns "retry", "quarantined", "canceled" if that had been asked for, "failed" after
-- its deadline, or "none" if there was nothing left to do.
local function bury(job, death)
    if is_task(job) then
        return Tasks.bury(job, death)
    end
    local backup = load_backup(job.subject)
    local kills = kills_after(job, death)
    local superseded = backup and backup.state == "deleting" and job.kind == "backup"
    local again = death.spared or kills < death.kills_max or superseded
    local event = again and "requeue" or (job.kind == "delete" and "keep" or "fail")
    if not backup or not allows(backup, event) then
        end_job(job, "leftover: its backup is " .. (backup and backup.state or "gone"))
        return "none"
    end
    count_kill(death)
    if is_to_end(job, backup) then
        cancel_backup(backup, job, cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        requeue(job, backup, end_of_try(job, death), {})
        return is_late(job, now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", int(kills), death.evidence)
    local changes = { state_details = with_detail(backup.state_details, "quarantined", "Job in quarantine", why) }
    transition(backup, failure_event(job, backup, why, changes), note_of(job, why), changes)
    redis.call("HINCRBY", COUNTERS, "quarantined", 1)
    move_job(job, "quarantined", int(now_ms()), { reason = clean(why, REASON_MAX), kills = int(kills) })
    return "quarantined"
end

local function each_due(place, now, act)
    for _, id in ipairs(redis.call("ZRANGEBYSCORE", place, "-inf", int(now), "LIMIT", 0, SWEEP_MAX)) do
        local job = load_job(id)
        if job and place_of(job) == place then
            act(job)
        else
            redis.call("ZREM", place, id) -- nothing stands behind it
        end
    end
end

local function sweep(kills_max)
    local now = now_ms()
    each_due(DELAYED, now, function(job)
        queue_job(job, {})
    end)
    each_due(LEASES, now, function(job)
        local worker_is = Contact.judge(job, now)
        if not worker_is then
            return
        end
        redis.call("HINCRBY", COUNTERS, "expired_leases", 1)
        bury(job, {
            evidence = string.format(worker_is == "dead" and "lease ended at %s without a word from %s"
                or "lease ended at %s, not renewed by %s, which lives", time_text(job.lease_until_ms), job.worker),
            kills_max = kills_max, delay_ms = 0, spared = worker_is == "alive",
        })
    end)
end
