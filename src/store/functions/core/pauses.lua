-- Pauses --------------------------------------------------------------------------------------------------------------

--[[
What a person holds back: no job of a paused node, app or bucket is claimed; one that runs goes on. A hash, "<kind>:<id>"
(of a node its name) -> JSON of name, who, since_ms and reason; nearly always it is not there.
]]
local Pauses = { KINDS = { node = true, app = true, bucket = true } }

function Pauses.holds(kind, id)
    return redis.call("HEXISTS", Keys.PAUSED, kind .. ":" .. id) == 1
end

function Pauses.read(field, text)
    local pause = cjson.decode(text)
    pause.kind, pause.id = field:match("^(%a+):(.*)$")
    return pause
end

-- All pauses, in the order of their names.
function Pauses.all()
    local flat, pauses = redis.call("HGETALL", Keys.PAUSED), {}
    for i = 1, #flat, 2 do
        pauses[#pauses + 1] = Pauses.read(flat[i], flat[i + 1])
    end
    table.sort(pauses, function(x, y)
        return x.kind .. x.name .. x.id < y.kind .. y.name .. y.id
    end)
    return pauses
end

-- The pauses that hold back a job or the subject of one: those of its node, its app and its bucket.
function Pauses.of(job)
    local fields = { "node:" .. job.node, "app:" .. job.app, "bucket:" .. job.bucket }
    local pauses = {}
    for i, text in ipairs(redis.call("HMGET", Keys.PAUSED, unpack(fields))) do
        if text then
            pauses[#pauses + 1] = Pauses.read(fields[i], text)
        end
    end
    return pauses
end

function Pauses.sentence(pause)
    return string.format("%s %s is paused by %s%s", pause.kind, pause.name, pause.who,
        pause.reason ~= "" and ": " .. pause.reason or "")
end

-- The sentence that tells why a person holds back a job; "" when nobody does.
function Pauses.reason(job)
    local pause = Pauses.of(job)[1]
    return pause and Pauses.sentence(pause) or ""
end
