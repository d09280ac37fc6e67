-- Health --------------------------------------------------------------------------------------------------------------

local Health = {}

Call.reads("version", function(a)
    a:finish()
    return Library.VERSION
end)

function Health.info(section)
    local values = {}
    for field, value in redis.call("INFO", section):gmatch("([%w_]+):([^\r\n]*)") do
        values[field] = value
    end
    return values
end

-- Since when the oldest of a node's queue waits; nil: it is empty. Within a priority, the score orders by age.
function Health.oldest_queued(node)
    local oldest
    for _, kind in pairs(Facts.kinds) do
        local priority = kind.priority
        local first = redis.call("ZRANGEBYSCORE", Keys.queue(node), Text.int(priority * Jobs.PRIORITY_WEIGHT),
            "(" .. Text.int((priority + 1) * Jobs.PRIORITY_WEIGHT), "WITHSCORES", "LIMIT", 0, 1)
        local created = first[2] and tonumber(first[2]) - priority * Jobs.PRIORITY_WEIGHT
        oldest = created and math.min(oldest or created, created) or oldest
    end
    return oldest
end

Call.reads("health", function(a)
    local only = a:has_more() and a:name("node", Limits.NODE_MAX)
    a:finish()
    local persistence, memory, now = Health.info("persistence"), Health.info("memory"), Time.now_ms()
    local queued = only and 0 or redis.call("ZCARD", Keys.DELAYED)
    local oldest = now
    for _, node in ipairs(only and { only } or redis.call("ZRANGE", Keys.NODES, 0, -1)) do
        queued = queued + redis.call("ZCARD", Keys.queue(node))
        oldest = math.min(oldest, Health.oldest_queued(node) or now)
    end
    local safe_log = persistence.aof_enabled == "1" and persistence.aof_last_write_status == "ok"
    local keeps_all = memory.maxmemory == "0" or memory.maxmemory_policy == "noeviction"
    return Hash.flatten({
        version = Health.info("server").redis_version or "",
        append_only = safe_log and "1" or "0",
        never_evicts = keeps_all and "1" or "0",
        workers = Text.int(redis.call("ZCOUNT", Keys.NODES, Text.int(now - Limits.NODE_ALIVE_MS), "+inf")),
        running = Text.int(redis.call("ZCARD", Keys.LEASES)),
        queued = Text.int(queued),
        oldest_ms = Text.int(now - oldest),
        quarantined = Text.int(redis.call("ZCARD", Keys.QUARANTINE)),
    })
end)
