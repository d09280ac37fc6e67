-- Why something waits -------------------------------------------------------------------------------------------------

local Waiting = {}

-- The reason why a backup that looks idle is not running. It is true only now, so it is not stored.
function Waiting.reason(backup, now)
    local busy, subject, kind = Jobs.busy(backup.app)
    if busy and busy == backup.job then
        return ""
    end
    local paused = Pauses.reason(backup)
    if paused ~= "" then
        return paused
    elseif busy then
        return Subject.of_kind(kind).busy(kind, subject)
    end
    local node = Text.clean(backup.node, 70)
    if not Nodes.is_alive(backup.node, now) then
        return string.format("waiting for a worker on node %s", node)
    end
    local slots = redis.call("HMGET", Keys.node(backup.node), "running", "slots")
    if tonumber(slots[1] or "0") >= tonumber(slots[2] or "1") then
        return string.format("waiting for a slot on node %s, which works on %s jobs", node, slots[1])
    end
    return Buckets.wait(backup.bucket)
end

-- A reason to add to those that are written in a pending record: whatever it waits for when none is written, and who
-- holds it back in any case.
function Waiting.added(record, now)
    if (record.state_unready or "[]") == "[]" then
        return Waiting.reason(record, now)
    end
    return Pauses.reason(record)
end
