-- Functions for workers -----------------------------------------------------------------------------------------------

define("node_register", WRITES, function(a)
    local node, version, slots = a:name("node", NODE_MAX), clean(a:some_text("version", 31), 31), a:number("slots", 1, 1024)
    local retries_max = int(a:has_more() and a:number("retries_max", 0, 1e6) or 0)
    local worker = a:has_more() and clean(a:text("worker", 79), 79) or ""
    a:finish()
    local schema = redis.call("GET", SCHEMA_KEY)
    if schema and schema ~= SCHEMA then
        refuse("SCHEMA_MISMATCH", "the keys here have schema %s, this program writes %s", schema, SCHEMA)
    end
    local key, now = PREFIX .. "node:" .. node, now_ms()
    redis.call("SET", SCHEMA_KEY, SCHEMA)
    local record, old = Contact.note(node, now), redis.call("HMGET", key, "worker", "started_ms")
    record.name, record.version, record.worker = node, version, worker
    record.slots, record.running, record.retries_max = int(slots), "0", retries_max
    record.started_ms = worker ~= "" and worker == old[1] and old[2] or int(now)
    write_hash(key, record)
    return DONE
end)

define("node_heartbeat", WRITES, function(a)
    local node, running = a:name("node", NODE_MAX), a:number("running", 0, 1024)
    a:finish()
    require_node(node)
    local record = Contact.note(node, now_ms())
    record.running = int(running)
    write_hash(PREFIX .. "node:" .. node, record)
    return DONE
end)

local function read_apps(a)
    local _, list = a:json_array("apps", APPS_JSON_MAX)
    if #list > APPS_MAX then
        refuse("INVALID_ARGUMENT", "%d apps, at most %d are allowed", #list, APPS_MAX)
    end
    local apps = {}
    for _, entry in ipairs(list) do
        if type(entry) ~= "table" then
            refuse("INVALID_ARGUMENT", "an app must be an object")
        end
        local fields = Arguments.of({ tostring(entry.id or ""), tostring(entry.account or ""),
            tostring(entry.name or "") })
        local app = { id = fields:id("id"), account = fields:id("account"), name = fields:name("name", NAME_MAX),
            concurrent_backups = entry.concurrent_backups == "refuse" and "refuse" or "queue" }
        apps[#apps + 1] = app
    end
    return apps
end

-- The app has come from another host, or is defined again: what waits elsewhere would wait for ever.
local function move_waiting(key, to)
    local job = load_job(redis.call("HGET", key, "job") or "")
    if not job or job.node == to or (job.state ~= "queued" and job.state ~= "delayed") then
        return
    end
    local score = redis.call("ZSCORE", place_of(job), job.id)
    redis.call("HSET", key, "node", to)
    move_job(job, job.state, score, { node = to })
end

local function move_all_waiting(app, to)
    for _, state in ipairs({ "pending", "deleting" }) do
        for _, id in ipairs(redis.call("ZINTER", 2, PREFIX .. "state:" .. state, PREFIX .. "backups:" .. app)) do
            move_waiting(PREFIX .. "backup:" .. id, to)
        end
    end
    Tasks.each_active(app, function(task)
        move_waiting(PREFIX .. "task:" .. task.id, to)
    end)
end

local function register_app(app, node, now)
    local key = PREFIX .. "app:" .. app.id
    local old = read_hash(key)
    if old and old.node ~= node then
        redis.call("SREM", PREFIX .. "node-apps:" .. old.node, app.id)
        journal({ app = app.id, account = app.account, who = node,
            why = string.format("app %s is now registered by node %s, it was by %s", app.name, node, old.node) })
    end
    if not old or old.name ~= app.name or old.account ~= app.account or old.node ~= node
        or old.concurrent_backups ~= app.concurrent_backups then
        write_hash(key, { id = app.id, account = app.account, name = app.name, node = node,
            concurrent_backups = app.concurrent_backups, state = old and old.state or "ready", created_ms = old and old.created_ms or int(now),
            modified_ms = int(now) })
    end
    if not old or old.node ~= node then
        move_all_waiting(app.id, node)
    end
    if not old then
        Tasks.on_defined(app.id, node, now)
    end
    redis.call("ZADD", PREFIX .. "apps:" .. app.account, old and old.created_ms or int(now), app.id)
    redis.call("SADD", PREFIX .. "node-apps:" .. node, app.id)
    redis.call("SADD", ACCOUNTS, app.account)
end

local function unregister_app(id, node)
    local app = read_hash(PREFIX .. "app:" .. id)
    redis.call("SREM", PREFIX .. "node-apps:" .. node, id)
    if app and app.node == node then
        redis.call("DEL", PREFIX .. "app:" .. id)
        redis.call("ZREM", PREFIX .. "apps:" .. app.account, id)
        journal({ app = id, account = app.account, who = node,
            why = string.format("app %s is no longer defined on node %s", app.name, node) })
    end
end

define("apps_register", WRITES, function(a)
    local node, apps = a:name("node", NODE_MAX), read_apps(a)
    a:finish()
    require_node(node)
    local now, kept = now_ms(), {}
    for _, app in ipairs(apps) do
        register_app(app, node, now)
        kept[app.id] = true
    end
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "node-apps:" .. node)) do
        if not kept[id] then
            unregister_app(id, node)
        end
    end
    return DONE
end)

local function set_default(owner, bucket)
    local default = redis.call("HGET", DEFAULT_BUCKETS, owner)
    if bucket.is_default == "1" then
        if default and default ~= bucket.id and redis.call("EXISTS", PREFIX .. "bucket:" .. default) == 1 then
            redis.call("HSET", PREFIX .. "bucket:" .. default, "is_default", "0")
        end
        redis.call("HSET", DEFAULT_BUCKETS, owner, bucket.id)
    elseif default == bucket.id then
        redis.call("HDEL", DEFAULT_BUCKETS, owner)
    end
end

local BUCKET_STATES = { pending = true, available = true, failed = true, removed = true, unknown = true }

define("bucket_register", WRITES, function(a)
    local bucket = {
        id = a:id("id"), account = a:optional_id("account"), name = a:name("name", NAME_MAX),
        provider = a:name("provider", 32), server_url = a:text("server_url", 1023),
        bucket_name = a:text("bucket_name", NAME_MAX), state = a:choice("state", BUCKET_STATES),
        state_details = (a:json_array("state_details", JSON_MAX)),
        is_default = a:choice("is_default", { ["0"] = true, ["1"] = true }),
        jobs_max = a:has_more() and int(a:number("jobs_max", 0, 1e6)) or "0",
    }
    a:finish()
    local key, owner, now = PREFIX .. "bucket:" .. bucket.id, bucket_owner(bucket.account), now_ms()
    local old = read_hash(key)
    bucket.created_ms = old and old.created_ms or int(now)
    bucket.modified_ms = int(now)
    bucket.probe_details, bucket.verify_ms = bucket.state_details, old and old.verify_ms
    bucket.state_details = Tasks.bucket_details(bucket)
    write_hash(key, bucket)
    redis.call("ZADD", PREFIX .. "buckets:" .. owner, bucket.created_ms, bucket.id)
    if bucket.account ~= "" then
        redis.call("SADD", ACCOUNTS, bucket.account)
    end
    set_default(owner, bucket)
    return DONE
end)

local function drop_leftover(id, job, node)
    if job then
        end_job(job, "leftover: its subject does not want it any more")
    end
    redis.call("ZREM", PREFIX .. "queue:" .. node, id)
end

-- known remembers which apps and buckets are paused, which apps have a claimed job, and which buckets have as many as
-- they may.
local function is_kept_waiting(job, known)
    if known[job.app] == nil then
        known[job.app] = busy_job(job.app) ~= nil or Pauses.holds("app", job.app)
    end
    if known[job.bucket] == nil then
        known[job.bucket] = bucket_wait(job.bucket) ~= "" or Pauses.holds("bucket", job.bucket)
    end
    return known[job.app] or known[job.bucket]
end

-- The first job of a page of the queue that may run now; then how many of the page stay, and how many it had.
local function pick(node, first, known)
    local queue = PREFIX .. "queue:" .. node
    local ids = redis.call("ZRANGE", queue, first, first + CLAIM_PAGE - 1)
    local skipped = 0
    for _, id in ipairs(ids) do
        local job = load_job(id)
        if job and is_kept_waiting(job, known) then
            skipped = skipped + 1
        elseif job and place_of(job) == queue and Tasks.is_wanted(job) then
            return job, skipped, #ids
        else
            drop_leftover(id, job, node)
        end
    end
    return nil, skipped, #ids
end

define("job_claim", WRITES, function(a)
    local node, worker = a:name("node", NODE_MAX), clean(a:some_text("worker", 79), 79)
    local lease_ms, kills_max = a:number("lease_ms", 1, LEASE_MAX_MS), a:number("kills_max", 1, 1000)
    local timeout_ms = a:has_more() and a:number("timeout_ms", 0, BYTES_MAX) or 0
    a:finish()
    require_node(node)
    sweep(kills_max)
    if Pauses.holds("node", node) then
        return false
    end
    local first, known = 0, {}
    for _ = 1, CLAIM_PAGES do
        local job, skipped, seen = pick(node, first, known)
        if job then
            local now = now_ms()
            local until_ms = int(now + lease_ms)
            local is_first = timeout_ms > 0 and job.deadline_ms == "0"
            move_job(job, "claimed", until_ms, {
                deadline_ms = is_first and int(now + timeout_ms) or job.deadline_ms,
                epoch = int(job.epoch + 1), attempt = int(job.attempt + 1), worker = worker,
                lease_until_ms = until_ms, stage = "claimed",
            })
            return flatten(job)
        end
        if seen < CLAIM_PAGE then
            break
        end
        first = first + skipped -- those that were dropped have left the queue
    end
    return false
end)

define("job_get", READS, function(a)
    local id = a:id("job")
    a:finish()
    local job = load_job(id)
    if not job then
        refuse("UNKNOWN_JOB", "there is no job %s", id)
    end
    return flatten(job)
end)

-- The backup of a claimed job; it goes only through this job's own end, so a missing one means a lost lease.
local function backup_of(job)
    local backup = load_backup(job.subject)
    if not backup then
        refuse("LEASE_LOST", "job %s: its backup %s is gone", job.id, job.subject)
    end
    return backup
end

define("job_renew", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local lease_ms = a:number("lease_ms", 1, LEASE_MAX_MS)
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        return Tasks.renew(job, lease_ms, report)
    end
    local backup, now = backup_of(job), now_ms()
    extend_lease(job, lease_ms, now, report.stage)
    if job.kind == "backup" then
        update_backup(backup, progress_changes(backup, report), now)
    end
    return answer_to(job, now)
end)

local ADVANCE_EVENTS = { discovering = "discover", running = "run" }

define("job_advance", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local event = ADVANCE_EVENTS[a:choice("state", ADVANCE_EVENTS)]
    local lease_ms = a:number("lease_ms", 1, LEASE_MAX_MS)
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        return Tasks.advance(job, event, lease_ms, report)
    end
    local backup, now = backup_of(job), now_ms()
    local answer = answer_to(job, now)
    if answer == "ok" then
        require_event(backup, event)
    end
    extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = progress_changes(backup, report)
    changes.state_unready = "[]"
    transition(backup, event, note_of(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end)

define("job_finish", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local outcome = a:choice("outcome", FINISH)
    local finish = { delay_ms = a:number("delay_ms", 0, DELAY_MAX_MS), reason = a:sentence("reason") }
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        Tasks.finish(job, outcome, finish, report)
        return DONE
    end
    local backup = backup_of(job)
    require_event(backup, OUTCOME_EVENTS[job.kind][outcome])
    FINISH[outcome](job, backup, finish, job.kind == "backup" and progress_changes(backup, report) or {})
    return DONE
end)

define("job_died", WRITES, function(a)
    local id, epoch, evidence = a:id("job"), a:number("epoch", 0, BYTES_MAX), a:sentence("evidence")
    local kills_max, delay_ms = a:number("kills_max", 1, 1000), a:number("delay_ms", 0, DELAY_MAX_MS)
    a:finish()
    local job = load_job(id)
    if not job or job.state ~= "claimed" or tonumber(job.epoch) ~= epoch then
        return "none"
    end
    return bury(job, { evidence = evidence, kills_max = kills_max, delay_ms = delay_ms })
end)

define("sweep", WRITES, function(a)
    local kills_max = a:number("kills_max", 1, 1000)
    a:finish()
    sweep(kills_max)
    return DONE
end)
