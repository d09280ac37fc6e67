-- Backups -------------------------------------------------------------------------------------------------------------

-- What a record does not say; it makes the many that wait or are done small and quick to write.
local BACKUP_DEFAULTS = { __index = {
    labels = "[]", snapshot = "", schedule = "", hook_state = "", state_unready = "[]", state_details = "[]",
    hook_state_details = "[]", taken_ms = "0", bytes_total = "-1", bytes_done = "-1", percent_done = "0",
    repository_snapshot = "", revision = "1",
} }

local function load_backup(id)
    return read_hash(PREFIX .. "backup:" .. id, BACKUP_DEFAULTS)
end

-- account and app: "" stands for any.
local function find_backup(account, app, id)
    local backup = load_backup(id)
    if not backup or (account ~= "" and backup.account ~= account) or (app ~= "" and backup.app ~= app) then
        refuse("UNKNOWN_BACKUP", "there is no backup %s here", id)
    end
    return backup
end

local function forget_backup(backup)
    local id, names = backup.id, PREFIX .. "names:" .. backup.app
    redis.call("DEL", PREFIX .. "backup:" .. id)
    redis.call("ZREM", PREFIX .. "backups:" .. backup.app, id)
    redis.call("ZREM", PREFIX .. "account-backups:" .. backup.account, id)
    if redis.call("HGET", names, backup.name) == id then
        redis.call("HDEL", names, backup.name)
    end
end

-- Writes fields of a backup whose state stays; nothing to write is no change.
local function update_backup(backup, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = int(now)
    changes.revision = int(backup.revision + 1)
    for field, value in pairs(changes) do
        backup[field] = value
    end
    write_hash(PREFIX .. "backup:" .. backup.id, changes)
end

local function allows(backup, event)
    return TRANSITIONS[backup.state] ~= nil and TRANSITIONS[backup.state][event] ~= nil
end

-- To be called before the first write.
local function require_event(backup, event)
    if not allows(backup, event) then
        refuse("ILLEGAL_TRANSITION", "backup %s: cannot %s while %s", backup.id, event, backup.state)
    end
end

-- The one place where a backup changes its state. note: {job, epoch, who, why}; changes: other fields of the record.
local function transition(backup, event, note, changes)
    require_event(backup, event)
    local from, to = backup.state, TRANSITIONS[backup.state][event]
    local now = now_ms()
    if from ~= to then
        redis.call("ZREM", PREFIX .. "state:" .. from, backup.id)
    end
    if to == "gone" then
        forget_backup(backup)
    else
        changes.state = to
        update_backup(backup, changes, now)
        if from ~= to then
            redis.call("ZADD", PREFIX .. "state:" .. to, int(now), backup.id)
        end
    end
    backup.state = to
    journal({ backup = backup.id, job = note.job, app = backup.app, account = backup.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = note.why })
end

-- What there is to write down of a backup that begins; the rest is in BACKUP_DEFAULTS. Flat, as Redis takes it.
local function new_record(backup)
    local record = {
        "id", backup.id, "account", backup.account, "app", backup.app, "app_name", backup.app_name, "name", backup.name,
        "state", TRANSITIONS.none.create, "bucket", backup.bucket, "node", backup.node, "job", backup.job,
        "version", backup.version, "created_by", backup.created_by, "created_ms", backup.created_ms,
    }
    if backup.labels ~= "[]" then
        record[#record + 1], record[#record + 2] = "labels", backup.labels
    end
    if backup.snapshot ~= "" then
        record[#record + 1], record[#record + 2] = "snapshot", backup.snapshot
    end
    return record
end

-- And the one place where it gets its first. Nothing can be refused here; Redis is asked once per index and not once
-- per backup.
local function store_new_backups(backups)
    local indexes, names = {}, {}
    local state = TRANSITIONS.none.create
    for _, backup in ipairs(backups) do
        local id, created = backup.id, backup.created_ms
        redis.call("HSET", PREFIX .. "backup:" .. id, unpack(new_record(backup)))
        append(indexes, PREFIX .. "backups:" .. backup.app, created, id)
        append(indexes, PREFIX .. "account-backups:" .. backup.account, created, id)
        append(indexes, PREFIX .. "state:" .. state, created, id)
        append(names, PREFIX .. "names:" .. backup.app, backup.name, id)
        journal({ backup = id, job = backup.job, app = backup.app, account = backup.account, from = "none",
            to = state, who = backup.created_by, why = "requested" })
    end
    for key, members in pairs(indexes) do
        redis.call("ZADD", key, unpack(members))
    end
    for key, members in pairs(names) do
        redis.call("HSET", key, unpack(members))
    end
end

local function is_name_of_other(app, name, id)
    local holder = redis.call("HGET", PREFIX .. "names:" .. app, name)
    return holder and holder ~= id
end

-- Nor this one: a backup whose record was lost. What only the record knew is lost; note: as of transition().
local function store_found_backup(backup, note, now)
    local id, created = backup.id, backup.created_ms
    backup.state, backup.modified_ms, backup.revision = TRANSITIONS.none.found, int(now), "1"
    if is_name_of_other(backup.app, backup.name, id) then
        backup.name = backup.name:sub(1, NAME_MAX - 9) .. "-" .. id:sub(1, 8)
    end
    write_hash(PREFIX .. "backup:" .. id, backup)
    redis.call("ZADD", PREFIX .. "backups:" .. backup.app, created, id)
    redis.call("ZADD", PREFIX .. "account-backups:" .. backup.account, created, id)
    redis.call("ZADD", PREFIX .. "state:" .. backup.state, int(now), id)
    redis.call("HSET", PREFIX .. "names:" .. backup.app, backup.name, id)
    journal({ backup = id, job = note.job, app = backup.app, account = backup.account, from = "none",
        to = backup.state, epoch = note.epoch, who = note.who, why = note.why })
end

local function reasons(text)
    if text == "" then
        return "[]"
    end
    return cjson.encode({ clean(text, UNREADY_MAX) })
end

-- The array's text with one more reason.
local function with_reason(unready, reason)
    if reason == "" then
        return unready
    elseif unready == "[]" then
        return reasons(reason)
    end
    return unready:sub(1, -2) .. "," .. cjson.encode(clean(reason, UNREADY_MAX)) .. "]"
end

-- The array's text with one more entry. It is not decoded: empty arrays inside would not survive that.
local function with_detail(details, reason, title, text)
    local entry = string.format('{"type":%s,"title":%s,"detail":%s}', cjson.encode(DETAIL_TYPE_PREFIX .. reason),
        cjson.encode(title), cjson.encode(text ~= "" and clean(text, REASON_MAX) or title))
    if details:find(entry, 1, true) or #details + #entry >= JSON_MAX then
        return details
    end
    if details == "[]" then
        return "[" .. entry .. "]"
    end
    return details:sub(1, -2) .. "," .. entry .. "]"
end
