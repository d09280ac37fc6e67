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
