-- Health --------------------------------------------------------------------------------------------------------------

local Health = {}

Call.define("version", function()
    return Library.VERSION
end)

function Health.info(section)
    local values = {}
    for field, value in redis.call("INFO", section):gmatch("([%w_]+):([^\r\n]*)") do
        values[field] = value
    end
    return values
end

-- The time since which the oldest job in a node's queue waits; nil when the queue is empty. Within a priority, the score
-- orders by age.
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

-- What the figures are found out from. only: a node whose queue alone counts, or nil for all.
function Health.look(only)
    return { now = Time.now_ms(), only = only, nodes = only and { only } or redis.call("ZRANGE", Keys.NODES, 0, -1),
        server = Health.info("server"), persistence = Health.info("persistence"), memory = Health.info("memory") }
end

-- Health figures, each under its name in src/model/figures.yaml, which says what it means and where it is shown.
local Figures = {}

function Figures.version(place)
    return place.server.redis_version or ""
end

function Figures.append_only(place)
    return place.persistence.aof_enabled == "1" and place.persistence.aof_last_write_status == "ok"
end

function Figures.never_evicts(place)
    return place.memory.maxmemory == "0" or place.memory.maxmemory_policy == "noeviction"
end

function Figures.used_bytes(place)
    return tonumber(place.memory.used_memory or "0")
end

function Figures.max_bytes(place)
    return tonumber(place.memory.maxmemory or "0")
end

function Figures.uptime_s(place)
    return tonumber(place.server.uptime_in_seconds or "0")
end

function Figures.workers(place)
    return redis.call("ZCOUNT", Keys.NODES, Text.int(place.now - Limits.NODE_ALIVE_MS), "+inf")
end

function Figures.running()
    return redis.call("ZCARD", Keys.LEASES)
end

function Figures.in_queues(place)
    local count = 0
    for _, node in ipairs(place.nodes) do
        count = count + redis.call("ZCARD", Keys.queue(node))
    end
    return count
end

function Figures.delayed()
    return redis.call("ZCARD", Keys.DELAYED)
end

function Figures.queued(place)
    return Figures.in_queues(place) + (place.only and 0 or Figures.delayed())
end

function Figures.oldest_ms(place)
    local oldest = place.now
    for _, node in ipairs(place.nodes) do
        oldest = math.min(oldest, Health.oldest_queued(node) or place.now)
    end
    return place.now - oldest
end

function Figures.quarantined()
    return redis.call("ZCARD", Keys.QUARANTINE)
end

function Figures.text(value)
    if type(value) == "boolean" then
        return value and "1" or "0"
    end
    return type(value) == "number" and Text.int(value) or value
end

Call.define("health", function(args)
    local place, reply = Health.look(args.node ~= "" and args.node or nil), {}
    for _, name in ipairs(Facts.figures.health) do
        reply[#reply + 1] = name
        reply[#reply + 1] = Figures.text(Figures[name](place))
    end
    return reply
end)
