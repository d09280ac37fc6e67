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
