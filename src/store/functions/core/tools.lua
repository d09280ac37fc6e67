-- Small tools ---------------------------------------------------------------------------------------------------------

-- Ends the call with an error reply; see define().
local function refuse(code, text, ...)
    error({ refusal = code .. " " .. string.format(text, ...) })
end

local function int(number)
    return string.format("%.0f", number)
end

local function now_ms()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The range of the second byte and the length of a UTF-8 character, by its first byte; nil: none starts with it.
local function character_shape(first)
    if first < 0xC2 or first > 0xF4 then
        return nil
    end
    local length = first < 0xE0 and 2 or (first < 0xF0 and 3 or 4)
    local low = first == 0xE0 and 0xA0 or (first == 0xF0 and 0x90 or 0x80)
    local high = first == 0xED and 0x9F or (first == 0xF4 and 0x8F or 0xBF)
    return length, low, high
end

-- What a terminal would obey: C1 controls, and what turns the direction of writing.
local function is_control(character)
    return character:find("^\194[\128-\159]$") or character:find("^\226\128[\170-\174]$")
        or character:find("^\226\129[\166-\169]$")
end

local function character_at(text, at)
    local length, low, high = character_shape(text:byte(at))
    local second = length and text:byte(at + 1)
    if not second or second < low or second > high then
        return nil
    end
    local character = text:sub(at, at + length - 1)
    local whole = character:find("^.[\128-\191]+$") and #character == length
    return whole and not is_control(character) and character or nil
end

-- Text of at most max bytes, fit for JSON: what is not a character becomes '?', what is not printable a space.
local function clean(text, max)
    if #text <= max and text:find("^[ -~]*$") then
        return text
    end
    text = text:gsub("%c", " ")
    if #text <= max and not text:find("[\128-\255]") then
        return text
    end
    local parts, size, at = {}, 0, 1
    while at <= #text do
        local byte = text:byte(at)
        local character = byte < 0x80 and string.char(byte) or character_at(text, at)
        local part = character or "?"
        if size + #part > max then
            break
        end
        parts[#parts + 1] = part
        size = size + #part
        at = at + #part
    end
    return table.concat(parts)
end

-- The parts of a time, by days since 0000-03-01: leap days are at the end of that year.
local function utc(ms, format)
    local seconds = math.floor(ms / 1000)
    local days = math.floor(seconds / 86400) + 719468
    local of_day = seconds % 86400
    local era = math.floor(days / 146097)
    local of_era = days % 146097
    local years = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
        - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * years + math.floor(years / 4) - math.floor(years / 100))
    local month_from_march = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month_from_march + 2) / 5) + 1
    local month = month_from_march < 10 and month_from_march + 3 or month_from_march - 9
    local year = years + era * 400 + (month <= 2 and 1 or 0)
    return string.format(format, year, month, day, math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60)
end

local function time_text(ms)
    return utc(tonumber(ms), "%04d-%02d-%02d %02d:%02d:%02d UTC")
end

-- Of field, value, field, value ...; nil when there is none. defaults: what a field is when the record does not have it.
local function unflatten(flat, defaults)
    if #flat == 0 then
        return nil
    end
    local hash = defaults and setmetatable({}, defaults) or {}
    for i = 1, #flat, 2 do
        hash[flat[i]] = flat[i + 1]
    end
    return hash
end

local function read_hash(key, defaults)
    return unflatten(redis.call("HGETALL", key), defaults)
end

local function flatten(hash)
    local flat = {}
    for field, value in pairs(hash) do
        flat[#flat + 1] = field
        flat[#flat + 1] = value
    end
    return flat
end

local function write_hash(key, hash)
    redis.call("HSET", key, unpack(flatten(hash)))
end

-- A pair to the list under this key, which is made when it is the first.
local function append(lists, key, first, second)
    local list = lists[key]
    if not list then
        list = {}
        lists[key] = list
    end
    local count = #list
    list[count + 1], list[count + 2] = first, second
end

-- An id for a job that the library itself makes; the shape of a UUID version 5.
local function derived_id(seed)
    local hex = redis.sha1hex(seed)
    local variant = string.format("%x", 8 + tonumber(hex:sub(17, 17), 16) % 4)
    return table.concat({ hex:sub(1, 8), hex:sub(9, 12), "5" .. hex:sub(14, 16), variant .. hex:sub(18, 20),
        hex:sub(21, 32) }, "-")
end
