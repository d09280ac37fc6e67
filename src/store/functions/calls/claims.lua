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

-- Does its app or its bucket keep a job waiting? known remembers which apps and buckets are paused, which apps have a
-- claimed job, and which buckets have as many as they may.
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

Call.define("job_claim", function(args)
    local node, worker, timeout_ms = args.node, args.worker, args.timeout_ms
    Nodes.require(node)
    Jobs.sweep(args.kills_max)
    if Pauses.holds("node", node) then
        return false
    end
    local first, known = 0, {}
    for _ = 1, Claim.PAGES do
        local job, skipped, seen = Claim.pick(node, first, known)
        if job then
            local now = Time.now_ms()
            local until_ms = Text.int(now + args.lease_ms)
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

Call.define("job_get", function(args)
    local id = args.job
    local job = Jobs.load(id)
    if not job then
        Call.refuse("UNKNOWN_JOB", "there is no job %s", id)
    end
    return Hash.flatten(job)
end)

Call.define("job_renew", function(args)
    local lease_ms, report = args.lease_ms, args.progress
    local job = Jobs.fence(args.job, args.epoch)
    return Subject.of_job(job):renew(job, lease_ms, report)
end)

Claim.EVENTS = { discovering = "discover", running = "run" }

Call.define("job_advance", function(args)
    local event, lease_ms, report = Claim.EVENTS[args.state], args.lease_ms, args.progress
    local job = Jobs.fence(args.job, args.epoch)
    return Subject.of_job(job):advance(job, event, lease_ms, report)
end)

Call.define("job_finish", function(args)
    local outcome, report = args.outcome, args.progress
    local finish = { delay_ms = args.delay_ms, reason = args.reason }
    local job = Jobs.fence(args.job, args.epoch)
    Subject.of_job(job):finish(job, outcome, finish, report)
    return Call.DONE
end)

Call.define("job_died", function(args)
    local id = args.job
    local job = Jobs.load(id)
    if not job or job.state ~= "claimed" or tonumber(job.epoch) ~= args.epoch then
        return "none"
    end
    return Subject.of_job(job):bury(job,
        { evidence = args.evidence, kills_max = args.kills_max, delay_ms = args.delay_ms })
end)

Call.define("sweep", function(args)
    Jobs.sweep(args.kills_max)
    return Call.DONE
end)
