-- The doctor: what must hold of all that is kept here, and how it is mended when it does not ----------------------------

--[[
A place is a key, or one member of a key that holds many. Doctor.look() reads what belongs to one place and lists what
is wrong, each with the commands that mend it; it writes nothing. A repair looks again and does just these commands,
all in one call: so nothing is judged or mended half-way through what others do.

Before a repair its caller gets the contents that will change (plan), with a token; the repair is refused when they
have changed meanwhile. What a caller keeps of them can be put back (undo).

Where two values contradict each other, docs/redis.md says which one counts. Three rules stand above all others: no
backup is forgotten, an epoch never falls, and in doubt a job counts as claimed: a lease that nobody renews ends.
]]

local Doctor = {
    PAGE_MAX = 1000,
    SMALL = 32,           -- members that are looked at together with their key
    GRACE_MS = 30000,     -- before a job that is made anew starts: whoever had the lost one has stopped by then
    CLOCK_SLACK_MS = 600000,
    COPY_MEMBERS_MAX = 2000, -- of a key that is removed: DUMP takes about 2 us each
    COPY_BYTES_MAX = 1024 * 1024,
    RANKS = { job = 3, names = 4, backups = 4, ["account-backups"] = 5, state = 5, task = 5, backup = 6 },
    JOURNAL_PAGE = 1000,  -- entries that are searched for what is told of one backup
    is = {},
}

-- Values --------------------------------------------------------------------------------------------------------------

function Doctor.is.id(text) return text:find(Ids.PATTERN) ~= nil end
function Doctor.is.optional_id(text) return text == "" or text:find(Ids.PATTERN) ~= nil end
function Doctor.is.digest(text) return #text == 64 and not text:find("[^0-9a-f]") end
function Doctor.is.optional_digest(text) return text == "" or Doctor.is.digest(text) end
function Doctor.is.name(text) return #text <= Limits.NAME_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function Doctor.is.node(text) return #text <= Limits.NODE_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function Doctor.is.text(text) return #text < Limits.JSON_MAX and not text:find("%c") end
function Doctor.is.some_text(text) return text ~= "" and Doctor.is.text(text) end
function Doctor.is.flag(text) return text == "0" or text == "1" end
function Doctor.is.number(text) return #text <= 16 and text:find("^%d+$") ~= nil and tonumber(text) <= Limits.BYTES_MAX end
function Doctor.is.bytes(text) return text == "-1" or Doctor.is.number(text) end
function Doctor.is.percent(text) return Doctor.is.number(text) and tonumber(text) <= 100 end
function Doctor.is.time(text) return Doctor.is.number(text) and tonumber(text) > 0 end

function Doctor.is.json(text)
    if text == "[]" then
        return true
    end
    local ok, value = pcall(cjson.decode, text)
    return ok and type(value) == "table" and text:sub(1, 1) == "[" and text:sub(-1) == "]"
end

function Doctor.one_of(...)
    local choices = {}
    for _, choice in ipairs({ ... }) do
        choices[choice] = true
    end
    return function(text)
        return choices[text] ~= nil
    end
end

-- The fields of a record; those in `needed` are always there.
function Doctor.fields(needed, others)
    local fields = { needed = needed }
    for _, list in ipairs({ needed, others }) do
        for field, is in pairs(list) do
            fields[field] = is
        end
    end
    return fields
end

-- Made by the first call that needs it: while the library is loaded, Redis has no pairs() for it.
function Doctor.make_tables()
    local is, ended = Doctor.is, Doctor.one_of("completed", "failed")
    local progress = { bytes_done = is.bytes, bytes_total = is.bytes, percent_done = is.percent, taken_ms = is.number,
        snapshot = is.optional_id, repository_snapshot = is.optional_digest, state_unready = is.json,
        state_details = is.json, hook_state = Doctor.one_of("", "success", "failed"), hook_state_details = is.json,
        modified_ms = is.time }
    local function with_progress(others)
        for field, check in pairs(progress) do
            others[field] = check
        end
        return others
    end
    Doctor.FIELDS = {
        backup = Doctor.fields({ id = is.id, account = is.id, app = is.id, app_name = is.name, name = is.name,
            state = Doctor.one_of(unpack(Facts.subjects.backup.states)), bucket = is.id, node = is.node, job = is.id, version = is.name,
            created_by = is.some_text, created_ms = is.number },
            with_progress({ labels = is.json, schedule = is.text, revision = is.number })),
        task = Doctor.fields({ id = is.id, kind = Doctor.one_of("restore", "prune", "verify", "catalog"),
            account = is.id, app = is.id, app_name = is.name, bucket = is.id, node = is.node, job = is.id,
            state = Doctor.one_of("pending", "running", "completed", "failed"), created_by = is.some_text,
            created_ms = is.time, modified_ms = is.time },
            with_progress({ backup = is.optional_id, backup_name = is.text, target = is.text, includes = is.json,
                sample = is.percent })),
        job = Doctor.fields({ id = is.id, kind = function(text) return Facts.kinds[text] ~= nil end, subject = is.id,
            account = is.id, app = is.id, bucket = is.id, node = is.node, created_ms = is.number,
            state = function(text) return Facts.job_places[text] ~= nil end },
            { stage = is.text, worker = is.text, lease_until_ms = is.number, attempt = is.number, failures = is.number,
                kills = is.number, epoch = is.number, cancel = is.flag, cancel_who = is.text, cancel_why = is.text,
                deadline_ms = is.number, reason = is.text }),
        app = Doctor.fields({ id = is.id, account = is.id, name = is.name, node = is.node,
            concurrent_backups = Doctor.one_of("queue", "refuse"), state = Doctor.one_of("ready", "restoring", "failed"),
            created_ms = is.time, modified_ms = is.time }, { state_details = is.json }),
        bucket = Doctor.fields({ id = is.id, account = is.optional_id, name = is.name, provider = is.node,
            server_url = is.text, bucket_name = is.text, state = function(text) return Functions.WORDS.bucket_state[text] ~= nil end,
            state_details = is.json, is_default = is.flag, jobs_max = is.number, created_ms = is.time,
            modified_ms = is.time }, { probe_details = is.json, verify_ms = is.time }),
        node = Doctor.fields({ name = is.node, version = is.some_text, slots = is.time, running = is.number,
            started_ms = is.time, heartbeat_ms = is.time }, { retries_max = is.number, worker = is.text, back_ms = is.time }),
        repository = Doctor.fields({}, { prune_ms = is.time, verify_ms = is.time, catalog_ms = is.time,
            prune_state = ended, verify_state = ended, catalog_state = ended, damage = is.text }),
        ["create-key"] = Doctor.fields({ account = is.id, backup = is.id, request = is.digest }, {}),
        snapshot = Doctor.fields({ app = is.id }, {}),
    }
end

-- Keys ----------------------------------------------------------------------------------------------------------------

function Doctor.is.owner(text)
    return text == "shared" or Doctor.is.id(text)
end

function Doctor.is.state(text)
    return Doctor.FIELDS.backup.state(text)
end

function Doctor.two_ids(text)
    local first, second = text:match("^(.-):(.+)$")
    return first ~= nil and Doctor.is.id(first) and Doctor.is.id(second)
end

Doctor.KNOWN = {} -- filled by the first call that asks for a name

-- What looks at a key as a whole, by its name in Keys.all.
Doctor.WHOLE = {
    schema = "schema", node = "node", app = "app", bucket = "bucket", backup = "backup",
    ["create-key"] = "create_key", snapshot = "snapshot", task = "task", repository = "repository", job = "job",
}

-- What looks at the members of a key, one by one.
Doctor.MEMBER = {
    accounts = "account", paused = "pause", nodes = "node_name", ["node-apps"] = "node_app", apps = "account_app",
    ["app-busy"] = "busy", ["bucket-jobs"] = "bucket_job", buckets = "owner_bucket",
    ["default-buckets"] = "default_bucket", backups = "app_backup", ["account-backups"] = "account_backup",
    names = "backup_name", state = "state_backup", tasks = "app_task", ["active-tasks"] = "active_task",
    verified = "verified", unreferenced = "unreferenced", damaged = "damaged", queue = "placed_job",
    delayed = "placed_job", leases = "placed_job", quarantine = "placed_job", counters = "counter",
}

-- Is this what stands behind the name of a key with these arguments?
function Doctor.are_arguments(text, arguments)
    for i, value in ipairs(arguments) do
        local argument, rest = text, ""
        if i < #arguments then
            argument, rest = text:match("^(.-):(.*)$")
        end
        if not argument or not Doctor.is[value](argument) then
            return false
        end
        text = rest
    end
    return true
end

-- What is known of the keys with this name; nil: nobody knows it.
function Doctor.known(name)
    if not Doctor.KNOWN[name] and Keys.all[name] then
        Doctor.KNOWN[name] = { type = Keys.all[name].type, of = Keys.all[name].arguments, whole = Doctor.WHOLE[name],
            member = Doctor.MEMBER[name] }
    end
    return Doctor.KNOWN[name]
end

-- The description of a key, and what follows its first word; nil when nobody knows it.
function Doctor.describe(key)
    if not Doctor.FIELDS then
        Doctor.make_tables()
    end
    local name, rest = key:match("^" .. Keys.PREFIX .. "([a-z-]+)(.*)$")
    local known = name and Doctor.known(name)
    if not known or (known.of == nil and rest ~= "") then
        return nil
    end
    if known.of and (rest:sub(1, 1) ~= ":" or not Doctor.are_arguments(rest:sub(2), known.of)) then
        return nil
    end
    return known, rest:sub(2), name
end

-- Reading: what has another type than it should is as good as not there, and is found by itself ------------------------

function Doctor.ask(...)
    local reply = redis.pcall(...)
    if not reply or (type(reply) == "table" and reply.err) then
        return nil
    end
    return reply
end

function Doctor.hash(key, defaults)
    return Hash.unflatten(Doctor.ask("HGETALL", key) or {}, defaults)
end

function Doctor.score(key, member)
    return tonumber(Doctor.ask("ZSCORE", key, member) or nil)
end

function Doctor.has(key, member)
    return Doctor.ask("SISMEMBER", key, member) == 1
end

function Doctor.backup(id)
    return Doctor.hash(Keys.backup(id), Backups.defaults)
end

function Doctor.task(id)
    return Doctor.hash(Keys.task(id), Tasks.defaults)
end

function Doctor.job(id)
    return Doctor.hash(Keys.job(id), Jobs.DEFAULTS)
end

function Doctor.app(id)
    local app = Doctor.hash(Keys.app(id))
    return app and app.account and app.node and app.name and app or nil
end

function Doctor.kept_for_ever(key)
    return redis.call("TTL", key) == -1
end

-- What is wrong, in words, what is done about it, and the commands that do it.
function Doctor.find(place, what, todo, ...)
    place.found[#place.found + 1] = { what = what, todo = todo, commands = { ... } }
    return place.found[#place.found]
end

-- The same for a field of the record of this place; the rest of the look goes on with the new value.
function Doctor.mend(place, record, field, value, why)
    local old = rawget(record, field)
    record[field] = value
    local told = old == nil and "is missing" or string.format("is '%s'", Text.clean(old, 80))
    Doctor.find(place, string.format("%s %s%s", Text.clean(field, 40), told, why and ", " .. why or ""),
        value == nil and "remove it" or string.format("set it to '%s'", Text.clean(value, 80)),
        value == nil and { "HDEL", place.key, field } or { "HSET", place.key, field, value })
end

function Doctor.life(place, is_kept, seconds)
    local for_ever = Doctor.kept_for_ever(place.key)
    if is_kept and not for_ever then
        Doctor.find(place, "it would expire", "keep it", { "PERSIST", place.key })
    elseif not is_kept and for_ever then
        Doctor.find(place, "it would never expire", "let it expire", { "EXPIRE", place.key, seconds })
    end
end

-- An entry of a zset that a record must have. is: whether a score will do; nil: it must be `score`.
function Doctor.entry(place, key, member, score, is)
    local have = Doctor.score(key, member)
    if have == nil then
        Doctor.find(place, "not in " .. key, "add it", { "ZADD", key, Text.int(score), member })
    elseif (is and not is(have)) or (not is and have ~= tonumber(score)) then
        Doctor.find(place, string.format("its score in %s is %s", key, string.format("%.17g", have)),
            "set it to " .. Text.int(score), { "ZADD", key, Text.int(score), member })
    end
end

function Doctor.no_entry(place, key, member)
    if Doctor.score(key, member) then
        Doctor.find(place, "in " .. key .. ", where it does not belong", "remove it from there",
            { "ZREM", key, member })
    end
end

function Doctor.member_of(place, key, member, belongs)
    local is = Doctor.has(key, member)
    if belongs and not is then
        Doctor.find(place, "not in " .. key, "add it", { "SADD", key, member })
    elseif is and not belongs then
        Doctor.find(place, "in " .. key .. ", where it does not belong", "remove it from there",
            { "SREM", key, member })
    end
end

-- The fields of a record by the table. guess: what a needed field should be; whatever it says must be a value of it.
function Doctor.check_fields(place, kind, record, guess)
    local fields = Doctor.FIELDS[kind]
    local wrong = {}
    for field, value in pairs(record) do
        local is = field ~= "needed" and fields[field]
        if not is or (not fields.needed[field] and not is(value)) then
            wrong[#wrong + 1] = field
        end
    end
    table.sort(wrong) -- the same commands in the same order each time
    for _, field in ipairs(wrong) do
        local is = field ~= "needed" and fields[field]
        Doctor.mend(place, record, field, nil, is and "which cannot be" or "which is no field of it")
    end
    wrong = {}
    for field, is in pairs(fields.needed) do
        local value = rawget(record, field)
        if value == nil or not is(value) then
            wrong[#wrong + 1] = field
        end
    end
    table.sort(wrong)
    for _, field in ipairs(wrong) do
        Doctor.mend(place, record, field, guess(field))
    end
end

function Doctor.check_own_id(place, record)
    if record.id ~= place.id then
        Doctor.mend(place, record, "id", place.id, "not as its key has it")
    end
end
