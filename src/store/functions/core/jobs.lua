-- Jobs ----------------------------------------------------------------------------------------------------------------

local Jobs = {}

Jobs.PRIORITY_WEIGHT = 1e13 -- above any time in ms, so that priority sorts first

Jobs.DEFAULTS = { __index = {
    stage = "", attempt = "0", failures = "0", kills = "0", epoch = "0", worker = "", lease_until_ms = "0", cancel = "0",
    cancel_who = "", cancel_why = "", deadline_ms = "0", reason = "",
} }

function Jobs.load(id)
    return Hash.read(Keys.job(id), Jobs.DEFAULTS)
end

-- The event of the subject that an outcome of this job stands for.
function Jobs.event(job, outcome)
    return Facts.kinds[job.kind].outcomes[outcome]
end

-- The job that works on a record. A backup that was found in a bucket names the job that has found it, which works on a
-- task.
function Jobs.of(record)
    local job = Jobs.load(record.job)
    return job and job.subject == record.id and job or nil
end

-- The keys that Facts.job_places names, but for the queues of nodes.
Jobs.PLACES = { delayed = Keys.DELAYED, leases = Keys.LEASES, quarantine = Keys.QUARANTINE }

-- The key that a job stands in; nil: nowhere.
function Jobs.place_of(job)
    local place = Facts.job_places[job.state]
    if place == "queue" then
        return Keys.queue(job.node)
    end
    return Jobs.PLACES[place]
end

-- Takes the job from where it stands to where its new state belongs.
function Jobs.move(job, state, score, changes)
    local old = Jobs.place_of(job)
    if old then
        redis.call("ZREM", old, job.id)
    end
    if job.state == "claimed" then
        redis.call("HDEL", Keys.APP_BUSY, job.app)
        redis.call("SREM", Keys.bucket_jobs(job.bucket), job.id)
        changes.worker = changes.worker or ""
        changes.lease_until_ms = changes.lease_until_ms or "0"
        changes.stage = changes.stage or ""
        Nodes.wake(job.node) -- other jobs of the app may go now
    end
    changes.state = state
    for field, value in pairs(changes) do
        job[field] = value
    end
    Hash.write(Keys.job(job.id), changes)
    local new = Jobs.place_of(job)
    if new then
        redis.call("ZADD", new, score, job.id)
    end
    if state == "claimed" then
        redis.call("HSET", Keys.APP_BUSY, job.app, job.id)
        redis.call("SADD", Keys.bucket_jobs(job.bucket), job.id)
    elseif state == "queued" then
        Nodes.wake(job.node)
    elseif state == "done" then
        redis.call("EXPIRE", Keys.job(job.id), Keys.KEPT_S.job)
    end
end

function Jobs.queue_score(job)
    return Text.int(Facts.kinds[job.kind].priority * Jobs.PRIORITY_WEIGHT + tonumber(job.created_ms))
end

function Jobs.queue(job, changes)
    Jobs.move(job, "queued", Jobs.queue_score(job), changes)
end

function Jobs.close(job, reason)
    Jobs.move(job, "done", nil, { reason = Text.clean(reason, Limits.REASON_MAX) })
end

-- New jobs of one kind and time in the queues of their nodes, each written at once with its place. Redis is asked once
-- per queue, not once per job.
function Jobs.queue_new(jobs)
    local queues, score = {}, jobs[1] and Jobs.queue_score(jobs[1])
    for _, job in ipairs(jobs) do
        redis.call("HSET", Keys.job(job.id), "id", job.id, "kind", job.kind, "subject", job.subject,
            "account", job.account, "app", job.app, "bucket", job.bucket, "node", job.node, "state", "queued",
            "created_ms", job.created_ms)
        Lists.append(queues, job.node, score, job.id)
    end
    for node, members in pairs(queues) do
        redis.call("ZADD", Keys.queue(node), unpack(members))
        Nodes.wake(node)
    end
end

function Jobs.new(id, kind, subject, node, created_ms)
    return {
        id = id, kind = kind, subject = subject.id, account = subject.account, app = subject.app, bucket = subject.bucket,
        node = node, created_ms = created_ms,
    }
end

-- The id of the job that keeps others of this app waiting, its subject and its kind; or nil. Whatever the hash says,
-- only a claimed job does.
function Jobs.busy(app)
    local id = redis.call("HGET", Keys.APP_BUSY, app)
    if not id then
        return nil
    end
    local job = redis.call("HMGET", Keys.job(id), "state", "subject", "kind")
    if job[1] ~= "claimed" then
        return nil
    end
    return id, job[2], job[3]
end

-- The claimed job, if the caller still holds it.
function Jobs.fence(id, epoch)
    local job = Jobs.load(id)
    if job and job.state == "claimed" and tonumber(job.epoch) == epoch then
        return job
    end
    redis.call("HINCRBY", Keys.COUNTERS, "stale_writes", 1)
    Call.refuse("LEASE_LOST", "job %s: epoch %s no longer holds it", id, Text.int(epoch))
end

function Jobs.note(job, why)
    return { job = job.id, epoch = job.epoch, who = job.worker, why = why }
end

-- The end that somebody has asked for is told in his name.
function Jobs.cancel_note(job, otherwise)
    local why = job.cancel_why ~= "" and job.cancel_why or (otherwise ~= "" and otherwise or "canceled on request")
    return { job = job.id, epoch = job.epoch, who = job.cancel_who ~= "" and job.cancel_who or job.worker, why = why }
end

-- Asks the worker of a claimed job to stop, which learns it with its next renewal. The first who asks counts.
function Jobs.ask_to_stop(job, actor, why)
    if job.cancel ~= "1" then
        job.cancel, job.cancel_who, job.cancel_why = "1", actor, why
        redis.call("HSET", Keys.job(job.id), "cancel", "1", "cancel_who", actor, "cancel_why", why)
    end
end

-- Has the job taken longer than a job of its node may, counted from its first claim?
function Jobs.is_late(job, now)
    local deadline = tonumber(job.deadline_ms)
    return deadline > 0 and now > deadline
end

function Jobs.late_why(job, why)
    return string.format("not done by %s, the deadline of its job: %s", Time.text(job.deadline_ms), why)
end

-- The answer to a worker that renews its claim.
function Jobs.answer(job, now)
    if job.cancel == "1" then
        return "cancel"
    end
    return Jobs.is_late(job, now) and "late" or "ok"
end

function Jobs.extend_lease(job, lease_ms, now, stage)
    local until_ms = Text.int(now + lease_ms)
    redis.call("HSET", Keys.job(job.id), "lease_until_ms", until_ms, "stage", stage or job.stage)
    redis.call("ZADD", Keys.LEASES, until_ms, job.id)
end
