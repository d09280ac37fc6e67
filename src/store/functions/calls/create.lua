-- Backups that are made -----------------------------------------------------------------------------------------------

local Create = {}

-- The backup that has this name: one in Redis, or another request of this call.
function Create.name_holder(app, name, taken)
    return taken[app .. name] or redis.call("HGET", Keys.names(app), name)
end

-- The one that is asked for; or one of the time and the begin of the id, and of the whole id where another one of this
-- second begins alike.
function Create.choose_name(request, call)
    local name = request.name ~= "" and request.name or call.name_prefix .. request.id:sub(1, 8)
    local holder = Create.name_holder(request.app, name, call.taken)
    if holder and request.name == "" then
        name = call.name_prefix .. request.id
        holder = Create.name_holder(request.app, name, call.taken)
    end
    if holder then
        Call.refuse("NAME_TAKEN", "name '%s' is in use by backup %s", name, holder)
    end
    return name
end

function Create.check_is_new(request, taken)
    local backup, job = Keys.backup(request.id), Keys.job(request.job)
    local some = redis.call("EXISTS", backup, job) > 0 -- nearly never
    if taken[request.id] or (some and redis.call("EXISTS", backup) == 1) then
        Call.refuse("ILLEGAL_TRANSITION", "backup %s exists", request.id)
    end
    if taken[request.job] or (some and redis.call("EXISTS", job) == 1) then
        Call.refuse("INVALID_ARGUMENT", "job %s exists", request.job)
    end
end

-- An app may want to have one backup at a time, and the next one refused rather than queued.
function Create.check_app_has_none(app, taken)
    local found = taken[app.id]
    for _, state in ipairs({ "pending", "discovering", "running" }) do
        found = found or redis.call("ZINTERCARD", 2, Keys.state(state), Keys.backups(app.id),
            "LIMIT", 1) > 0
    end
    if found then
        Call.refuse("BACKUP_ACTIVE", "app %s has a backup that has not ended, and takes one at a time", app.name)
    end
end

-- Notes what a request takes, so that the others of the call see it.
function Create.take(request, taken)
    local id = request.id
    taken[request.app .. request.name], taken[id], taken[request.job], taken[request.app] = id, id, id, id
end

-- The fields of an app that a new backup needs.
function Create.find_app(request)
    local account, name, node, concurrent_backups = unpack(redis.call("HMGET", Keys.app(request.app), "account", "name",
        "node", "concurrent_backups"))
    if account ~= request.account then
        Call.refuse("UNKNOWN_APP", "there is no app %s here", request.app)
    end
    return { id = request.app, account = account, name = name, node = node, concurrent_backups = concurrent_backups }
end

-- Makes a request complete, or refuses it. call: what the requests of one call share: now, and what has been looked up
-- already.
function Create.complete(request, call)
    local app = call.apps[request.app]
    if not app or app.account ~= request.account then
        app = Create.find_app(request)
        call.apps[request.app] = app
    end
    local bucket = request.bucket == "" and call.buckets[request.account]
    if not bucket then
        bucket = Buckets.choose(request.account, request.bucket)
        call.buckets[request.account] = request.bucket == "" and bucket or nil
    end
    Apps.check_snapshot(request.app, request.snapshot)
    request.name = Create.choose_name(request, call)
    Create.check_is_new(request, call.taken)
    if app.concurrent_backups == "refuse" then
        Create.check_app_has_none(app, call.taken)
    end
    Create.take(request, call.taken)
    request.app_name, request.node, request.bucket, request.created_ms = app.name, app.node, bucket, call.created_ms
    return request
end

-- What the caller of a create cannot know of the backup; everything else comes from the request.
function Create.assigned_to(backup)
    return { "name", backup.name, "bucket", backup.bucket, "app_name", backup.app_name, "node", backup.node,
        "created_ms", backup.created_ms }
end

-- One request is answered by what was assigned to it, several by an array with that or an error reply for each: a
-- refused one does not touch the others. Many who create at the same time cost less than each for himself, since what
-- they have in common is looked up and indexed once.
function Create.run(requests)
    local now = Time.now_ms()
    local call = { apps = {}, buckets = {}, taken = {}, created_ms = Text.int(now),
        name_prefix = Time.utc(now, "backup-%04d%02d%02d%02d%02d%02d-") }
    local replies, backups, jobs = {}, {}, {}
    for i = 1, requests.count do
        local ok, result = Call.attempt(function()
            return Create.complete(requests.read(i), call)
        end)
        if ok then
            backups[#backups + 1] = result
            jobs[#jobs + 1] = Jobs.new(result.job, "backup", result, result.node, call.created_ms)
        end
        replies[i] = ok and Create.assigned_to(result) or result
    end
    Backups.store_new(backups)
    Jobs.queue_new(jobs)
    return requests.count == 1 and replies[1] or replies
end

Call.define("backup_create", Create.run)

-- A create with a key of the caller's: the first one with it makes the backup and is remembered for a day; the same
-- request again is answered by that backup, as it is by then. Replies with whether it is a repetition, and the record
-- or, of the first, what was assigned to it.
Call.define("backup_create_once", function(wanted)
    local memory = Keys.create_key(wanted.app, wanted.key)
    local first = redis.call("HMGET", memory, "account", "request", "backup")
    if first[1] == wanted.account then
        local record = Backups.visible(wanted.account, wanted.app, first[3], Time.now_ms())
        if first[2] ~= wanted.request then
            Call.refuse("KEY_REUSED", "the key belongs to another request, which made backup %s", first[3])
        elseif not record then
            Call.refuse("KEY_REUSED", "the key belongs to backup %s, which is gone", first[3])
        end
        return { "1", record }
    end
    local reply = Create.run({ count = 1, read = function() return wanted end })
    if reply.err then
        return reply
    end
    Hash.write(memory, { account = wanted.account, request = wanted.request, backup = wanted.id })
    redis.call("EXPIRE", memory, Keys.KEPT_S["create-key"])
    return { "0", reply }
end)
