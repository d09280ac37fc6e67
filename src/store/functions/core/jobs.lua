-- Jobs ----------------------------------------------------------------------------------------------------------------

local JOB_DEFAULTS = { __index = {
    stage = "", attempt = "0", failures = "0", kills = "0", epoch = "0", worker = "", lease_until_ms = "0", cancel = "0",
    cancel_who = "", cancel_why = "", deadline_ms = "0", reason = "",
} }

local function load_job(id)
    return read_hash(PREFIX .. "job:" .. id, JOB_DEFAULTS)
end

-- The job that works on a backup. The one that has found it in a bucket works on a task.
local function own_job(backup)
    local job = load_job(backup.job)
    return job and job.subject == backup.id and job or nil
end

local function place_of(job)
    if job.state == "queued" then
        return PREFIX .. "queue:" .. job.node
    end
    return ({ delayed = DELAYED, claimed = LEASES, quarantined = QUARANTINE })[job.state] -- done: nowhere
end

-- The node of an app today; of one that is no longer defined, what it was.
local function node_of(app, otherwise)
    return redis.call("HGET", PREFIX .. "app:" .. app, "node") or otherwise
end

-- Takes the job from where it stands to where its new state belongs.
local function move_job(job, state, score, changes)
    local old = place_of(job)
    if old then
        redis.call("ZREM", old, job.id)
    end
    if job.state == "claimed" then
        redis.call("HDEL", APP_BUSY, job.app)
        redis.call("SREM", PREFIX .. "bucket-jobs:" .. job.bucket, job.id)
        changes.worker = changes.worker or ""
        changes.lease_until_ms = changes.lease_until_ms or "0"
        changes.stage = changes.stage or ""
        wake(job.node) -- other jobs of the app may go now
    end
    changes.state = state
    for field, value in pairs(changes) do
        job[field] = value
    end
    write_hash(PREFIX .. "job:" .. job.id, changes)
    local new = place_of(job)
    if new then
        redis.call("ZADD", new, score, job.id)
    end
    if state == "claimed" then
        redis.call("HSET", APP_BUSY, job.app, job.id)
        redis.call("SADD", PREFIX .. "bucket-jobs:" .. job.bucket, job.id)
    elseif state == "queued" then
        wake(job.node)
    elseif state == "done" then
        redis.call("EXPIRE", PREFIX .. "job:" .. job.id, JOB_KEPT_S)
    end
end

local function queue_score(job)
    return int(PRIORITY[job.kind] * PRIORITY_WEIGHT + tonumber(job.created_ms))
end

local function queue_job(job, changes)
    move_job(job, "queued", queue_score(job), changes)
end

local function end_job(job, reason)
    move_job(job, "done", nil, { reason = clean(reason, REASON_MAX) })
end

-- New jobs of one kind and time in the queues of their nodes, each written at once with its place. Redis is asked once
-- per queue, not once per job.
local function queue_new_jobs(jobs)
    local queues, score = {}, jobs[1] and queue_score(jobs[1])
    for _, job in ipairs(jobs) do
        redis.call("HSET", PREFIX .. "job:" .. job.id, "id", job.id, "kind", job.kind, "subject", job.subject,
            "account", job.account, "app", job.app, "bucket", job.bucket, "node", job.node, "state", "queued",
            "created_ms", job.created_ms)
        append(queues, job.node, score, job.id)
    end
    for node, members in pairs(queues) do
        redis.call("ZADD", PREFIX .. "queue:" .. node, unpack(members))
        wake(node)
    end
end

local function new_job(id, kind, subject, node, created_ms)
    return {
        id = id, kind = kind, subject = subject.id, account = subject.account, app = subject.app, bucket = subject.bucket,
        node = node, created_ms = created_ms,
    }
end

-- The job that removes the data of a backup that is being deleted; the app's node of today does it.
local function queue_delete_job(backup, now)
    local node = node_of(backup.app, backup.node)
    local id = derived_id(backup.id .. backup.revision .. int(now))
    update_backup(backup, { job = id }, now)
    queue_new_jobs({ new_job(id, "delete", backup, node, int(now)) })
end

-- The id of the job that keeps others of this app waiting, its subject and its kind; or nil. Whatever the hash says,
-- only a claimed job does.
local function busy_job(app)
    local id = redis.call("HGET", APP_BUSY, app)
    if not id then
        return nil
    end
    local job = redis.call("HMGET", PREFIX .. "job:" .. id, "state", "subject", "kind")
    if job[1] ~= "claimed" then
        return nil
    end
    return id, job[2], job[3]
end

-- Why a bucket takes no further job now; "" when it does. As above, only a claimed job counts.
local function bucket_wait(bucket)
    local known = redis.call("HMGET", PREFIX .. "bucket:" .. bucket, "jobs_max", "name")
    local max, count = tonumber(known[1] or "0"), 0
    if max == 0 then
        return ""
    end
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "bucket-jobs:" .. bucket)) do
        if redis.call("HGET", PREFIX .. "job:" .. id, "state") == "claimed" then
            count = count + 1
        end
    end
    return count < max and "" or string.format("waiting for bucket %s: %d jobs work on it, at most %d may", known[2],
        count, max)
end

-- Is this queued job still what its backup waits for?
local function is_wanted(job, backup)
    return backup ~= nil and backup.job == job.id and
        backup.state == (job.kind == "delete" and "deleting" or "pending")
end

-- The claimed job, if the caller still holds it.
local function fence(id, epoch)
    local job = load_job(id)
    if job and job.state == "claimed" and tonumber(job.epoch) == epoch then
        return job
    end
    redis.call("HINCRBY", COUNTERS, "stale_writes", 1)
    refuse("LEASE_LOST", "job %s: epoch %s no longer holds it", id, int(epoch))
end

local function note_of(job, why)
    return { job = job.id, epoch = job.epoch, who = job.worker, why = why }
end

-- The end that somebody has asked for is told in his name.
local function cancel_note(job, otherwise)
    local why = job.cancel_why ~= "" and job.cancel_why or (otherwise ~= "" and otherwise or "canceled on request")
    return { job = job.id, epoch = job.epoch, who = job.cancel_who ~= "" and job.cancel_who or job.worker, why = why }
end

-- A claimed job: its worker learns it with its next renewal. The first who asks counts.
local function ask_to_stop(job, actor, why)
    if job.cancel ~= "1" then
        job.cancel, job.cancel_who, job.cancel_why = "1", actor, why
        redis.call("HSET", PREFIX .. "job:" .. job.id, "cancel", "1", "cancel_who", actor, "cancel_why", why)
    end
end

-- Has it taken longer than a job of its node may, counted from its first claim?
local function is_late(job, now)
    local deadline = tonumber(job.deadline_ms)
    return deadline > 0 and now > deadline
end

local function late_why(job, why)
    return string.format("not done by %s, the deadline of its job: %s", time_text(job.deadline_ms), why)
end

-- What a worker hears about its claim.
local function answer_to(job, now)
    if job.cancel == "1" then
        return "cancel"
    end
    return is_late(job, now) and "late" or "ok"
end

local function extend_lease(job, lease_ms, now, stage)
    local until_ms = int(now + lease_ms)
    redis.call("HSET", PREFIX .. "job:" .. job.id, "lease_until_ms", until_ms, "stage", stage or job.stage)
    redis.call("ZADD", LEASES, until_ms, job.id)
end
