-- Repositories --------------------------------------------------------------------------------------------------------

--[[
What a repository (one per bucket and app) needs stands in two zsets of its app's node, and what has been done with it
in repository:<bucket>:<app>. All of it says "when at last", so that a restart forgets nothing.
]]
local Repositories = {
    DUE_MAX = 1000,   -- those that are looked at in one call
    DAMAGED_MAX = 32, -- damaged ones named in a bucket's details
}

-- A backup that has succeeded shows that the app can be used again.
function Repositories.on_backup(app)
    local key = Keys.app(app)
    if redis.call("HGET", key, "state") == "failed" then
        redis.call("HSET", key, "state", "ready", "state_details", "[]", "modified_ms", Text.int(Time.now_ms()))
    end
end

-- The repository of a backup exists from its completion on; it is first verified an interval later.
function Repositories.on_completed(backup)
    local node = Apps.node_of(backup.app, backup.node)
    redis.call("ZADD", Keys.verified(node), "NX", Text.int(Time.now_ms()), backup.bucket .. ":" .. backup.app)
    Repositories.on_backup(backup.app)
end

-- An app that was defined nowhere, and so had no record, may be restored meanwhile. Its repositories have dropped out of
-- the zset of those that are verified, see Repositories.queue_due(); now they are due as after a first backup.
function Repositories.on_defined(app, node, now)
    Tasks.each_active(app, Tasks.mark_restoring)
    for _, id in ipairs(redis.call("ZRANGE", Keys.backups(app), 0, -1)) do
        local state, bucket = unpack(redis.call("HMGET", Keys.backup(id), "state", "bucket"))
        if state == "completed" and bucket then
            redis.call("ZADD", Keys.verified(node), "NX", Text.int(now), bucket .. ":" .. app)
        end
    end
end

function Repositories.on_purged(backup, node)
    redis.call("ZINCRBY", Keys.unreferenced(node), 1, backup.bucket .. ":" .. backup.app)
end

-- Queues one task for each of the members "<bucket>:<app>" of a node's zset that needs it. An app that has moved takes
-- its entry along; one that is no longer defined anywhere loses it.
function Repositories.queue_due(set, node, members, kind, is_due, sample)
    local queued = 0
    for i = 1, #members, 2 do
        local bucket, id = members[i]:match("^(.-):(.+)$")
        local app = id and Hash.read(Keys.app(id))
        if not app or redis.call("EXISTS", Keys.bucket(bucket)) == 0 then
            redis.call("ZREM", Keys[set](node), members[i])
        elseif app.node ~= node then
            redis.call("ZREM", Keys[set](node), members[i])
            redis.call("ZADD", Keys[set](app.node), members[i + 1], members[i])
        elseif is_due(bucket, id) and not Tasks.is_active(kind, bucket, id) then
            local seed = kind .. members[i] .. Text.int(Time.now_ms())
            Tasks.queue({ id = Ids.derived("task" .. seed), job = Ids.derived("job" .. seed), kind = kind,
                account = app.account, app = id, app_name = app.name, bucket = bucket, created_by = "schedule",
                sample = sample }, node, "due")
            queued = queued + 1
        end
    end
    return queued
end

-- The details of a bucket: what its worker has found when it looked, and what verifications have found.
function Repositories.bucket_details(bucket)
    local details = bucket.probe_details or "[]"
    if bucket.verify_ms then
        local count = redis.call("HLEN", Keys.damaged(bucket.id))
        details = Reasons.with_detail(details, "verified", "Last verification", Time.text(bucket.verify_ms) .. ": " ..
            (count == 0 and "what was read is sound" or count .. " damaged, see the other details"))
    end
    local damaged = redis.call("HGETALL", Keys.damaged(bucket.id))
    for i = 2, math.min(#damaged, 2 * Repositories.DAMAGED_MAX), 2 do
        details = Reasons.with_detail(details, "data_damaged", "Repository damaged", damaged[i])
    end
    return details
end

-- Writes down how a verification has ended. damage: "" when what was read is sound.
function Repositories.note_verified(task, damage)
    local key = Keys.bucket(task.bucket)
    local damaged = Keys.damaged(task.bucket)
    if damage == "" then
        redis.call("HDEL", damaged, task.app)
    else
        redis.call("HSET", damaged, task.app, string.format("app %s: %s", task.app_name, damage))
    end
    redis.call("HSET", Keys.repository(task.bucket, task.app), "damage", damage)
    local bucket = Hash.read(key)
    if bucket then
        bucket.verify_ms = Text.int(Time.now_ms())
        redis.call("HSET", key, "verify_ms", bucket.verify_ms, "state_details", Repositories.bucket_details(bucket))
    end
end
