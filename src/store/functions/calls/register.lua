-- What workers register: nodes, apps and buckets ----------------------------------------------------------------------

Call.define("node_register", function(args)
    local node, worker = args.node, args.worker
    local schema = redis.call("GET", Keys.SCHEMA)
    if schema and schema ~= Library.SCHEMA then
        Call.refuse("SCHEMA_MISMATCH", "the keys here have schema %s, this program writes %s", schema, Library.SCHEMA)
    end
    local key, now = Keys.node(node), Time.now_ms()
    redis.call("SET", Keys.SCHEMA, Library.SCHEMA)
    local record, old = Contact.note(node, now), redis.call("HMGET", key, "worker", "started_ms")
    record.name, record.version, record.worker = node, args.version, worker
    record.slots, record.running, record.retries_max = Text.int(args.slots), "0", Text.int(args.retries_max)
    record.started_ms = worker ~= "" and worker == old[1] and old[2] or Text.int(now)
    Hash.write(key, record)
    return Call.DONE
end)

Call.define("node_heartbeat", function(args)
    local node = args.node
    Nodes.require(node)
    local record = Contact.note(node, Time.now_ms())
    record.running = Text.int(args.running)
    Hash.write(Keys.node(node), record)
    return Call.DONE
end)

function Apps.read(list)
    if #list > Limits.APPS_MAX then
        Call.refuse("INVALID_ARGUMENT", "%d apps, at most %d are allowed", #list, Limits.APPS_MAX)
    end
    local apps = {}
    for _, entry in ipairs(list) do
        if type(entry) ~= "table" then
            Call.refuse("INVALID_ARGUMENT", "an app must be an object")
        end
        local fields = Args.of({ tostring(entry.id or ""), tostring(entry.account or ""),
            tostring(entry.name or "") })
        local app = { id = fields:id("id"), account = fields:id("account"), name = fields:name("name", Limits.NAME_MAX),
            concurrent_backups = entry.concurrent_backups == "refuse" and "refuse" or "queue" }
        apps[#apps + 1] = app
    end
    return apps
end

-- Moves the job of a record to another node. Its app has come from another host or is defined again, and what waits
-- elsewhere would wait for ever.
function Apps.move_waiting(key, to)
    local job = Jobs.load(redis.call("HGET", key, "job") or "")
    if not job or job.node == to or (job.state ~= "queued" and job.state ~= "delayed") then
        return
    end
    local score = redis.call("ZSCORE", Jobs.place_of(job), job.id)
    redis.call("HSET", key, "node", to)
    Jobs.move(job, job.state, score, { node = to })
end

function Apps.move_all_waiting(app, to)
    for _, subject in ipairs(Subject.all) do
        subject.each_waiting(app, function(id)
            Apps.move_waiting(subject.key(id), to)
        end)
    end
end

function Apps.register(app, node, now)
    local key = Keys.app(app.id)
    local old = Hash.read(key)
    if old and old.node ~= node then
        redis.call("SREM", Keys.node_apps(old.node), app.id)
        Journal.write({ app = app.id, account = app.account, who = node,
            why = string.format("app %s is now registered by node %s, it was by %s", app.name, node, old.node) })
    end
    if not old or old.name ~= app.name or old.account ~= app.account or old.node ~= node
        or old.concurrent_backups ~= app.concurrent_backups then
        Hash.write(key, { id = app.id, account = app.account, name = app.name, node = node,
            concurrent_backups = app.concurrent_backups, state = old and old.state or "ready",
            created_ms = old and old.created_ms or Text.int(now), modified_ms = Text.int(now) })
    end
    if not old or old.node ~= node then
        Apps.move_all_waiting(app.id, node)
    end
    if not old then
        Repositories.on_defined(app.id, node, now)
    end
    redis.call("ZADD", Keys.apps(app.account), old and old.created_ms or Text.int(now), app.id)
    redis.call("SADD", Keys.node_apps(node), app.id)
    redis.call("SADD", Keys.ACCOUNTS, app.account)
end

function Apps.unregister(id, node)
    local app = Hash.read(Keys.app(id))
    redis.call("SREM", Keys.node_apps(node), id)
    if app and app.node == node then
        redis.call("DEL", Keys.app(id))
        redis.call("ZREM", Keys.apps(app.account), id)
        Journal.write({ app = id, account = app.account, who = node,
            why = string.format("app %s is no longer defined on node %s", app.name, node) })
    end
end

Call.define("apps_register", function(args)
    local node, apps = args.node, Apps.read(args.apps)
    Nodes.require(node)
    local now, kept = Time.now_ms(), {}
    for _, app in ipairs(apps) do
        Apps.register(app, node, now)
        kept[app.id] = true
    end
    for _, id in ipairs(redis.call("SMEMBERS", Keys.node_apps(node))) do
        if not kept[id] then
            Apps.unregister(id, node)
        end
    end
    return Call.DONE
end)

function Buckets.set_default(owner, bucket)
    local default = redis.call("HGET", Keys.DEFAULT_BUCKETS, owner)
    if bucket.is_default == "1" then
        if default and default ~= bucket.id and redis.call("EXISTS", Keys.bucket(default)) == 1 then
            redis.call("HSET", Keys.bucket(default), "is_default", "0")
        end
        redis.call("HSET", Keys.DEFAULT_BUCKETS, owner, bucket.id)
    elseif default == bucket.id then
        redis.call("HDEL", Keys.DEFAULT_BUCKETS, owner)
    end
end

Call.define("bucket_register", function(args)
    local bucket = args
    bucket.is_default, bucket.jobs_max = args.is_default and "1" or "0", Text.int(args.jobs_max)
    local key, owner, now = Keys.bucket(bucket.id), Buckets.owner(bucket.account), Time.now_ms()
    local old = Hash.read(key)
    bucket.created_ms = old and old.created_ms or Text.int(now)
    bucket.modified_ms = Text.int(now)
    bucket.probe_details, bucket.verify_ms = bucket.state_details, old and old.verify_ms
    bucket.state_details = Repositories.bucket_details(bucket)
    Hash.write(key, bucket)
    redis.call("ZADD", Keys.buckets(owner), bucket.created_ms, bucket.id)
    if bucket.account ~= "" then
        redis.call("SADD", Keys.ACCOUNTS, bucket.account)
    end
    Buckets.set_default(owner, bucket)
    return Call.DONE
end)
