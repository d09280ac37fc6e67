-- Records -------------------------------------------------------------------------------------------------------------

local Hash = {}

-- The record that a list of fields and values stands for; nil when the list is empty. defaults: metatable with what a
-- field is when the record does not have it.
function Hash.unflatten(flat, defaults)
    if #flat == 0 then
        return nil
    end
    local hash = defaults and setmetatable({}, defaults) or {}
    for i = 1, #flat, 2 do
        hash[flat[i]] = flat[i + 1]
    end
    return hash
end

function Hash.read(key, defaults)
    return Hash.unflatten(redis.call("HGETALL", key), defaults)
end

function Hash.flatten(hash)
    local flat, count = {}, 0
    for field, value in pairs(hash) do
        flat[count + 1], flat[count + 2] = field, value
        count = count + 2
    end
    return flat
end

function Hash.write(key, hash)
    redis.call("HSET", key, unpack(Hash.flatten(hash)))
end
