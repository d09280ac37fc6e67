-- The doctor: looking, mending, putting back -----------------------------------------------------------------------------

local SCANS = { hash = "HSCAN", set = "SSCAN", zset = "ZSCAN" }

-- What is wrong at a place, flat and added to the list: key, member, rank, what, what is done, app whose catalogue is needed.
function Doctor.tell(list, place)
    if #place.found == 0 then
        return
    end
    local rank, catalog, whats, todos = RANKS.stray, "", {}, {}
    for i, finding in ipairs(place.found) do
        whats[i], todos[i] = finding.what, finding.todo
        rank, catalog = math.min(rank, finding.rank), finding.catalog or catalog
    end
    for _, item in ipairs({ place.key, place.member or "", Text.int(rank), table.concat(whats, "; "), table.concat(todos, "; "),
        catalog }) do
        list[#list + 1] = item
    end
end

-- A page of the members of a key; where the next one begins ("0": that was the last).
function Doctor.tell_members(list, key, type, cursor, count)
    local reply = redis.call(SCANS[type], key, cursor, "COUNT", count)
    for i = 1, #reply[2], type == "set" and 1 or 2 do
        Doctor.tell(list, Doctor.look(key, reply[2][i]))
    end
    return reply[1]
end

-- The type of a key that is looked at member by member; else nil.
function Doctor.type_of_many(key)
    local known = Doctor.describe(key)
    return known and SCANS[known.type] and not known.fields and redis.call("TYPE", key).ok == known.type and known.type
        or nil
end

-- A page of all keys: where the next begins, what is wrong, and the keys with so many members that those are to be looked
-- at page by page.
Call.define("doctor_look", function(args)
    Doctor.now = Time.now_ms()
    local found, large = {}, {}
    if args.cursor == "0" and redis.call("EXISTS", Keys.SCHEMA) == 0 then
        Doctor.tell(found, Doctor.look(Keys.SCHEMA, ""))
    end
    local scanned = redis.call("SCAN", args.cursor, "MATCH", Keys.PREFIX .. "*", "COUNT", args.count)
    for _, key in ipairs(scanned[2]) do
        Doctor.tell(found, Doctor.look(key, ""))
        local type = Doctor.type_of_many(key)
        if type and redis.call(SIZES[type], key) > Doctor.SMALL then
            large[#large + 1] = key
        elseif type then
            Doctor.tell_members(found, key, type, "0", Doctor.SMALL)
        end
    end
    return { scanned[1], found, large }
end)

-- A page of the members of one key, in the same shape.
Call.define("doctor_look_in", function(args)
    Doctor.now = Time.now_ms()
    local found, type = {}, Doctor.type_of_many(args.key)
    return { type and Doctor.tell_members(found, args.key, type, args.cursor, args.count) or "0", found, {} }
end)

-- Those that can be done now: a key of another type than its own is mended first, and the place is looked at again.
function Doctor.commands_of(place)
    local commands = {}
    for _, finding in ipairs(place.found) do
        for _, command in ipairs(finding.commands) do
            local known, type = Doctor.describe(command[2]), redis.call("TYPE", command[2]).ok
            if command[1] == "DEL" or type == "none" or (known and known.type == type) then
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
    for _, command in ipairs(commands) do
        local name, key = command[1], command[2]
        local known = Doctor.describe(key)
        local part = { key = key, kind = "key", member = "" }
        if name == "PERSIST" or name == "EXPIRE" then
            part.kind = "life"
        elseif name ~= "DEL" and known and SCANS[known.type] and not known.fields then
            part.kind, part.member = known.type, name == "ZADD" and command[4] or command[3]
        end
        local id = part.kind .. "\0" .. key .. "\0" .. part.member
        if not seen[id] then
            seen[id], parts[#parts + 1] = true, part
        end
    end
    return parts
end

-- Of what a key holds, whatever order Redis keeps a hash or a set in: that is another one after each RESTORE, and while a
-- table grows or shrinks. Undo files keep these digests, so this must not change.
function Doctor.digest_of(key, dump)
    local type, lines = redis.call("TYPE", key).ok, {}
    if type ~= "hash" and type ~= "set" then
        return redis.sha1hex(dump or "")
    end
    local flat = redis.call(type == "hash" and "HGETALL" or "SMEMBERS", key)
    for i = 1, #flat, type == "hash" and 2 or 1 do
        lines[#lines + 1] = type == "hash" and string.format("%d %d %s%s", #flat[i], #flat[i + 1], flat[i], flat[i + 1])
            or string.format("%d %s", #flat[i], flat[i])
    end
    table.sort(lines)
    return redis.sha1hex(table.concat(lines))
end

-- A part as it is: kind, key, member, whether it is there, content, when it expires (-1: never, -2: it is not there), digest.
function Doctor.content_of(part)
    local value, expires, digest = nil, "-1", nil
    if part.kind == "key" then
        value, expires = redis.call("DUMP", part.key), Text.int(redis.call("PEXPIRETIME", part.key))
        digest = Doctor.digest_of(part.key, value)
    elseif part.kind == "life" then
        expires = Text.int(redis.call("PEXPIRETIME", part.key))
        value = expires ~= "-2" and "" or nil
    else
        value = Doctor.value(part.key, part.member)
    end
    return { part.kind, part.key, part.member, value and "1" or "0", value or "", expires,
        digest or redis.sha1hex(value or "") }
end

-- The commands, parts and contents of a repair, the token that stands for them, and the place as it was looked at.
function Doctor.plan(key, member)
    local place = Doctor.look(key, member)
    local commands, contents, texts = Doctor.commands_of(place), {}, {}
    local parts = Doctor.parts_of(commands)
    for _, command in ipairs(commands) do
        texts[#texts + 1] = table.concat(command, "\0")
    end
    for i, part in ipairs(parts) do
        local content = Doctor.content_of(part)
        contents[i] = content
        texts[#texts + 1] = table.concat(content, "\0", 1, 4) .. "\0" .. table.concat(content, "\0", 6)
    end
    return commands, parts, contents, redis.sha1hex(table.concat(texts, "\0\0")), place
end

-- What a repair of a place would change, as it is now; and what the repair is asked for with: a time and a token.
Call.define("doctor_plan", function(args)
    Doctor.now = Time.now_ms()
    local _, _, contents, token = Doctor.plan(args.key, args.member)
    return { Text.int(Doctor.now), token, contents }
end)

-- Replies with whether each part is there now, and the SHA-1 of its content; refused when they are not any more what the
-- plan has shown.
Call.define("doctor_repair", function(args)
    local key, member = args.key, args.member
    if math.abs(Time.now_ms() - args.now) > Doctor.CLOCK_SLACK_MS then
        Call.refuse("INVALID_ARGUMENT", "the plan is too old")
    end
    Doctor.now = args.now
    local commands, parts, contents, current, place = Doctor.plan(key, member)
    if current ~= args.token then
        Call.refuse("PLAN_OUTDATED", "%s has changed meanwhile", Text.clean(key, Limits.NAME_MAX))
    end
    for _, command in ipairs(commands) do
        redis.call(unpack(command))
    end
    for i, part in ipairs(parts) do
        local content = Doctor.content_of(part)
        contents[i] = { content[4], content[7] }
    end
    local kind = redis.call("TYPE", Keys.JOURNAL).ok
    if #commands > 0 and (kind == "none" or kind == "stream") then
        Journal.write({ backup = place.backup, who = args.who, why = string.format("doctor: %s %s: %s", Text.clean(key, 120),
            Text.clean(member, 60), place.found[1].what) })
    end
    return contents
end)

-- content: nil, it was not there.
function Doctor.put_back(part, content, expires)
    local key, member, kind = part.key, part.member, part.kind
    if kind == "life" and expires >= 0 then
        redis.call("PEXPIREAT", key, Text.int(expires))
    elseif kind == "life" then
        redis.call("PERSIST", key)
    elseif kind == "key" and content then
        redis.call("RESTORE", key, expires >= 0 and Text.int(expires) or "0", content, "REPLACE", "ABSTTL")
    elseif kind == "key" then
        redis.call("DEL", key)
    elseif not content then
        redis.call(REMOVE[kind], key, member)
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
    local known, kind = Doctor.describe(args.key), args.kind
    if args.key:sub(1, #Keys.PREFIX) ~= Keys.PREFIX or (REMOVE[kind] and (not known or known.type ~= kind)) then
        Call.refuse("INVALID_ARGUMENT", "%s is not a key that a repair changes", Text.clean(args.key, Limits.NAME_MAX))
    end
    local current, flag = Doctor.content_of(args), { [true] = "1", [false] = "0" }
    if current[4] == flag[args.existed] and current[7] == args.digest and current[6] == Text.int(args.expires) then
        return Call.DONE
    elseif args.known and (current[4] ~= flag[args.after] or current[7] ~= args.after_digest) then
        Call.refuse("PLAN_OUTDATED", "%s has changed since the repair", Text.clean(args.key, Limits.NAME_MAX))
    end
    Doctor.put_back(args, args.existed and args.content or nil, args.expires)
    return Call.DONE
end)
