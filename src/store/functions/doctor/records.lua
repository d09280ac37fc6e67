-- The doctor: what is wrong with a record, and which entries of indexes it has ------------------------------------------

-- Ids that are made of the account and a name: whose it is, the field of the id, and that of the name.
local MADE = { app = { "app", "id", "name" }, bucket = { "bucket", "id", "name" } }
local MADE_OF_APP = { "app", "app", "app_name" } -- of all records that name their app

-- Is this the id that include/model/app.h and bucket.h make of an account and a name? A UUID version 5.
function Doctor.is_made_of(id, account, name)
    local bytes = (account ~= "" and account or Ids.NIL):gsub("-", ""):gsub("..", function(pair)
        return string.char(tonumber(pair, 16))
    end)
    return Ids.derived(bytes .. name) == id
end

-- Will something still happen with this record?
function Doctor.goes_on(kind, record)
    if kind == "job" then
        return record.state ~= "done"
    end
    return Facts.subjects[kind] ~= nil and not Facts.subjects[kind].ended[record.state]
end

-- Fields that are there together or not at all.
local TOGETHER = { { "modified_ms", "revision" }, { "prune_ms", "prune_state" }, { "verify_ms", "verify_state" },
    { "catalog_ms", "catalog_state" }, { "bytes_done", "bytes_total", "percent_done" } }

-- What is done goes with the total and with the percentage, if there is any progress.
function Doctor.has_sound_progress(kind, record)
    local done, total = tonumber(rawget(record, "bytes_done")), tonumber(rawget(record, "bytes_total"))
    if not done or not total or record.percent_done ~= "100" then
        return not done or not total or (done <= total and record.percent_done == Text.int(Progress.percent(done, total)))
    end
    return done == total and (record.state == "deleting" or not Doctor.goes_on(kind, record))
end

-- What is wrong with a record whose fields can be, in words; nil: nothing is.
local DAMAGE = {}

function DAMAGE.backup(backup)
    local is_whole = backup.state == "completed" or backup.state == "removed"
    if backup.state == "completed" and backup.repository_snapshot == "" then
        return "it is completed, but where its data is, is not known"
    elseif is_whole and not (backup.percent_done == "100" and backup.bytes_done == backup.bytes_total
        and rawget(backup, "bytes_done")) then
        return "it is " .. backup.state .. ", but its progress is not"
    elseif backup.percent_done == "100" and backup.state ~= "deleting"
        and (backup.state == "completed") ~= (backup.state_unready == "[]") then
        return "its reasons do not go with its state, which is " .. backup.state
    end
    return nil
end

-- Epoch and attempts are raised by each claim.
function DAMAGE.job(job)
    local is_claimed, lease = job.state == "claimed", tonumber(job.lease_until_ms)
    local epoch, attempt = tonumber(job.epoch), tonumber(job.attempt)
    if is_claimed ~= (job.worker ~= "") or is_claimed ~= (lease > 0) then
        return "it is " .. job.state .. ", and its worker and its lease do not go with that"
    elseif lease > Doctor.now + Limits.LEASE_MS_MAX + Doctor.CLOCK_SLACK_MS then
        return "its lease is too long"
    elseif epoch < attempt or (attempt == 0 and (epoch > 0 or is_claimed)) then
        return "its epoch does not go with its attempts"
    end
    return nil
end

DAMAGE["create-key"] = function(record)
    local account = Doctor.ask("HGET", Keys.app(record.app), "account")
    return account and account ~= record.account and "its app is another account's" or nil
end

-- only_needed: a value that need not be there may be a wrong one.
function Doctor.damage(kind, record, only_needed)
    for _, field in ipairs(Doctor.fields(kind)) do
        local value = rawget(record, field.name)
        if value == nil and field.needed then
            return field.name .. " is missing"
        elseif value ~= nil and (field.needed or not only_needed) and not Doctor.passes(field.is, value) then
            return string.format("%s is '%s'", field.name, Text.clean(value, 80))
        end
    end
    local of, id, name = unpack(MADE[kind] or (Doctor.fields(kind).app_name and MADE_OF_APP) or {})
    if of and not Doctor.is_made_of(record[id], record.account, of .. "/" .. record[name]) then
        return string.format("%s is not made of account and %s", id, name)
    end
    return DAMAGE[kind] and DAMAGE[kind](record)
end

--[[
Entries: where a record stands in indexes, each { key, member, value, least, greatest }. value: its score, or what a hash
has for it; least and greatest: of a score that need not be just that. They are asked for of damaged records too.

Those of COMPUTED, by the names of their indexes, are no fields: each makes value, least and greatest of a record.
]]
local COMPUTED = {}

function COMPUTED.state(backup)
    local created = tonumber(backup.created_ms) or 0
    local modified = tonumber(rawget(backup, "modified_ms")) or created
    return Text.int(modified), math.min(created, modified), modified
end

function COMPUTED.queue(job)
    return Facts.kinds[job.kind] and tonumber(job.created_ms) and Jobs.queue_score(job) or nil
end

function COMPUTED.delayed()
    return Text.int(Doctor.now), 1, Doctor.now + Limits.DELAY_MS_MAX
end

function COMPUTED.quarantine()
    return Text.int(Doctor.now), 1, Doctor.now + Doctor.CLOCK_SLACK_MS
end

-- A damage stands beside others of its bucket, behind the name of its app.
function COMPUTED.damaged(record)
    local damage, told = record.damage, Doctor.value(Keys.damaged(record.bucket), record.app)
    if damage == "" then
        return nil
    elseif damage and (not told or told:sub(-#damage) ~= damage) then
        return string.format("app %s: %s", Doctor.ask("HGET", Keys.app(record.app), "name") or record.app, damage)
    end
    return told
end

-- What stands for a field in keys and members; "" where that is not known.
local function part_of(record, field)
    return field == "owner" and Buckets.owner(record.account or "") or record[field] or ""
end

-- The entry of a record in an index; nil: it has none there.
function Doctor.entry(name, record, id)
    local index, key = Keys.all[name], { Keys.PREFIX .. name }
    for field, values in pairs(index.when or {}) do
        if not values[part_of(record, field)] then
            return nil
        end
    end
    for _, field in ipairs(index.parts or {}) do
        key[#key + 1] = part_of(record, field)
    end
    local entry = { table.concat(key, ":"), index.member and part_of(record, index.member) or id, proves = index.proves }
    if COMPUTED[name] then
        entry[3], entry[4], entry[5] = COMPUTED[name](record)
    elseif index.type == "hash" then
        entry[3] = id
    elseif index.type == "zset" then
        entry[3] = record[index.value]
    end
    return entry[2] ~= "" and (entry[3] or index.type == "set") and entry or nil
end

function Doctor.entries(kind, record, id)
    local entries = {}
    for _, name in ipairs(Keys.all[kind].entries or {}) do
        entries[#entries + 1] = Doctor.entry(name, record, id)
    end
    return entries
end

-- The entry of a record that is this one; else nil, and the one that it has instead where the same is witnessed.
function Doctor.find_entry(kind, record, id, key, member)
    local known = Doctor.describe(key)
    local instead
    for _, entry in ipairs(Doctor.entries(kind, record, id)) do
        if entry[1] == key and entry[2] == member then
            return entry
        elseif known.proves and entry.proves == known.proves then
            instead = entry
        end
    end
    return nil, instead
end

-- The job that will end a subject; nil: there is none.
function Doctor.job_of(subject, id)
    local job = Doctor.read("job", subject.job)
    local is_sound = job and job.subject == id and job.state ~= "done" and not Doctor.damage("job", job)
    return is_sound and job or nil
end

-- Is this a state in which a subject can be while it has such a job?
function Doctor.is_state_with(job, state)
    if job.state == "quarantined" then
        return state == "failed"
    elseif job.kind == "delete" then
        return state == "deleting"
    elseif state == "deleting" then
        return job.kind == "backup" and job.state == "claimed" and job.cancel == "1"
    end
    return state == "pending" or (job.state == "claimed" and (state == "running" or state == "discovering"))
end

-- Does a job that is not done go with its subject, the record of which is sound?
function Doctor.goes_with(job, subject, kind)
    if subject.job ~= job.id or Facts.kinds[job.kind].subject ~= kind or (subject.kind or job.kind) ~= job.kind
        or job.account ~= subject.account or job.app ~= subject.app or job.bucket ~= subject.bucket
        or not Doctor.is_state_with(job, subject.state) then
        return false
    end
    local waits = job.state == "queued" or job.state == "delayed"
    local node = waits and Doctor.ask("HGET", Keys.app(job.app), "node") or job.node
    return job.node == node and (job.kind == "delete" or job.state == "quarantined" or job.node == subject.node)
end
