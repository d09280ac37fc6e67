-- Nodes ---------------------------------------------------------------------------------------------------------------

local Nodes = {}

function Nodes.wake(node)
    redis.call("PUBLISH", Keys.wake(node), "look")
end

function Nodes.is_alive(node, now)
    local heartbeat = redis.call("ZSCORE", Keys.NODES, node)
    return heartbeat and now - tonumber(heartbeat) <= Limits.NODE_ALIVE_MS
end

function Nodes.require(node)
    if redis.call("EXISTS", Keys.node(node)) == 0 then
        Call.refuse("UNKNOWN_NODE", "node %s is not registered", node)
    end
end

-- Apps ----------------------------------------------------------------------------------------------------------------

local Apps = {}

function Apps.accounts()
    return redis.call("SMEMBERS", Keys.ACCOUNTS)
end

function Apps.find(account, id)
    local app = Hash.read(Keys.app(id))
    if not app or (account ~= "" and app.account ~= account) then
        Call.refuse("UNKNOWN_APP", "there is no app %s here", id)
    end
    return app
end

-- Makes of an app what callers see: one whose node has no living worker is unavailable.
function Apps.visible(app, now)
    if not Nodes.is_alive(app.node, now) then
        app.state = "unavailable"
    end
    return app
end

-- The node of an app today, or `otherwise` when the app is no longer defined.
function Apps.node_of(app, otherwise)
    return redis.call("HGET", Keys.app(app), "node") or otherwise
end

function Apps.check_snapshot(app, id)
    if id == "" then
        return
    end
    local owner = redis.call("HGET", Keys.snapshot(id), "app")
    if not owner then
        Call.refuse("UNKNOWN_SNAPSHOT", "there is no snapshot %s", id)
    elseif owner ~= app then
        Call.refuse("FOREIGN_SNAPSHOT", "snapshot %s belongs to another app", id)
    end
end

-- Buckets -------------------------------------------------------------------------------------------------------------

local Buckets = {}

function Buckets.find(account, id)
    local bucket = Hash.read(Keys.bucket(id))
    if not bucket or (account ~= "" and bucket.account ~= "" and bucket.account ~= account) then
        Call.refuse("UNKNOWN_BUCKET", "there is no bucket %s here", id)
    end
    return bucket
end

-- An installation-wide bucket belongs to "shared".
function Buckets.owner(account)
    return account ~= "" and account or "shared"
end

function Buckets.choose(account, id)
    if id ~= "" then
        return Buckets.find(account, id).id
    end
    local default = redis.call("HGET", Keys.DEFAULT_BUCKETS, account)
        or redis.call("HGET", Keys.DEFAULT_BUCKETS, "shared")
    if not default then
        Call.refuse("NO_BUCKET", "account %s has no default bucket, and there is none for all accounts", account)
    end
    return default
end

-- The reason why a bucket takes no further job now; "" when it does take one. Whatever the set says, only a claimed job
-- counts.
function Buckets.wait(bucket)
    local known = redis.call("HMGET", Keys.bucket(bucket), "jobs_max", "name")
    local max, count = tonumber(known[1] or "0"), 0
    if max == 0 then
        return ""
    end
    for _, id in ipairs(redis.call("SMEMBERS", Keys.bucket_jobs(bucket))) do
        if redis.call("HGET", Keys.job(id), "state") == "claimed" then
            count = count + 1
        end
    end
    return count < max and "" or string.format("waiting for bucket %s: %d jobs work on it, at most %d may", known[2],
        count, max)
end
