-- The doctor: what keys and records look like ----------------------------------------------------------------------------

-- The checks that src/store/protocol/keys.yaml declares.
local is = {}

function is.id(text) return text:find(Ids.PATTERN) ~= nil end
function is.optional_id(text) return text == "" or is.id(text) end
function is.digest(text) return #text == 64 and not text:find("[^0-9a-f]") end
function is.optional_digest(text) return text == "" or is.digest(text) end
function is.name(text) return #text <= Limits.NAME_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function is.node(text) return #text <= Limits.NODE_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function is.text(text) return #text < Limits.JSON_MAX and not text:find("%c") end
function is.some_text(text) return text ~= "" and is.text(text) end
function is.flag(text) return text == "0" or text == "1" end
function is.number(text) return #text <= 16 and text:find("^%d+$") ~= nil and tonumber(text) <= Limits.BYTES_MAX end
function is.bytes(text) return text == "-1" or is.number(text) end
function is.percent(text) return is.number(text) and tonumber(text) <= 100 end
function is.count(text) return is.number(text) and text ~= "0" and tonumber(text) <= 1e12 end
function is.time(text) return is.number(text) and text ~= "0" and tonumber(text) <= Doctor.now + Doctor.CLOCK_SLACK_MS end
function is.owner(text) return text == "shared" or is.id(text) end
function is.task_kind(text) return Facts.subjects.task.kinds[text] ~= nil end
function is.job_kind(text) return Facts.kinds[text] ~= nil end
function is.job_state(text) return Facts.job_places[text] ~= nil end
function is.bucket_state(text) return Functions.WORDS.bucket_state[text] ~= nil end

function is.json(text)
    local ok, value = pcall(cjson.decode, text)
    return ok and type(value) == "table" and text:sub(1, 1) == "[" and text:sub(-1) == "]"
end

function is.repository(text) return Doctor.are_arguments(":" .. text, Keys.all.repository.arguments) end

function is.pause(member, text)
    local ok, pause = pcall(Pauses.read, member, text)
    return ok and Pauses.KINDS[pause.kind] and (pause.kind == "node" and is.node or is.id)(pause.id)
        and type(pause.name) == "string" and type(pause.who) == "string" and type(pause.since_ms) == "number"
        and type(pause.reason) == "string"
end

-- The fields of a kind of record in their order, and each by its name.
function Doctor.fields(kind)
    local fields = Keys.all[kind].fields
    for i = 1, fields[fields[1].name] and 0 or #fields do
        fields[fields[i].name] = fields[i]
    end
    return fields
end

-- check: the name of one of the above, or the words that there are.
function Doctor.passes(check, ...)
    if type(check) == "table" then
        return check[...] ~= nil
    end
    return is[check](...)
end

-- Is this what follows a key's name, ":" and a value for each of its arguments?
function Doctor.are_arguments(rest, arguments)
    local count, known = 0, arguments or {}
    for value in rest:gmatch(":([^:]*)") do
        count = count + 1
        if not known[count] or not Doctor.passes(known[count], value) then
            return false
        end
    end
    return count == #known and (rest == "" or rest:sub(1, 1) == ":")
end

-- What is known of a key, its name, and what follows that; nil when nobody knows it.
function Doctor.describe(key)
    local word, rest = key:match("^" .. Keys.PREFIX .. "([a-z-]+)(.*)$")
    local known = word and Keys.all[word]
    return known and Doctor.are_arguments(rest, known.arguments) and known or nil, word, rest and rest:sub(2)
end

-- Reading: what has another type than it should is as good as not there, and is found by itself.
function Doctor.ask(...)
    local reply = redis.pcall(...)
    return not (type(reply) == "table" and reply.err) and reply or nil
end

-- A record; what only its key has of it is there, too.
function Doctor.read(kind, id)
    local subject, names = Subject.by_name[kind], Keys.all[kind].told
    local defaults = subject and subject.defaults or (kind == "job" and Jobs.DEFAULTS) or nil
    if names then
        local told, at = setmetatable({}, defaults), 0
        for value in id:gmatch("[^:]+") do
            at = at + 1
            told[names[at] or at] = value
        end
        defaults = { __index = told }
    end
    return Hash.unflatten(Doctor.ask("HGETALL", Keys.PREFIX .. kind .. ":" .. id) or {}, defaults)
end

local READ = { hash = "HGET", set = "SISMEMBER", zset = "ZSCORE" }

-- What a key has for a member: its score, its value in a hash, "1" in a set; nil when it is not there.
function Doctor.value(key, member)
    local known = Doctor.describe(key)
    local value = known and READ[known.type] and Doctor.ask(READ[known.type], key, member)
    return value and value ~= 0 and tostring(value) or nil
end

function Doctor.score(key, member)
    return tonumber(Doctor.value(key, member) or nil)
end
