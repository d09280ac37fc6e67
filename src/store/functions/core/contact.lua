-- What the end of a lease means ---------------------------------------------------------------------------------------

--[[
A worker renews every few seconds. So a lease ends when its process hangs or its host is dead, but also when Redis was
away: then nobody could renew, and nobody has died. The heartbeats of nodes tell these apart. Of a lease that has ended:
  another worker has registered in the place of the one that had the job: that one is dead
  its worker has been heard since then: it lives, and the job is put back without a kill
  its node is silent, for as long as another node has been heard without a break: it is dead
Nothing is said before NODE_ALIVE_MS have passed since the node came back, or fell silent: by then a worker that lives has
renewed, or told how its job has ended.
]]
local Contact = { BREAK_MS = 5000 } -- between two heartbeats, which come every 2 s: Redis or the node was away

-- The fields that the record of a node gets when the node is heard.
function Contact.note(node, now)
    local last = redis.call("HGET", Keys.node(node), "heartbeat_ms")
    local changes = { heartbeat_ms = Text.int(now) }
    if last and now - tonumber(last) > Contact.BREAK_MS then
        changes.back_ms = Text.int(now)
    end
    redis.call("ZADD", Keys.NODES, Text.int(now), node)
    return changes
end

-- The time since which a node has been heard without a break.
function Contact.since(node)
    return math.max(tonumber(node.started_ms or "0"), tonumber(node.back_ms or "0"))
end

-- Was Redis there all the time? It was if some node has been heard.
function Contact.has_witness(now)
    for _, name in ipairs(redis.call("ZRANGEBYSCORE", Keys.NODES, Text.int(now - Contact.BREAK_MS), "+inf")) do
        local node = Hash.read(Keys.node(name))
        if node and now - Contact.since(node) >= Limits.NODE_ALIVE_MS then
            return true
        end
    end
    return false
end

-- What has become of the worker of a job whose lease has ended: "dead", "alive", or nil while that cannot be told.
function Contact.judge(job, now)
    local node = Hash.read(Keys.node(job.node)) or {}
    local last = tonumber(node.heartbeat_ms or "0")
    if (node.worker or "") ~= "" and node.worker ~= job.worker then
        return "dead"
    elseif last >= tonumber(job.lease_until_ms) then
        return now - tonumber(node.back_ms or "0") >= Limits.NODE_ALIVE_MS and "alive" or nil
    end
    return now - last >= Limits.NODE_ALIVE_MS and Contact.has_witness(now) and "dead" or nil
end
