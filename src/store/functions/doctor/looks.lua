-- The doctor: looking at places -----------------------------------------------------------------------------------------

-- What comes first is mended first. A damaged record goes before what is judged by it: an app and a bucket before a backup
-- or task, and that before its job; then what is made again from records, and last what belongs to nothing.
local RANKS = { key = 1, job = 4, rest = 5, stray = 6 } -- 3: other records that have a job, 2: all others
local SIZES = { hash = "HLEN", set = "SCARD", zset = "ZCARD", list = "LLEN", stream = "XLEN", string = "STRLEN" }
local REMOVE = { hash = "HDEL", set = "SREM", zset = "ZREM" }

-- What is wrong, in words, what is done about it, and the commands that do it.
function Doctor.find(place, rank, what, todo, ...)
    local number = RANKS[rank] or (Facts.subjects[rank] and 3 or 2)
    local finding = { rank = number, what = what, todo = todo, commands = { ... } }
    place.found[#place.found + 1] = finding
    return finding
end

-- A field of the record at this place; the rest of the look goes on with the new value.
function Doctor.set(place, record, field, value, why)
    local old = rawget(record, field)
    record[field] = value
    Doctor.find(place, "rest", string.format("%s is %s, %s", Text.clean(field, 40),
        old and "'" .. Text.clean(old, 80) .. "'" or "missing", why),
        value and string.format("set it to '%s'", Text.clean(value, 80)) or "remove it",
        value and { "HSET", place.key, field, value } or { "HDEL", place.key, field })
end

function Doctor.stray(place, what, todo)
    return Doctor.find(place, "stray", what, todo or "remove it", { REMOVE[place.known.type], place.key, place.member })
end

-- seconds: how long the key may live at most; nil: it is kept until it is removed.
function Doctor.check_life(place, seconds)
    local ttl = redis.call("TTL", place.key)
    if not seconds and ttl ~= -1 then
        Doctor.find(place, "rest", "it would expire", "keep it", { "PERSIST", place.key })
    elseif seconds and (ttl == -1 or ttl > seconds) then
        Doctor.find(place, "rest", "it would expire too late or never", "let it expire",
            { "EXPIRE", place.key, Text.int(seconds) })
    end
end

-- Out of service --------------------------------------------------------------------------------------------------------

-- Is this what jobs work on, and no backup? Its record says what was asked for, and no bucket has it.
local function is_order(kind)
    return kind ~= "backup" and Facts.subjects[kind] ~= nil
end

-- The commands by which an order fails; none when its record does not say what it was.
function Doctor.failure_of(kind, order, id, what)
    local key, kept_s = Keys.PREFIX .. kind .. ":" .. id, Keys.KEPT_S[kind]
    order.state, order.modified_ms = "failed", Text.int(Doctor.now)
    if not Doctor.damage(kind, order, true) then -- what else is wrong is found once it has ended
        return { "HSET", key, "state", order.state, "modified_ms", order.modified_ms, "state_unready",
            Reasons.of("its record was damaged: " .. what) }, kept_s and { "EXPIRE", key, Text.int(kept_s) }
    end
end

local COMES_BACK = {
    backup = "; a catalog task makes it again if its bucket has it", job = "; its backup gets a new one, its task fails",
    app = "; its worker registers it again", bucket = "; its workers register it again",
    node = "; its worker registers it again",
}

-- Takes a record out of service, which is damaged or which everything else contradicts.
function Doctor.retire(place, kind, id, record, what)
    local told = place.member and string.format("%s %s: %s", kind, id, what) or what
    local commands = is_order(kind) and { Doctor.failure_of(kind, record, id, what) } or {}
    if commands[1] then
        Doctor.find(place, kind, told, "let it fail; it may be asked for again", unpack(commands))
        return
    end
    place.backup = kind == "backup" and id or nil
    Doctor.find(place, kind, told, "remove it" .. (COMES_BACK[kind] or ""), { "DEL", Keys.PREFIX .. kind .. ":" .. id })
end

-- Records ---------------------------------------------------------------------------------------------------------------

-- Can the record do without this value, which cannot be? What its bucket has, a backup gets back from there, and an order
-- that has not ended must not do something else.
function Doctor.can_do_without(kind, record, field)
    if kind == "backup" then
        return field ~= "repository_snapshot" and (field ~= "labels" or record.state ~= "completed")
    end
    return kind == "repository" or (is_order(kind) and not Doctor.goes_on(kind, record))
end

function Doctor.check_fields(place, kind, record)
    local fields, wrong = Doctor.fields(kind), {}
    for name, value in pairs(record) do
        local field = fields[name]
        if not field or (not field.needed and not Doctor.passes(field.is, value)
            and Doctor.can_do_without(kind, record, name)) then
            wrong[#wrong + 1] = name
        end
    end
    table.sort(wrong) -- the same commands in the same order each time
    for _, name in ipairs(wrong) do
        Doctor.set(place, record, name, nil, fields[name] and "which cannot be" or "which is no field of it")
    end
    local own = fields.id and "id" or (kind == "node" and "name")
    if own and record[own] ~= place.id then
        Doctor.set(place, record, own, place.id, "not as its key has it")
    end
end

-- Of fields that go together and do not, none is kept.
function Doctor.check_together(place, kind, record)
    for _, group in ipairs(TOGETHER) do
        local there = {}
        for _, name in ipairs(Doctor.fields(kind)[group[2]] and group or {}) do
            there[#there + 1] = rawget(record, name) and name
        end
        if #there > 0 and (#there < #group or (group[3] and not Doctor.has_sound_progress(kind, record))) then
            for _, name in ipairs(there) do
                Doctor.set(place, record, name, nil, "which does not go with the others")
            end
        end
    end
end

-- The lost job had been claimed, as far as anyone knows, and may have left data: so this is not the first attempt.
function Doctor.give_job(place, backup)
    local kind, state, now = "backup", "pending", Text.int(Doctor.now)
    if backup.state == "deleting" then
        kind, state = "delete", "deleting"
    end
    local id = Ids.derived("doctor" .. place.id .. now)
    local node = Doctor.ask("HGET", Keys.app(backup.app), "node") or backup.node
    Doctor.find(place, "rest", string.format("it is %s, and has no job that will end it", backup.state),
        "give it a new one",
        { "HSET", Keys.job(id), "id", id, "kind", kind, "subject", place.id, "account", backup.account, "app", backup.app,
            "bucket", backup.bucket, "node", node, "state", "delayed", "created_ms",
            kind == "backup" and backup.created_ms or now, "attempt", "1", "epoch", "1", "reason",
            "made again by the doctor" },
        { "ZADD", Keys.DELAYED, Text.int(Doctor.now + Doctor.GRACE_MS), id },
        { "HSET", place.key, "job", id, "node", node, "state", state })
    backup.job, backup.node, backup.state = id, node, state
end

-- The repository of a completed backup is verified now and then by the node of its app; its entry follows an app that moves.
function Doctor.check_verified(place, backup)
    local node = Doctor.ask("HGET", Keys.app(backup.app), "node")
    local member = backup.bucket .. ":" .. backup.app
    local found = not node or not Doctor.read("bucket", backup.bucket) or Doctor.score(Keys.verified(node), member)
    for _, other in ipairs(found and {} or Doctor.ask("ZRANGE", Keys.NODES, 0, -1) or {}) do
        found = found or Doctor.score(Keys.verified(other), member)
    end
    if not found then
        Doctor.find(place, "rest", "its repository is not in " .. Keys.verified(node), "add it",
            { "ZADD", Keys.verified(node), Text.int(Doctor.now), member })
    end
end

-- What one kind of record has besides fields and entries. The text that a function returns says why the record goes out of
-- service.
local CHECK = {}

function CHECK.backup(place, backup)
    local by_app = Doctor.score(Keys.backups(backup.app), place.id)
    if by_app and by_app == Doctor.score(Keys.account_backups(backup.account), place.id)
        and by_app ~= tonumber(backup.created_ms) and is.number(Text.int(by_app)) then
        Doctor.set(place, backup, "created_ms", Text.int(by_app), "not as both indexes have it")
    end
    local job = Doctor.job_of(backup, place.id)
    if Doctor.goes_on("backup", backup) and not (job and Doctor.goes_with(job, backup, "backup")) then
        if not Doctor.score(Keys.state(backup.state), place.id) then
            return "no job and no index say that it is " .. backup.state
        end
        Doctor.give_job(place, backup)
    end
    if backup.state == "completed" then
        Doctor.check_verified(place, backup)
    end
    return nil
end

-- The same of all orders.
function Doctor.check_order(kind, order, id)
    local job = Doctor.job_of(order, id)
    if Doctor.goes_on(kind, order) then
        return not (job and Doctor.goes_with(job, order, kind)) and "it has no job that will end it" or nil
    end
    for _, entry in ipairs(job and order.state == "completed" and Doctor.entries("job", job, job.id) or {}) do
        if entry.proves == "state" and Doctor.value(entry[1], entry[2]) then
            return "it is completed, and its job is not"
        end
    end
    return nil
end

-- A subject that is damaged is found by itself, and mended before. One that expires may be gone before its job leaves the
-- quarantine.
function CHECK.job(_, job)
    local kind = Facts.kinds[job.kind].subject
    local subject = job.state ~= "done" and Doctor.read(kind, job.subject)
    if job.state == "done" or (not subject and Keys.KEPT_S[kind] and job.state == "quarantined") then
        return nil
    elseif not subject then
        return "its " .. kind .. " is gone"
    end
    return not Doctor.damage(kind, subject) and not Doctor.goes_with(job, subject, kind)
        and "it does not go with its " .. kind or nil
end

-- A restore in place that is not there any more has changed nothing, or all.
function CHECK.app(place, app)
    local details = rawget(app, "state_details") or "[]"
    local state = app.state == "failed" and details ~= "[]" and "failed" or "ready"
    for _, id in ipairs(Doctor.ask("SMEMBERS", Keys.active_tasks(place.id)) or {}) do
        local task = Doctor.read("task", id) or {}
        if task.kind == "restore" and task.target == "" and Doctor.goes_on("task", task) then
            state = "restoring"
        end
    end
    if app.state ~= state or (state == "ready" and details ~= "[]") then
        Doctor.find(place, "rest", string.format("it is %s, which does not go with its restores and details", app.state),
            "it becomes " .. state,
            { "HSET", place.key, "state", state, "state_details", state == "ready" and "[]" or details })
    end
end

function CHECK.repository(place, record)
    local told = not record.damage and Doctor.value(Keys.damaged(record.bucket), record.app)
    if told then
        Doctor.set(place, record, "damage", told:match("^app [^:]*: (.*)$") or told, "though its bucket has one")
    end
end

-- Does another sound record hold the place of this entry in a hash?
function Doctor.is_held_by_other(kind, entry, have)
    local known, word = Doctor.describe(entry[1])
    if not have or known.type ~= "hash" or have == entry[3] or COMPUTED[word] or not is.id(have) then
        return false
    end
    local other = Doctor.read(kind, have)
    return other ~= nil and Doctor.find_entry(kind, other, have, entry[1], entry[2]) ~= nil
        and not Doctor.damage(kind, other)
end

function Doctor.check_entry(place, entry, have)
    local key, member, value, least, greatest = unpack(entry)
    local type, score = Doctor.describe(key).type, tonumber(have)
    local is_right = have == (type == "hash" and value or "1")
    local command = { type == "hash" and "HSET" or "SADD", key, member, type == "hash" and value or nil }
    if type == "zset" then
        is_right = score and score % 1 == 0 and score >= (least or tonumber(value)) and score <= (greatest or tonumber(value))
        command = { "ZADD", key, value, member }
    end
    if not is_right then
        Doctor.find(place, "rest", string.format(have and "%s has another value for it" or "it is not in %s", key),
            "correct that", command)
    end
end

function Doctor.check_record(place, kind, record)
    local why = Doctor.damage(kind, record)
    if not why then
        Doctor.check_together(place, kind, record)
        why = CHECK[kind] and CHECK[kind](place, record, place.id)
            or (is_order(kind) and Doctor.check_order(kind, record, place.id))
    end
    local entries, values = not why and Doctor.entries(kind, record, place.id) or {}, {}
    for i, entry in ipairs(entries) do
        values[i] = Doctor.value(entry[1], entry[2]) or false
        why = why or (Doctor.is_held_by_other(kind, entry, values[i]) and entry[1] .. " has another in its place")
    end
    if why then
        return Doctor.retire(place, kind, place.id, record, why)
    end
    for i, entry in ipairs(entries) do
        Doctor.check_entry(place, entry, values[i])
    end
    if kind ~= "snapshot" then
        Doctor.check_life(place, not Doctor.goes_on(kind, record) and Keys.KEPT_S[kind] or nil)
    end
end

-- Members ---------------------------------------------------------------------------------------------------------------

-- An entry of an index that its record does not have. If the record lacks the one that it should have instead, it is the
-- record that is wrong.
function Doctor.look_at_entry(place, value)
    local kind, id = place.known.leads_to, place.known.type == "hash" and value or place.member
    if #Keys.all[kind].arguments > 1 then
        id = place.id .. ":" .. place.member
    end
    local record = Doctor.are_arguments(":" .. id, Keys.all[kind].arguments) and Doctor.read(kind, id)
    if not record then
        local kept_s = place.known.value == "created_ms" and Keys.KEPT_S[kind]
        local has_expired = kept_s and is.id(id) and tonumber(value) >= 1
            and Doctor.now - tonumber(value) >= kept_s * 1000
        local is_of_app = place.word == "backups" or place.word == "names"
        local finding = not has_expired and Doctor.stray(place, string.format("the %s that it leads to is lost", kind),
            "remove it" .. (kind ~= "job" and COMES_BACK[kind] or ""))
        if finding and is_of_app then
            finding.catalog = place.id
        end
        return
    end
    local entry, instead = Doctor.find_entry(kind, record, id, place.key, place.member)
    if entry or Doctor.damage(kind, record) then
        return
    elseif instead and not Doctor.value(instead[1], instead[2]) then
        Doctor.retire(place, kind, id, record, "this contradicts it, and no other index agrees with it")
    else
        Doctor.stray(place, string.format("the %s that it leads to does not say so", kind))
    end
end

-- A member of a key that leads to no record. A score that cannot be becomes one that says as little as possible.
function Doctor.look_at_member(place, value)
    local members, scores = place.known.members, place.known.scores
    local can_be
    if type(members) == "table" then
        can_be = members[place.member] and Doctor.passes(members[place.member], value)
    else
        can_be = Doctor.passes(members, place.member, value)
    end
    if not can_be then
        Doctor.stray(place, "it cannot be there")
    elseif scores and not Doctor.passes(scores, value) then
        local least = scores == "time" and Text.int(Doctor.now) or "1"
        Doctor.find(place, "rest", "its score cannot be", "set it to " .. least, { "ZADD", place.key, least, place.member })
    end
end

-- Places ----------------------------------------------------------------------------------------------------------------

-- What is removed is kept for an undo. A copy of much would hold up all others, and so that is left to a person.
function Doctor.remove(place, type, what)
    local size = SIZES[type] and Doctor.ask(SIZES[type], place.key) or 0
    if size > (type == "string" and Doctor.COPY_BYTES_MAX or Doctor.COPY_MEMBERS_MAX) then
        Doctor.find(place, "key", what,
            "too large to keep a copy of: RENAME it to a name that does not begin with " .. Keys.PREFIX)
    else
        Doctor.find(place, "key", what, "remove it" .. (place.known and "; what can be told from the rest is made again" or ""),
            { "DEL", place.key })
    end
end

-- A key as a whole, or with a member, not "", that one. A record that is not there is nobody's mistake: what lacks it is
-- found there.
function Doctor.look(key, member)
    local known, word, id = Doctor.describe(key)
    local place = { key = key, member = member ~= "" and member or nil, known = known, word = word, id = id, found = {} }
    local type = redis.call("TYPE", key).ok
    if place.member then
        local value = known and type == known.type and Doctor.value(key, member)
        if value and known.leads_to then
            Doctor.look_at_entry(place, value)
        elseif value and known.members then
            Doctor.look_at_member(place, value)
        end
    elseif type ~= "none" and (not known or type ~= known.type) then
        Doctor.remove(place, type, known and string.format("it is a %s, and should be a %s", type, known.type)
            or "nobody knows this key")
    elseif key == Keys.SCHEMA and Doctor.ask("GET", key) ~= Library.SCHEMA and redis.call("EXISTS", Keys.NODES) == 1 then
        Doctor.find(place, "rest", "it is not " .. Library.SCHEMA, "correct that", { "SET", key, Library.SCHEMA })
    elseif type ~= "none" and known.fields then
        local record = Doctor.read(word, id)
        Doctor.check_fields(place, word, record)
        Doctor.check_record(place, word, record)
    elseif REMOVE[type] then
        Doctor.check_life(place)
    end
    return place
end
