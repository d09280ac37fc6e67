-- Looking, mending, putting back --------------------------------------------------------------------------------------

Doctor.SCANS = { hash = "HSCAN", set = "SSCAN", zset = "ZSCAN" }
Doctor.SIZES = { hash = "HLEN", set = "SCARD", zset = "ZCARD", list = "LLEN", stream = "XLEN", string = "STRLEN" }

-- What is removed is kept for an undo. A copy of much would hold up all others, and so that is left to a person.
function Doctor.remove(place, type, what, todo)
    local size = Doctor.SIZES[type] and Doctor.ask(Doctor.SIZES[type], place.key) or 0
    if size > (type == "string" and Doctor.COPY_BYTES_MAX or Doctor.COPY_MEMBERS_MAX) then
        Doctor.find(place, what,
            "too large to keep a copy of: RENAME it to a name that does not begin with " .. Keys.PREFIX)
    else
        Doctor.find(place, what, todo, { "DEL", place.key })
    end
end

-- A key as a whole. A record that is not there is nobody's mistake: what lacks it is found there.
-- page: that of a look at many places; nil where this one alone is asked for.
function Doctor.look_at_key(key, now, page)
    local place = { key = key, found = {}, now = now, page = page }
    local known, id = Doctor.describe(key)
    local type = redis.call("TYPE", key).ok
    place.id, place.known = id, known
    if type == "none" then
        if key == Keys.SCHEMA and redis.call("EXISTS", Keys.NODES) == 1 then
            Doctor.whole_schema(place, nil)
        end
    elseif not known then
        Doctor.remove(place, type, "nobody knows this key", "remove it")
    elseif type ~= known.type then
        Doctor.remove(place, type, string.format("it is a %s, and should be a %s", type, known.type),
            "remove it; what can be told from the rest is made again")
    elseif known.whole == "schema" then
        Doctor.whole_schema(place, redis.call("GET", key))
    elseif known.whole then
        local defaults = ({ backup = Backups.defaults, task = Tasks.defaults, job = Jobs.DEFAULTS })[known.whole]
        Doctor["whole_" .. known.whole](place, Doctor.hash(key, defaults))
    elseif known.member then
        Doctor.life(place, true)
    end
    return place
end

function Doctor.value_of(known, key, member)
    local command = ({ hash = "HGET", set = "SISMEMBER", zset = "ZSCORE" })[known.type]
    local value = command and Doctor.ask(command, key, member)
    return value and value ~= 0 and tostring(value) or nil
end

-- One member of a key that holds many; value: its score, or what the hash has for it.
function Doctor.look_at_member(key, member, now, page)
    local known, id = Doctor.describe(key)
    local place = { key = key, member = member, id = id, known = known, found = {}, now = now, page = page }
    local value = known and known.member and Doctor.value_of(known, key, member)
    if value then
        Doctor["member_" .. known.member](place, value)
    end
    return place
end

function Doctor.look(key, member, now)
    if member == "" then
        return Doctor.look_at_key(key, now)
    end
    return Doctor.look_at_member(key, member, now)
end

-- What is wrong at a place, flat and added to the list: key, member, rank, what, what to do, app whose catalogue is needed.
function Doctor.tell(list, place)
    if #place.found == 0 then
        return
    end
    local whats, todos, catalog = {}, {}, ""
    for i, finding in ipairs(place.found) do
        whats[i], todos[i] = finding.what, finding.todo
        catalog = finding.catalog or catalog
    end
    local _, _, word = Doctor.describe(place.key)
    local rank = Doctor.RANKS[word or ""] or (place.member and 7 or 1)
    if not place.member and not Doctor.RANKS[word or ""] then
        rank = place.known and place.known.whole and 2 or 1
    end
    if #place.found == 1 and place.found[1].commands[1] and place.found[1].commands[1][1] == "DEL" then
        rank = 1
    end
    for _, item in ipairs({ place.key, place.member or "", Text.int(rank), table.concat(whats, "; "), table.concat(todos, "; "),
        catalog }) do
        list[#list + 1] = item
    end
end

function Doctor.tell_members(list, page, key, known, cursor)
    local reply = Doctor.ask(Doctor.SCANS[known.type], key, cursor, "COUNT", page.count)
    if not reply then
        return "0"
    end
    local step = known.type == "set" and 1 or 2
    for i = 1, #reply[2], step do
        Doctor.tell(list, Doctor.look_at_member(key, reply[2][i], page.now, page))
    end
    return reply[1]
end

-- A page of all keys: where the next begins ("0": that was the last), what is wrong, and the keys with so many members
-- that those are to be looked at page by page.
Call.define("doctor_look", function(args)
    local cursor, count = args.cursor, args.count
    local found, large = {}, {}
    local page = { now = Time.now_ms(), count = Doctor.SMALL }
    local scanned = redis.call("SCAN", cursor, "MATCH", Keys.PREFIX .. "*", "COUNT", count)
    if cursor == "0" then
        Doctor.tell(found, Doctor.look_at_key(Keys.SCHEMA, page.now, page))
    end
    for _, key in ipairs(scanned[2]) do
        local known = Doctor.describe(key)
        if key ~= Keys.SCHEMA then
            Doctor.tell(found, Doctor.look_at_key(key, page.now, page))
        end
        local size = known and known.member and Doctor.ask(Doctor.SIZES[known.type], key) or 0
        if size > Doctor.SMALL then
            large[#large + 1] = key
        elseif size > 0 then
            Doctor.tell_members(found, page, key, known, "0")
        end
    end
    return { scanned[1], found, large }
end)

-- A page of the members of one key, in the same shape.
Call.define("doctor_look_in", function(args)
    local key, cursor, count = args.key, args.cursor, args.count
    local found, known = {}, Doctor.describe(key)
    local following = "0"
    if known and known.member then
        local page = { now = Time.now_ms(), count = count }
        following = Doctor.tell_members(found, page, key, known, cursor)
    end
    return { following, found, {} }
end)

-- A command fails on a key of another type: that key is mended first, and this place is looked at once more.
function Doctor.is_applicable(command)
    local known = Doctor.describe(command[2])
    local type = redis.call("TYPE", command[2]).ok
    return command[1] == "DEL" or type == "none" or (known ~= nil and known.type == type)
end

function Doctor.commands_of(place)
    local commands = {}
    for _, finding in ipairs(place.found) do
        for _, command in ipairs(finding.commands) do
            if Doctor.is_applicable(command) then
                commands[#commands + 1] = command
            end
        end
    end
    return commands
end

-- The parts of the world that commands change: keys as a whole, members of keys that hold many, or when a key expires:
-- what a large one holds is not read for that.
function Doctor.parts_of(commands)
    local parts, seen = {}, {}
    local function add(key, known, member, is_life)
        local name = key .. (is_life and "\0\0" or "\0") .. (member or "")
        if not seen[name] then
            seen[name] = true
            parts[#parts + 1] = { key = key, known = known, member = member, is_life = is_life }
        end
    end
    for _, command in ipairs(commands) do
        local known = Doctor.describe(command[2])
        local member = command[1] == "ZADD" and command[4] or command[3]
        if command[1] == "PERSIST" or command[1] == "EXPIRE" then
            add(command[2], known, nil, true)
        elseif known and known.member and command[1] ~= "DEL" then
            add(command[2], known, member)
        else
            add(command[2], known, nil)
        end
    end
    return parts
end

-- Of what a key holds, whatever order Redis keeps a hash or a set in: that is another one after each RESTORE, and while a
-- table grows or shrinks.
function Doctor.digest_of(key, dump)
    local type, lines = redis.call("TYPE", key).ok, {}
    if type == "hash" then
        local flat = redis.call("HGETALL", key)
        for i = 1, #flat, 2 do
            lines[#lines + 1] = string.format("%d %d %s%s", #flat[i], #flat[i + 1], flat[i], flat[i + 1])
        end
    elseif type == "set" then
        for i, member in ipairs(redis.call("SMEMBERS", key)) do
            lines[i] = string.format("%d %s", #member, member)
        end
    else
        return redis.sha1hex(dump or "")
    end
    table.sort(lines)
    return redis.sha1hex(table.concat(lines))
end

-- A part as it is: kind, key, member, whether it is there, content, when it expires (-1: never), digest.
function Doctor.content_of(part)
    if part.member then
        local value = Doctor.value_of(part.known, part.key, part.member)
        return { part.known.type, part.key, part.member, value and "1" or "0", value or "", "-1",
            redis.sha1hex(value or "") }
    end
    local expires = redis.call("PEXPIRETIME", part.key)
    if part.is_life then
        return { "life", part.key, "", expires ~= -2 and "1" or "0", "", Text.int(expires), redis.sha1hex("") }
    end
    local dump = redis.call("DUMP", part.key)
    return { "key", part.key, "", dump and "1" or "0", dump or "", Text.int(expires), Doctor.digest_of(part.key, dump) }
end

function Doctor.plan(key, member, now)
    local place = Doctor.look(key, member, now)
    local commands = Doctor.commands_of(place)
    local texts, contents = {}, {}
    for _, command in ipairs(commands) do
        texts[#texts + 1] = table.concat(command, "\0")
    end
    for i, part in ipairs(Doctor.parts_of(commands)) do
        local content = Doctor.content_of(part)
        contents[i] = content
        texts[#texts + 1] = table.concat(content, "\0", 1, 4) .. "\0" .. table.concat(content, "\0", 6)
    end
    return commands, contents, redis.sha1hex(table.concat(texts, "\0\0")), place
end

-- What a repair of a place would change, as it is now; and what the repair is asked for with: a time and a token.
Call.define("doctor_plan", function(args)
    local key, member = args.key, args.member
    local now = Time.now_ms()
    local _, contents, token = Doctor.plan(key, member, now)
    return { Text.int(now), token, contents }
end)

-- Replies with whether each part is there now, and the SHA-1 of its content; refused when they are not any more what the plan has shown.
Call.define("doctor_repair", function(args)
    local key, member, now, token, who = args.key, args.member, args.now, args.token, args.who
    if math.abs(Time.now_ms() - now) > Doctor.CLOCK_SLACK_MS then
        Call.refuse("INVALID_ARGUMENT", "the plan is too old")
    end
    local commands, _, current, place = Doctor.plan(key, member, now)
    if current ~= token then
        Call.refuse("PLAN_OUTDATED", "%s has changed meanwhile", Text.clean(key, Limits.NAME_MAX))
    end
    local parts, contents = Doctor.parts_of(commands), {}
    for _, command in ipairs(commands) do
        redis.call(unpack(command))
    end
    for i, part in ipairs(parts) do
        local content = Doctor.content_of(part)
        contents[i] = { content[4], content[7] }
    end
    if #commands > 0 and Doctor.is_applicable({ "XADD", Keys.JOURNAL }) then
        Journal.write({ who = who, why = string.format("doctor: %s %s: %s", Text.clean(key, 120), Text.clean(member, 60),
            place.found[1].what) })
    end
    return contents
end)

-- content: nil, it was not there.
function Doctor.put_back(part, kind, content, expires)
    local key, member = part.key, part.member
    if kind == "life" and expires >= 0 then
        redis.call("PEXPIREAT", key, Text.int(expires))
    elseif kind == "life" then
        redis.call("PERSIST", key)
    elseif not member and content then
        redis.call("RESTORE", key, expires >= 0 and Text.int(expires) or "0", content, "REPLACE", "ABSTTL")
    elseif not member then
        redis.call("DEL", key)
    elseif not content then
        redis.call(({ hash = "HDEL", set = "SREM", zset = "ZREM" })[kind], key, member)
    elseif kind == "hash" then
        redis.call("HSET", key, member, content)
    elseif kind == "zset" then
        redis.call("ZADD", key, content, member)
    else
        redis.call("SADD", key, member)
    end
end

-- Puts a part back as it was before a repair, if it is still what the repair has made of it. known: whether that was told
-- (else anything may be there); then whether the part was there after the repair, and its digest.
Call.define("doctor_undo", function(args)
    local kind, key, member, existed, content = args.kind, args.key, args.member, args.existed, args.content
    local expires, digest = args.expires, args.digest
    local part = { key = key, known = Doctor.describe(key), is_life = kind == "life",
        member = kind ~= "key" and kind ~= "life" and member or nil }
    if key:sub(1, #Keys.PREFIX) ~= Keys.PREFIX or (part.member and (not part.known or part.known.type ~= kind)) then
        Call.refuse("INVALID_ARGUMENT", "%s is not a key that a repair changes", Text.clean(key, Limits.NAME_MAX))
    end
    local current = Doctor.content_of(part)
    if current[4] == (existed and "1" or "0") and current[7] == digest and current[6] == Text.int(expires) then
        return Call.DONE
    elseif args.known and (current[4] ~= (args.after and "1" or "0") or current[7] ~= args.after_digest) then
        Call.refuse("PLAN_OUTDATED", "%s has changed since the repair", Text.clean(key, Limits.NAME_MAX))
    end
    Doctor.put_back(part, kind, existed and content or nil, expires)
    return Call.DONE
end)
