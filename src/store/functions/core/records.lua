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

-- Lists of records -----------------------------------------------------------------------------------------------------

local Lists = {}

-- A pair to the list under this key, which is made when it is the first.
function Lists.append(lists, key, first, second)
    local list = lists[key]
    if not list then
        list = {}
        lists[key] = list
    end
    local count = #list
    list[count + 1], list[count + 2] = first, second
end

function Lists.by_name(a, b)
    if a.name ~= b.name then
        return a.name < b.name
    end
    return (a.id or "") < (b.id or "")
end

function Lists.reply(records)
    local reply = {}
    for i, record in ipairs(records) do
        reply[i] = Hash.flatten(record)
    end
    return reply
end

-- Records behind the ids of a zset, each through see().
function Lists.collect(key, key_of, records, see)
    for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
        local record = Hash.read(key_of(id))
        if record then
            records[#records + 1] = see and see(record) or record
        end
    end
end
