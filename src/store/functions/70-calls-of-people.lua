-- Functions for people with a bare redis-cli ---------------------------------------------------------------------------

local function seconds_from(now, ms)
    return string.format("%.1f s", (tonumber(ms) - now) / 1000)
end

local function explain_node(say, name, now)
    local node = read_hash(PREFIX .. "node:" .. name)
    if not node then
        say("Node %s has never registered a worker. Start appbackup-worker there.", name)
    elseif not node_is_alive(name, now) then
        say("Node %s has no living worker: the last heartbeat was at %s. Start appbackup-worker there.", name,
            time_text(node.heartbeat_ms))
    elseif tonumber(node.running) >= tonumber(node.slots) then
        say("Node %s works on %s jobs and has %s slots: it takes the next one when a slot is free.", name,
            node.running, node.slots)
    else
        say("Node %s has a living worker with %s of %s slots in use.", name, node.running, node.slots)
    end
end

local EXPLAIN_JOB = {}

function EXPLAIN_JOB.queued(say, job, now)
    local queue = PREFIX .. "queue:" .. job.node
    say("Its %s job %s waits in %s, at place %d of %d, after %s attempts.", job.kind, job.id, queue,
        (redis.call("ZRANK", queue, job.id) or -1) + 1, redis.call("ZCARD", queue), job.attempt)
    local busy, subject, kind = busy_job(job.app)
    if busy then
        say("It cannot start yet: job %s works on %s %s of the same app, and an app has one job at a time.",
            busy, Tasks.KINDS[kind] and kind or "backup", subject)
    end
    local full = bucket_wait(job.bucket)
    if full ~= "" then
        say("It cannot start yet: %s.", full)
    end
    explain_node(say, job.node, now)
    say("Next: the first claim of node %s that finds the app free takes it; a free worker looks at least every second.",
        job.node)
end

function EXPLAIN_JOB.delayed(say, job, now)
    local due = redis.call("ZSCORE", DELAYED, job.id) or int(now)
    say("Its %s job %s waits for a retry after attempt %s: %s", job.kind, job.id, job.attempt, job.reason)
    say("Next: it is queued on node %s at %s (in %s).", job.node, time_text(due), seconds_from(now, due))
    explain_node(say, job.node, now)
end

function EXPLAIN_JOB.claimed(say, job, now)
    say("Worker %s has its %s job %s: attempt %s, epoch %s, stage %s.", job.worker, job.kind, job.id, job.attempt,
        job.epoch, job.stage)
    say("Its lease ends at %s (in %s) unless it is renewed; then the job is queued again.",
        time_text(job.lease_until_ms), seconds_from(now, job.lease_until_ms))
    if job.cancel == "1" then
        say("%s has asked it to stop (%s): the worker learns it with its next renewal, within a second.",
            job.cancel_who, job.cancel_why)
    end
end

function EXPLAIN_JOB.quarantined(say, job)
    say("Its %s job %s is in quarantine: %s", job.kind, job.id, job.reason)
    say("Next: nothing happens by itself. Find out why the worker died; then request it again (a failed backup is "
        .. "deleted first).")
end

function EXPLAIN_JOB.done(say, job)
    say("Its last job %s (%s) is done%s", job.id, job.kind, job.reason ~= "" and ": " .. job.reason or ".")
end

local NEXT_STEPS = {
    completed = "Next: nothing, it can be restored or deleted.",
    failed = "Next: nothing happens by itself; request a new backup, or delete this one.",
    removed = "Next: a verification of everything (appbackupctl verify APP --all) that finds its data completes it again.",
    unknown = "Next: nothing happens by itself.",
}

local function explain_backup(say, backup, now)
    say("Backup %s (%s) of app %s on node %s is %s since %s.", backup.name, backup.id, backup.app_name, backup.node,
        backup.state, time_text(redis.call("ZSCORE", PREFIX .. "state:" .. backup.state, backup.id)
            or backup.modified_ms or backup.created_ms))
    if tonumber(backup.bytes_total) >= 0 then
        say("%s of %s bytes are done (%s %%).", backup.bytes_done, backup.bytes_total, backup.percent_done)
    end
    if backup.repository_snapshot ~= "" then
        say("Its data is restic snapshot %s in bucket %s.", backup.repository_snapshot, backup.bucket)
    end
    for _, reason in ipairs(cjson.decode(backup.state_unready)) do
        say("Reason: %s", reason)
    end
    local job = load_job(backup.job)
    if job then
        EXPLAIN_JOB[job.state](say, job, now)
    elseif NEXT_STEPS[backup.state] == nil then
        say("Its job %s does not exist: no worker will pick it up. Delete the backup.", backup.job)
    end
    if NEXT_STEPS[backup.state] then
        say("%s", NEXT_STEPS[backup.state])
    end
end

local function explain_task(say, task, now)
    say("Task %s is a %s, asked for by %s, and is %s.", task.id, Tasks.describe(task), task.created_by, task.state)
    if tonumber(task.bytes_total) >= 0 then
        say("%s of %s bytes are done (%s %%).", task.bytes_done, task.bytes_total, task.percent_done)
    end
    for _, reason in ipairs(cjson.decode(task.state_unready)) do
        say("Reason: %s", reason)
    end
    local job = load_job(task.job)
    if job then
        EXPLAIN_JOB[job.state](say, job, now)
    elseif task.state == "pending" or task.state == "running" then
        say("Its job %s does not exist: no worker will pick it up. Cancel the task.", task.job)
    end
end

define("explain", READS, function(a)
    local id = a:id("backup, task or job")
    a:finish()
    local now, lines = now_ms(), {}
    local function say(text, ...)
        lines[#lines + 1] = string.format(text, ...)
    end
    local job = load_job(id)
    local task = Tasks.load(job and job.subject or id)
    if task then
        explain_task(say, task, now)
        return lines
    end
    local backup = load_backup(job and job.subject or id)
    if backup then
        explain_backup(say, backup, now)
    elseif not job then
        refuse("UNKNOWN_BACKUP", "no backup, no task and no job has the id %s", id)
    else
        say("Backup %s, the subject of this job, is gone.", job.subject)
    end
    if job and (not backup or backup.job ~= id) then
        say("About job %s itself:", id)
        EXPLAIN_JOB[job.state](say, job, now)
    end
    return lines
end)

define("list", READS, function(a)
    local wanted = STATES
    if a:has_more() then
        local known = {}
        for _, state in ipairs(STATES) do
            known[state] = true
        end
        wanted = { a:choice("state", known) }
    end
    a:finish()
    local lines = {}
    for _, state in ipairs(wanted) do
        for _, id in ipairs(redis.call("ZREVRANGE", PREFIX .. "state:" .. state, 0, 99)) do
            local backup = load_backup(id)
            if backup then
                lines[#lines + 1] = string.format("%-11s %3s %%  %s  %s  app %s  node %s  %s", state,
                    backup.percent_done, time_text(backup.created_ms), backup.name, backup.app_name, backup.node, id)
            end
        end
    end
    return lines
end)
