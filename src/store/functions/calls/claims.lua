-- Claims of workers ---------------------------------------------------------------------------------------------------

local Claim = {}

Claim.PAGE = 64
Claim.PAGES = 16

function Claim.drop_leftover(id, job, node)
    if job then
        Jobs.close(job, "leftover: its subject does not want it any more")
    end
    redis.call("ZREM", Keys.queue(node), id)
end

-- known remembers which apps and buckets are paused, which apps have a claimed job, and which buckets have as many as
-- they may.
function Claim.is_kept_waiting(job, known)
    if known[job.app] == nil then
        known[job.app] = Jobs.busy(job.app) ~= nil or Pauses.holds("app", job.app)
    end
    if known[job.bucket] == nil then
        known[job.bucket] = Buckets.wait(job.bucket) ~= "" or Pauses.holds("bucket", job.bucket)
    end
    return known[job.app] or known[job.bucket]
end

-- The first job of a page of the queue that may run now; then how many of the page stay, and how many it had.
function Claim.pick(node, first, known)
    local queue = Keys.queue(node)
    local ids = redis.call("ZRANGE", queue, first, first + Claim.PAGE - 1)
    local skipped = 0
    for _, id in ipairs(ids) do
        local job = Jobs.load(id)
        if job and Claim.is_kept_waiting(job, known) then
            skipped = skipped + 1
        elseif job and Jobs.place_of(job) == queue and Subject.of_job(job):is_wanted(job) then
            return job, skipped, #ids
        else
            Claim.drop_leftover(id, job, node)
        end
    end
    return nil, skipped, #ids
end

Call.writes("job_claim", function(a)
    local node, worker = a:name("node", Limits.NODE_MAX), Text.clean(a:some_text("worker", 79), 79)
    local lease_ms, kills_max = a:number("lease_ms", 1, Limits.LEASE_MAX_MS), a:number("kills_max", 1, 1000)
    local timeout_ms = a:has_more() and a:number("timeout_ms", 0, Limits.BYTES_MAX) or 0
    a:finish()
    Nodes.require(node)
    Jobs.sweep(kills_max)
    if Pauses.holds("node", node) then
        return false
    end
    local first, known = 0, {}
    for _ = 1, Claim.PAGES do
        local job, skipped, seen = Claim.pick(node, first, known)
        if job then
            local now = Time.now_ms()
            local until_ms = Text.int(now + lease_ms)
            local is_first = timeout_ms > 0 and job.deadline_ms == "0"
            Jobs.move(job, "claimed", until_ms, {
                deadline_ms = is_first and Text.int(now + timeout_ms) or job.deadline_ms,
                epoch = Text.int(job.epoch + 1), attempt = Text.int(job.attempt + 1), worker = worker,
                lease_until_ms = until_ms, stage = "claimed",
            })
            return Hash.flatten(job)
        end
        if seen < Claim.PAGE then
            break
        end
        first = first + skipped -- those that were dropped have left the queue
    end
    return false
end)

Call.reads("job_get", function(a)
    local id = a:id("job")
    a:finish()
    local job = Jobs.load(id)
    if not job then
        Call.refuse("UNKNOWN_JOB", "there is no job %s", id)
    end
    return Hash.flatten(job)
end)

Call.writes("job_renew", function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, Limits.BYTES_MAX)
    local lease_ms = a:number("lease_ms", 1, Limits.LEASE_MAX_MS)
    local report = Progress.read(a)
    local job = Jobs.fence(id, epoch)
    return Subject.of_job(job):renew(job, lease_ms, report)
end)

Claim.EVENTS = { discovering = "discover", running = "run" }

Call.writes("job_advance", function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, Limits.BYTES_MAX)
    local event = Claim.EVENTS[a:choice("state", Claim.EVENTS)]
    local lease_ms = a:number("lease_ms", 1, Limits.LEASE_MAX_MS)
    local report = Progress.read(a)
    local job = Jobs.fence(id, epoch)
    return Subject.of_job(job):advance(job, event, lease_ms, report)
end)

Call.writes("job_finish", function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, Limits.BYTES_MAX)
    local outcome = a:choice("outcome", Subject.OUTCOMES)
    local finish = { delay_ms = a:number("delay_ms", 0, Limits.DELAY_MAX_MS), reason = a:sentence("reason") }
    local report = Progress.read(a)
    local job = Jobs.fence(id, epoch)
    Subject.of_job(job):finish(job, outcome, finish, report)
    return Call.DONE
end)

Call.writes("job_died", function(a)
    local id, epoch, evidence = a:id("job"), a:number("epoch", 0, Limits.BYTES_MAX), a:sentence("evidence")
    local kills_max, delay_ms = a:number("kills_max", 1, 1000), a:number("delay_ms", 0, Limits.DELAY_MAX_MS)
    a:finish()
    local job = Jobs.load(id)
    if not job or job.state ~= "claimed" or tonumber(job.epoch) ~= epoch then
        return "none"
    end
    return Subject.of_job(job):bury(job, { evidence = evidence, kills_max = kills_max, delay_ms = delay_ms })
end)

Call.writes("sweep", function(a)
    local kills_max = a:number("kills_max", 1, 1000)
    a:finish()
    Jobs.sweep(kills_max)
    return Call.DONE
end)
