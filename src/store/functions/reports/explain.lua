-- Reports for people with a bare redis-cli: one record in sentences ---------------------------------------------------

local Explain = { JOB = {}, AHEAD_MAX = 3 }

function Explain.node(say, name, now)
    local node = Hash.read(Keys.node(name))
    if not node then
        say("Blocked: node %s has never registered a worker. Start appbackup-worker there.", name)
    elseif not Nodes.is_alive(name, now) then
        say("Blocked: node %s has no living worker: the last heartbeat was at %s. Start appbackup-worker there.", name,
            Time.text(node.heartbeat_ms))
    elseif tonumber(node.running) >= tonumber(node.slots) then
        say("Blocked: node %s works on %s jobs and has %s slots: it takes the next one when a slot is free.", name,
            node.running, node.slots)
    else
        say("Node %s has a living worker with %s of %s slots in use.", name, node.running, node.slots)
    end
end

-- Tells which jobs the next claims look at before this one.
function Explain.ahead(say, queue, place)
    local ids = redis.call("ZRANGE", queue, 0, math.min(place, Explain.AHEAD_MAX) - 1)
    local works = {}
    for _, id in ipairs(ids) do
        local job = Jobs.load(id)
        works[#works + 1] = job and string.format("%s (job %s)", Subject.of_job(job).work(job), id) or nil
    end
    if place > 0 then
        say("Ahead of it: %s%s.", table.concat(works, ", "), place > #ids and string.format(", and %d more",
            place - #ids) or "")
    end
end

function Explain.pauses(say, job)
    for _, pause in ipairs(Pauses.of(job)) do
        say("Blocked: %s, since %s. Let it go on: appbackupctl resume %s %s", Pauses.sentence(pause),
            Time.text(pause.since_ms), pause.kind, pause.name)
    end
end

function Explain.blocks(say, job, now)
    Explain.pauses(say, job)
    local busy, subject, kind = Jobs.busy(job.app)
    if busy and busy ~= job.id then
        say("Blocked: job %s works on %s %s of the same app, and an app has one job at a time.", busy,
            Subject.of_kind(kind).noun({ kind = kind }), subject)
    end
    local full = Buckets.wait(job.bucket)
    if full ~= "" then
        say("Blocked: %s.", full)
    end
    Explain.node(say, job.node, now)
end

function Explain.JOB.queued(say, job, now)
    local queue = Keys.queue(job.node)
    local place = redis.call("ZRANK", queue, job.id) or 0
    say("Its %s job %s waits in %s, at place %d of %d, after %s attempts.", job.kind, job.id, queue, place + 1,
        redis.call("ZCARD", queue), job.attempt)
    Explain.ahead(say, queue, place)
    Explain.blocks(say, job, now)
    say("Next: the first claim of node %s that finds nothing in its way takes it; a free worker looks at least every "
        .. "second.", job.node)
end

function Explain.JOB.delayed(say, job, now)
    local due = redis.call("ZSCORE", Keys.DELAYED, job.id) or Text.int(now)
    local most = redis.call("HGET", Keys.node(job.node), "retries_max")
    say("Its %s job %s waits for a retry after attempt %s: %s", job.kind, job.id, job.attempt, job.reason)
    say("Next: retry %s%s at %s (in %s), on node %s. At once: appbackupctl requeue %s", job.failures,
        most and " of " .. most or "", Time.clock(due), Time.seconds_from(now, due), job.node, job.id)
    Explain.pauses(say, job)
    Explain.node(say, job.node, now)
end

function Explain.JOB.claimed(say, job, now)
    say("Worker %s has its %s job %s: attempt %s, epoch %s, stage %s.", job.worker, job.kind, job.id, job.attempt,
        job.epoch, job.stage)
    if tonumber(job.lease_until_ms) > now then
        say("Its lease ends at %s (in %s) unless it is renewed; then the job is queued again.",
            Time.text(job.lease_until_ms), Time.seconds_from(now, job.lease_until_ms))
    else
        say("Its lease has ended at %s: the job is queued again as soon as another worker of node %s has started, or the "
            .. "node has been heard or silent for %d s while Redis was there.", Time.text(job.lease_until_ms), job.node,
            Limits.NODE_ALIVE_MS / 1000)
    end
    if job.cancel == "1" then
        say("%s has asked it to stop (%s): the worker learns it with its next renewal, within a second.",
            job.cancel_who, job.cancel_why)
    end
end

function Explain.JOB.quarantined(say, job)
    say("Its %s job %s is in quarantine since %s, after %s kills: %s", job.kind, job.id,
        Time.text(redis.call("ZSCORE", Keys.QUARANTINE, job.id) or job.created_ms), job.kills, job.reason)
    say("Next: nothing happens by itself. Find out why the worker died; then either of:")
    say("  appbackupctl quarantine release %s   (queue it again)", job.id)
    say("  appbackupctl quarantine drop %s   (leave it failed)", job.id)
end

function Explain.JOB.done(say, job)
    say("Its last job %s (%s) is done%s", job.id, job.kind, job.reason ~= "" and ": " .. job.reason or ".")
end

Explain.NEXT_STEPS = {
    completed = "Next: nothing, it can be restored or deleted.",
    failed = "Next: nothing happens by itself. Try it again: appbackupctl retry %s",
    removed = "Next: a verification of everything (appbackupctl verify APP --all) that finds its data completes it again.",
    unknown = "Next: nothing happens by itself.",
}

function Explain.progress(say, record)
    if tonumber(record.bytes_total) >= 0 then
        say("%s of %s bytes are done (%s %%).", record.bytes_done, record.bytes_total, record.percent_done)
    end
    for _, reason in ipairs(cjson.decode(record.state_unready)) do
        say("Reason: %s", reason)
    end
end

-- A backup whose job is in quarantine is told how that is released.
function Explain.next(say, state, id, job)
    if Explain.NEXT_STEPS[state] and not (job and job.state == "quarantined") then
        say(Explain.NEXT_STEPS[state], id)
    end
end

function Backups.explain(say, backup, now)
    say("Backup %s (%s) of app %s on node %s is %s since %s.", backup.name, backup.id, backup.app_name, backup.node,
        backup.state, Time.text(redis.call("ZSCORE", Keys.state(backup.state), backup.id)
            or backup.modified_ms or backup.created_ms))
    if backup.repository_snapshot ~= "" then
        say("Its data is restic snapshot %s in bucket %s.", backup.repository_snapshot, backup.bucket)
    end
    Explain.progress(say, backup)
    local job = Jobs.load(backup.job)
    if job then
        Explain.JOB[job.state](say, job, now)
    elseif Explain.NEXT_STEPS[backup.state] == nil then
        say("Its job %s does not exist: no worker will pick it up. Delete the backup.", backup.job)
    end
    Explain.next(say, backup.state, backup.id, job)
end

function Tasks.explain(say, task, now)
    say("Task %s is a %s, asked for by %s, and is %s.", task.id, Tasks.describe(task), task.created_by, task.state)
    Explain.progress(say, task)
    local job = Jobs.load(task.job)
    if job then
        Explain.JOB[job.state](say, job, now)
    elseif task.state == "pending" or task.state == "running" then
        say("Its job %s does not exist: no worker will pick it up. Cancel the task.", task.job)
    end
    Explain.next(say, task.state == "failed" and "failed" or "", task.id, job)
end

Call.define("explain", function(args)
    local id = args.id
    local now, lines = Time.now_ms(), {}
    local function say(text, ...)
        lines[#lines + 1] = string.format(text, ...)
    end
    local job = Jobs.load(id)
    local record, subject = Subject.locate(job and job.subject or id)
    if record then
        subject.explain(say, record, now)
    elseif not job then
        Call.refuse("UNKNOWN_BACKUP", "no backup, no task and no job has the id %s", id)
    else
        say("Backup %s, the subject of this job, is gone.", job.subject)
    end
    if job and (not record or record.job ~= id) then
        say("About job %s itself:", id)
        Explain.JOB[job.state](say, job, now)
    end
    return lines
end)
