-- Apps, nodes, buckets ------------------------------------------------------------------------------------------------

local function node_is_alive(node, now)
    local heartbeat = redis.call("ZSCORE", NODES, node)
    return heartbeat and now - tonumber(heartbeat) <= NODE_ALIVE_MS
end

local function require_node(node)
    if redis.call("EXISTS", PREFIX .. "node:" .. node) == 0 then
        refuse("UNKNOWN_NODE", "node %s is not registered", node)
    end
end

local function find_app(account, id)
    local app = read_hash(PREFIX .. "app:" .. id)
    if not app or (account ~= "" and app.account ~= account) then
        refuse("UNKNOWN_APP", "there is no app %s here", id)
    end
    return app
end

-- As callers see it: an app whose node has no living worker is unavailable.
local function visible_app(app, now)
    if not node_is_alive(app.node, now) then
        app.state = "unavailable"
    end
    return app
end

local function find_bucket(account, id)
    local bucket = read_hash(PREFIX .. "bucket:" .. id)
    if not bucket or (account ~= "" and bucket.account ~= "" and bucket.account ~= account) then
        refuse("UNKNOWN_BUCKET", "there is no bucket %s here", id)
    end
    return bucket
end

-- An installation-wide bucket belongs to "shared".
local function bucket_owner(account)
    return account ~= "" and account or "shared"
end

local function choose_bucket(account, id)
    if id ~= "" then
        return find_bucket(account, id).id
    end
    local default = redis.call("HGET", DEFAULT_BUCKETS, account) or redis.call("HGET", DEFAULT_BUCKETS, "shared")
    if not default then
        refuse("NO_BUCKET", "account %s has no default bucket, and there is none for all accounts", account)
    end
    return default
end

local function check_snapshot(app, id)
    if id == "" then
        return
    end
    local owner = redis.call("HGET", PREFIX .. "snapshot:" .. id, "app")
    if not owner then
        refuse("UNKNOWN_SNAPSHOT", "there is no snapshot %s", id)
    elseif owner ~= app then
        refuse("FOREIGN_SNAPSHOT", "snapshot %s belongs to another app", id)
    end
end

local function by_name(a, b)
    if a.name ~= b.name then
        return a.name < b.name
    end
    return (a.id or "") < (b.id or "")
end

local function reply_with(records)
    local reply = {}
    for i, record in ipairs(records) do
        reply[i] = flatten(record)
    end
    return reply
end

local function all_accounts()
    return redis.call("SMEMBERS", ACCOUNTS)
end

-- Records behind the ids of a zset, each through see().
local function collect(key, prefix, records, see)
    for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
        local record = read_hash(PREFIX .. prefix .. id)
        if record then
            records[#records + 1] = see and see(record) or record
        end
    end
end
