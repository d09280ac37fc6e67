-- Functions for admins ------------------------------------------------------------------------------------------------

--[[
The levers. Each says who pulls it, and why if there is a reason, and that is in the journal; each checks everything
first, and answers with a sentence.
]]
local Admin = {}

function Admin.read_actor(a)
    return clean(a:some_text("actor", 128), 128)
end

function Admin.read_reason(a)
    return a:has_more() and a:sentence("reason") or ""
end

function Admin.why(what, reason)
    return clean(what .. (reason ~= "" and ": " .. reason or ""), REASON_MAX)
end

function Admin.note(job, actor, why)
    return { job = job.id, epoch = job.epoch, who = actor, why = why }
end

function Admin.subject_of(job)
    return is_task(job) and Tasks.load(job.subject) or load_backup(job.subject)
end

-- A job by its own id, or by that of its backup or task.
function Admin.find_job(id)
    local job = load_job(id)
    if not job then
        local backup, task = load_backup(id), Tasks.load(id)
        job = backup and own_job(backup) or (task and load_job(task.job))
    end
    if not job then
        refuse("UNKNOWN_JOB", "there is no job %s, and no backup or task with this id that has one", id)
    end
    return job
end

-- For what stays in its state: somebody has had a hand in it.
function Admin.journal_for(job, subject, note)
    local state = subject and subject.state or ""
    journal({ backup = is_task(job) and (subject and subject.backup or "") or job.subject, job = job.id,
        app = job.app, account = job.account, from = state, to = state, epoch = job.epoch, who = note.who,
        why = note.why })
end

-- Tried again ---------------------------------------------------------------------------------------------------------

-- What a job forgets when it begins anew; its epoch and its attempts go on counting.
function Admin.fresh(job, why)
    return { kills = "0", failures = "0", deadline_ms = "0", cancel = "0", cancel_who = "", cancel_why = "",
        reason = why, node = node_of(job.app, job.node) }
end

function Admin.check_retry(backup)
    require_event(backup, "retry")
    if backup.percent_done == "100" or backup.state_details:find('delete_failed"', 1, true) then
        refuse("ILLEGAL_TRANSITION", "backup %s: what has failed is its delete; delete it again", backup.id)
    end
    local app = find_app("", backup.app)
    find_bucket("", backup.bucket)
    if app.concurrent_backups == "refuse" then
        check_app_has_none(app, {})
    end
end

-- A new job that goes on counting where the last one of its subject has stopped: its attempts tell whether there may be
-- data in a bucket. Of one that nobody remembers, it had been claimed.
function Admin.queue_successor(id, old, kind, subject, node, now)
    queue_new_jobs({ new_job(id, kind, subject, node, int(now)) })
    redis.call("HSET", PREFIX .. "job:" .. id, "attempt", old and old.attempt or "1", "epoch", old and old.epoch or "1")
end

-- The job in quarantine that a subject may have, queued again; else a new one. What has been done stays counted as done.
-- move: transition() of what it is; seed: of the new job's id.
function Admin.start_again(subject, kind, move, seed, actor, why)
    local old, now = own_job(subject), now_ms()
    local node = node_of(subject.app, subject.node)
    local changes = { state_unready = "[]", state_details = "[]", hook_state = "", hook_state_details = "[]",
        node = node }
    if old and old.state == "quarantined" then
        move(subject, "retry", Admin.note(old, actor, why), changes)
        queue_job(old, Admin.fresh(old, why))
        return old.id
    end
    changes.job = derived_id("retry" .. seed .. int(now))
    move(subject, "retry", { job = changes.job, who = actor, why = why }, changes)
    Admin.queue_successor(changes.job, old, kind, subject, node, now)
    return changes.job
end

function Admin.retry_backup(backup, actor, why)
    Admin.check_retry(backup)
    return Admin.start_again(backup, "backup", transition, backup.id .. backup.revision, actor, why)
end

function Admin.retry_task(task, actor, why)
    Tasks.require_event(task, "retry")
    find_app("", task.app)
    find_bucket("", task.bucket)
    if task.kind == "restore" then
        Tasks.read_restore({ account = "", app = task.app, backup = task.backup })
    end
    Tasks.check_room(task)
    return Admin.start_again(task, task.kind, Tasks.transition, task.id, actor, why)
end

define("retry", WRITES, function(a)
    local id, actor = a:id("backup or task"), Admin.read_actor(a)
    local why = Admin.why("tried again on request", Admin.read_reason(a))
    a:finish()
    local backup, task = load_backup(id), Tasks.load(id)
    if not backup and not task then
        refuse("UNKNOWN_BACKUP", "no backup and no task has the id %s", id)
    end
    local job = backup and Admin.retry_backup(backup, actor, why) or Admin.retry_task(task, actor, why)
    return string.format("%s %s is pending again, its job is %s", backup and "backup" or task.kind, id, job)
end)

-- Queued again --------------------------------------------------------------------------------------------------------

function Admin.release(job, actor, why)
    local subject = Admin.subject_of(job)
    if not subject or subject.job ~= job.id then
        refuse("ILLEGAL_TRANSITION", "job %s: %s %s is gone or has another job by now; drop this one", job.id,
            is_task(job) and "task" or "backup", job.subject)
    elseif is_task(job) then
        Admin.retry_task(subject, actor, why)
    elseif job.kind == "backup" then
        Admin.retry_backup(subject, actor, why)
    else
        Tasks.refuse_delete(subject)
        transition(subject, "delete", Admin.note(job, actor, why), { state_unready = "[]" })
        queue_job(job, Admin.fresh(job, why))
    end
    return string.format("job %s is in the queue of node %s again", job.id, job.node)
end

Admin.REQUEUE = { quarantined = Admin.release }

function Admin.REQUEUE.queued(job)
    refuse("ILLEGAL_TRANSITION", "job %s is in the queue of node %s already, at place %d", job.id, job.node,
        (redis.call("ZRANK", place_of(job), job.id) or 0) + 1)
end

function Admin.REQUEUE.done(job)
    refuse("ILLEGAL_TRANSITION", "job %s is done; a failed backup or task is tried again by its own id", job.id)
end

function Admin.REQUEUE.delayed(job, actor, why)
    local subject = Admin.subject_of(job)
    if not Tasks.is_wanted(job) then
        refuse("ILLEGAL_TRANSITION", "job %s: what it is for does not wait for it", job.id)
    end
    local update = is_task(job) and Tasks.update or update_backup
    update(subject, { state_unready = "[]" }, now_ms())
    queue_job(job, { deadline_ms = "0", reason = why })
    Admin.journal_for(job, subject, { who = actor, why = why })
    return string.format("job %s is in the queue of node %s", job.id, job.node)
end

-- As if its worker had handed it back, but in the name of who asks. Its epoch is stale from here on: a job that is not
-- claimed has no writer.
function Admin.REQUEUE.claimed(job, actor, why, force)
    local subject = Admin.subject_of(job)
    if tonumber(job.lease_until_ms) > now_ms() and not force then
        refuse("LEASE_HELD", "job %s: worker %s has it until %s; it can only be taken away by force", job.id, job.worker,
            time_text(job.lease_until_ms))
    elseif not subject then
        refuse("ILLEGAL_TRANSITION", "job %s: its %s %s is gone", job.id, job.kind, job.subject)
    end
    local release = { reason = why, delay_ms = 0 }
    if is_task(job) then
        Tasks.require_event(subject, "requeue")
    else
        require_event(subject, "requeue")
    end
    redis.call("HSET", PREFIX .. "job:" .. job.id, "deadline_ms", "0")
    job.deadline_ms, job.worker = "0", actor
    if is_task(job) then
        Tasks.finish(job, "released", release, {})
    else
        FINISH.released(job, subject, release, {})
    end
    if job.state == "queued" then
        local update = is_task(job) and Tasks.update or update_backup
        update(Admin.subject_of(job), { state_unready = "[]" }, now_ms()) -- what it waits for is told instead
        return string.format("job %s is in the queue of node %s", job.id, job.node)
    end
    return string.format("job %s has ended: that had been asked for", job.id)
end

define("job_requeue", WRITES, function(a)
    local id, actor = a:id("job"), Admin.read_actor(a)
    local force = a:choice("force", { ["0"] = true, ["1"] = true }) == "1"
    local why = Admin.why("queued again on request", Admin.read_reason(a))
    a:finish()
    local job = Admin.find_job(id)
    return Admin.REQUEUE[job.state](job, actor, why, force)
end)

function Admin.find_quarantined(id)
    local job = Admin.find_job(id)
    if job.state ~= "quarantined" then
        refuse("ILLEGAL_TRANSITION", "job %s is %s, not in quarantine", job.id, job.state)
    end
    return job
end

define("quarantine_release", WRITES, function(a)
    local id, actor = a:id("job"), Admin.read_actor(a)
    local why = Admin.why("released from quarantine", Admin.read_reason(a))
    a:finish()
    return Admin.release(Admin.find_quarantined(id), actor, why)
end)

define("quarantine_drop", WRITES, function(a)
    local id, actor = a:id("job"), Admin.read_actor(a)
    local why = Admin.why("dropped from quarantine", Admin.read_reason(a))
    a:finish()
    local job = Admin.find_quarantined(id)
    end_job(job, why)
    Admin.journal_for(job, Admin.subject_of(job), { who = actor, why = why })
    return string.format("job %s is forgotten; its %s %s stays as it is", job.id, is_task(job) and "task" or "backup",
        job.subject)
end)

-- Held back -----------------------------------------------------------------------------------------------------------

-- Apps or buckets of all accounts, through see().
function Admin.each_named(kind, see)
    local owners = all_accounts()
    owners[#owners + 1] = kind == "bucket" and "shared" or nil
    for _, owner in ipairs(owners) do
        for _, id in ipairs(redis.call("ZRANGE", PREFIX .. kind .. "s:" .. owner, 0, -1)) do
            local record = read_hash(PREFIX .. kind .. ":" .. id)
            if record then
                see(record)
            end
        end
    end
end

-- By name or id; two accounts may have an app of the same name.
function Admin.find_named(kind, name)
    if kind == "node" then
        require_node(name)
        return { id = name, name = name, node = name }
    end
    local found = {}
    Admin.each_named(kind, function(record)
        if record.id == name or record.name == name then
            found[#found + 1] = record
        end
    end)
    if #found > 1 then
        refuse("INVALID_ARGUMENT", "%d %ss are called %s: the id of one is needed", #found, kind, name)
    end
    return found[1] or refuse(kind == "app" and "UNKNOWN_APP" or "UNKNOWN_BUCKET", "there is no %s %s", kind, name)
end

define("pause", WRITES, function(a)
    local kind, name = a:choice("kind", Pauses.KINDS), a:name("name", NODE_MAX)
    local actor, reason = Admin.read_actor(a), Admin.read_reason(a)
    a:finish()
    local found = Admin.find_named(kind, name)
    local field = kind .. ":" .. found.id
    local old = redis.call("HGET", Pauses.KEY, field)
    if old then
        refuse("ALREADY_PAUSED", "%s, since %s", Pauses.sentence(Pauses.read(field, old)),
            time_text(cjson.decode(old).since_ms))
    end
    redis.call("HSET", Pauses.KEY, field, Json.object({ { "name", found.name }, { "who", actor },
        { "since_ms", now_ms() }, { "reason", reason } }).json)
    journal({ app = kind == "app" and found.id or "", account = found.account, who = actor,
        why = Admin.why(string.format("%s %s is paused", kind, found.name), reason) })
    return string.format("%s %s is paused: what runs goes on, and nothing begins", kind, found.name)
end)

-- By the id or the name it had then: what is paused may be defined no more.
function Admin.find_pause(kind, name)
    local found = {}
    for _, pause in ipairs(Pauses.all()) do
        if pause.kind == kind and (pause.id == name or pause.name == name) then
            found[#found + 1] = pause
        end
    end
    if #found > 1 then
        refuse("INVALID_ARGUMENT", "%d %ss are called %s: the id of one is needed", #found, kind, name)
    end
    return found[1] or refuse("NOT_PAUSED", "%s %s is not paused", kind, name)
end

function Admin.wake_all()
    for _, node in ipairs(redis.call("ZRANGE", NODES, 0, -1)) do
        wake(node)
    end
end

define("resume", WRITES, function(a)
    local kind, name = a:choice("kind", Pauses.KINDS), a:name("name", NODE_MAX)
    local actor, reason = Admin.read_actor(a), Admin.read_reason(a)
    a:finish()
    local pause = Admin.find_pause(kind, name)
    redis.call("HDEL", Pauses.KEY, kind .. ":" .. pause.id)
    journal({ app = kind == "app" and pause.id or "", who = actor,
        why = Admin.why(string.format("%s %s goes on", kind, pause.name), reason) })
    Admin.wake_all()
    return string.format("%s %s goes on", kind, pause.name)
end)
