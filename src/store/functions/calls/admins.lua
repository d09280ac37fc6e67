-- Functions for admins ------------------------------------------------------------------------------------------------

--[[
The levers. Each says who pulls it, and why if there is a reason, and that is in the journal; each checks everything
first, and answers with a sentence.
]]
local Admin = {}

function Admin.why(what, reason)
    return Text.clean(what .. (reason ~= "" and ": " .. reason or ""), Limits.REASON_MAX)
end

function Admin.note(job, actor, why)
    return { job = job.id, epoch = job.epoch, who = actor, why = why }
end

-- Finds a job by its own id, or by that of its backup or task.
function Admin.find_job(id)
    local record = Subject.locate(id)
    local job = Jobs.load(id) or (record and Jobs.of(record))
    if not job then
        Call.refuse("UNKNOWN_JOB", "there is no job %s, and no backup or task with this id that has one", id)
    end
    return job
end

-- Tells the journal that somebody has moved a job whose subject stays in its state. record: nil when it is gone.
function Admin.journal_for(job, record, note)
    local state = record and record.state or ""
    Journal.write({ backup = record and Subject.of_job(job).told(record, "") or Backups.kinds[job.kind] and job.subject,
        job = job.id, app = job.app, account = job.account, from = state, to = state, epoch = job.epoch, who = note.who,
        why = note.why })
end

-- Tried again ---------------------------------------------------------------------------------------------------------

-- The fields with which a job begins anew; its epoch and its attempts go on counting.
function Admin.fresh(job, why)
    return { kills = "0", failures = "0", deadline_ms = "0", cancel = "0", cancel_who = "", cancel_why = "",
        reason = why, node = Apps.node_of(job.app, job.node) }
end

-- A new job that goes on counting where the last one of its subject has stopped: its attempts tell whether there may be
-- data in a bucket. Of one that nobody remembers, it had been claimed.
function Admin.queue_successor(id, old, kind, subject, node, now)
    Jobs.queue_new({ Jobs.new(id, kind, subject, node, Text.int(now)) })
    redis.call("HSET", Keys.job(id), "attempt", old and old.attempt or "1", "epoch", old and old.epoch or "1")
end

-- The job in quarantine that a record may have, queued again; else a new one. What has been done stays counted as done.
-- The id of the job.
function Admin.retry(subject, record, actor, why)
    subject.check_retry(record)
    local old, now = Jobs.of(record), Time.now_ms()
    local changes = { state_unready = "[]", state_details = "[]", hook_state = "", hook_state_details = "[]",
        node = Apps.node_of(record.app, record.node) }
    if old and old.state == "quarantined" then
        subject:transition(record, "retry", Admin.note(old, actor, why), changes)
        Jobs.queue(old, Admin.fresh(old, why))
        return old.id
    end
    changes.job = Ids.derived("retry" .. subject.retry_seed(record) .. Text.int(now))
    subject:transition(record, "retry", { job = changes.job, who = actor, why = why }, changes)
    Admin.queue_successor(changes.job, old, subject.retry_kind(record), record, changes.node, now)
    return changes.job
end

Call.define("retry", function(args)
    local id, actor = args.id, args.actor
    local why = Admin.why("tried again on request", args.reason)
    local record, subject = Subject.locate(id)
    if not record then
        Call.refuse("UNKNOWN_BACKUP", "no backup and no task has the id %s", id)
    end
    local job = Admin.retry(subject, record, actor, why)
    return string.format("%s %s is pending again, its job is %s", subject.noun(record), id, job)
end)

-- Queued again --------------------------------------------------------------------------------------------------------

function Admin.release(job, actor, why)
    local subject = Subject.of_job(job)
    local record = subject:load(job.subject)
    if not record or record.job ~= job.id then
        Call.refuse("ILLEGAL_TRANSITION", "job %s: %s %s is gone or has another job by now; drop this one", job.id,
            subject.name, job.subject)
    elseif job.kind == subject.retry_kind(record) then
        Admin.retry(subject, record, actor, why)
    else
        subject.release(record, Admin.note(job, actor, why))
        Jobs.queue(job, Admin.fresh(job, why))
    end
    return string.format("job %s is in the queue of node %s again", job.id, job.node)
end

Admin.REQUEUE = { quarantined = Admin.release }

function Admin.REQUEUE.queued(job)
    Call.refuse("ILLEGAL_TRANSITION", "job %s is in the queue of node %s already, at place %d", job.id, job.node,
        (redis.call("ZRANK", Jobs.place_of(job), job.id) or 0) + 1)
end

function Admin.REQUEUE.done(job)
    Call.refuse("ILLEGAL_TRANSITION", "job %s is done; a failed backup or task is tried again by its own id", job.id)
end

function Admin.REQUEUE.delayed(job, actor, why)
    local subject = Subject.of_job(job)
    local record = subject:load(job.subject)
    if not subject:is_wanted(job) then
        Call.refuse("ILLEGAL_TRANSITION", "job %s: what it is for does not wait for it", job.id)
    end
    subject:update(record, { state_unready = "[]" }, Time.now_ms())
    Jobs.queue(job, { deadline_ms = "0", reason = why })
    Admin.journal_for(job, record, { who = actor, why = why })
    return string.format("job %s is in the queue of node %s", job.id, job.node)
end

-- Takes a job back as if its worker had released it, but in the name of who asks. Its epoch is stale from here on: a job
-- that is not claimed has no writer.
function Admin.REQUEUE.claimed(job, actor, why, force)
    local subject = Subject.of_job(job)
    local record = subject:load(job.subject)
    if tonumber(job.lease_until_ms) > Time.now_ms() and not force then
        Call.refuse("LEASE_HELD", "job %s: worker %s has it until %s; it can only be taken away by force", job.id,
            job.worker, Time.text(job.lease_until_ms))
    elseif not record then
        Call.refuse("ILLEGAL_TRANSITION", "job %s: its %s %s is gone", job.id, job.kind, job.subject)
    end
    subject:require_event(record, "requeue")
    redis.call("HSET", Keys.job(job.id), "deadline_ms", "0")
    job.deadline_ms, job.worker = "0", actor
    subject:finish(job, "released", { reason = why, delay_ms = 0 }, {})
    if job.state == "queued" then
        local changes = { state_unready = "[]" } -- what it waits for is told instead
        subject:update(subject:load(job.subject), changes, Time.now_ms())
        return string.format("job %s is in the queue of node %s", job.id, job.node)
    end
    return string.format("job %s has ended: that had been asked for", job.id)
end

Call.define("job_requeue", function(args)
    local why = Admin.why("queued again on request", args.reason)
    local job = Admin.find_job(args.job)
    return Admin.REQUEUE[job.state](job, args.actor, why, args.force)
end)

function Admin.find_quarantined(id)
    local job = Admin.find_job(id)
    if job.state ~= "quarantined" then
        Call.refuse("ILLEGAL_TRANSITION", "job %s is %s, not in quarantine", job.id, job.state)
    end
    return job
end

Call.define("quarantine_release", function(args)
    local why = Admin.why("released from quarantine", args.reason)
    return Admin.release(Admin.find_quarantined(args.job), args.actor, why)
end)

Call.define("quarantine_drop", function(args)
    local why = Admin.why("dropped from quarantine", args.reason)
    local job = Admin.find_quarantined(args.job)
    Jobs.close(job, why)
    local subject = Subject.of_job(job)
    Admin.journal_for(job, subject:load(job.subject), { who = args.actor, why = why })
    return string.format("job %s is forgotten; its %s %s stays as it is", job.id, subject.name, job.subject)
end)

-- Held back -----------------------------------------------------------------------------------------------------------

-- Apps or buckets of all accounts, through see().
function Admin.each_named(kind, see)
    local owners = Apps.accounts()
    owners[#owners + 1] = kind == "bucket" and "shared" or nil
    for _, owner in ipairs(owners) do
        for _, id in ipairs(redis.call("ZRANGE", Keys[kind .. "s"](owner), 0, -1)) do
            local record = Hash.read(Keys[kind](id))
            if record then
                see(record)
            end
        end
    end
end

-- Finds a node, app or bucket by its name or id. Two accounts may have an app of the same name.
function Admin.find_named(kind, name)
    if kind == "node" then
        Nodes.require(name)
        return { id = name, name = name, node = name }
    end
    local found = {}
    Admin.each_named(kind, function(record)
        if record.id == name or record.name == name then
            found[#found + 1] = record
        end
    end)
    if #found > 1 then
        Call.refuse("INVALID_ARGUMENT", "%d %ss are called %s: the id of one is needed", #found, kind, name)
    end
    return found[1] or Call.refuse(kind == "app" and "UNKNOWN_APP" or "UNKNOWN_BUCKET", "there is no %s %s", kind, name)
end

Call.define("pause", function(args)
    local kind, actor, reason = args.kind, args.actor, args.reason
    local found = Admin.find_named(kind, args.name)
    local field = kind .. ":" .. found.id
    local old = redis.call("HGET", Keys.PAUSED, field)
    if old then
        Call.refuse("ALREADY_PAUSED", "%s, since %s", Pauses.sentence(Pauses.read(field, old)),
            Time.text(cjson.decode(old).since_ms))
    end
    redis.call("HSET", Keys.PAUSED, field, Json.object({ { "name", found.name }, { "who", actor },
        { "since_ms", Time.now_ms() }, { "reason", reason } }).json)
    Journal.write({ app = kind == "app" and found.id or "", account = found.account, who = actor,
        why = Admin.why(string.format("%s %s is paused", kind, found.name), reason) })
    return string.format("%s %s is paused: what runs goes on, and nothing begins", kind, found.name)
end)

-- Finds a pause by the id or the name that was paused: what had it then may be defined no more.
function Admin.find_pause(kind, name)
    local found = {}
    for _, pause in ipairs(Pauses.all()) do
        if pause.kind == kind and (pause.id == name or pause.name == name) then
            found[#found + 1] = pause
        end
    end
    if #found > 1 then
        Call.refuse("INVALID_ARGUMENT", "%d %ss are called %s: the id of one is needed", #found, kind, name)
    end
    return found[1] or Call.refuse("NOT_PAUSED", "%s %s is not paused", kind, name)
end

function Admin.wake_all()
    for _, node in ipairs(redis.call("ZRANGE", Keys.NODES, 0, -1)) do
        Nodes.wake(node)
    end
end

Call.define("resume", function(args)
    local kind, actor, reason = args.kind, args.actor, args.reason
    local pause = Admin.find_pause(kind, args.name)
    redis.call("HDEL", Keys.PAUSED, kind .. ":" .. pause.id)
    Journal.write({ app = kind == "app" and pause.id or "", who = actor,
        why = Admin.why(string.format("%s %s goes on", kind, pause.name), reason) })
    Admin.wake_all()
    return string.format("%s %s goes on", kind, pause.name)
end)
