-- The doctor: what is wrong with a record, and which entries of indexes it has ------------------------------------------

-- Is this the id that include/model/app.h and bucket.h make of an account and a name? A UUID version 5.
function Doctor.is_made_of(id, account, name)
    local bytes = account:gsub("-", ""):gsub("..", function(pair)
        return string.char(tonumber(pair, 16))
    end)
    return Ids.derived(bytes .. name) == id
end

function Doctor.is_unfinished(kind, record)
    return not Facts.subjects[kind].ended[record.state]
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
    return done == total and (record.state == "deleting" or not Doctor.is_unfinished(kind, record))
end

-- What is wrong with a record whose fields can be, in words; nil: nothing is.
local DAMAGE = {}

function DAMAGE.backup(backup)
    local is_whole = backup.state == "completed" or backup.state == "removed"
    if not Doctor.is_made_of(backup.app, backup.account, "app/" .. backup.app_name) then
        return "the id of its app is not made of its account and app_name"
    elseif backup.state == "completed" and backup.repository_snapshot == "" then
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

function DAMAGE.task(task)
    return not Doctor.is_made_of(task.app, task.account, "app/" .. task.app_name)
        and "the id of its app is not made of its account and app_name" or nil
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

function DAMAGE.app(app)
    return not Doctor.is_made_of(app.id, app.account, "app/" .. app.name) and "its id is not made of account and name"
        or nil
end

function DAMAGE.bucket(bucket)
    local account = bucket.account ~= "" and bucket.account or Ids.NIL
    return not Doctor.is_made_of(bucket.id, account, "bucket/" .. bucket.name)
        and "its id is not made of account and name" or nil
end

DAMAGE["create-key"] = function(record, id)
    local account = Doctor.ask("HGET", Keys.app(id:match("^(.-):")), "account")
    return account and account ~= record.account and "its app is another account's" or nil
end

function Doctor.damage(kind, record, id)
    for _, field in ipairs(Doctor.fields(kind)) do
        local value = rawget(record, field.name)
        if value == nil and field.needed then
            return field.name .. " is missing"
        elseif value ~= nil and not field.is(value) then
            return string.format("%s is '%s'", field.name, Text.clean(value, 80))
        end
    end
    return DAMAGE[kind] and DAMAGE[kind](record, id)
end

--[[
Entries: where a record stands in indexes, each { key, member, value, least, greatest }. value: its score, or what a hash
has for it; least and greatest: of a score that need not be just that. They are asked for of damaged records too.
]]
local ENTRIES = {}

function ENTRIES.backup(backup, id)
    local created = tonumber(backup.created_ms) or 0
    local modified = tonumber(rawget(backup, "modified_ms")) or created
    return {
        { Keys.backups(backup.app or ""), id, Text.int(created) },
        { Keys.account_backups(backup.account or ""), id, Text.int(created) },
        { Keys.names(backup.app or ""), backup.name or "", id },
        { Keys.state(backup.state or ""), id, Text.int(modified), math.min(created, modified), modified },
        { Keys.ACCOUNTS, backup.account or "" },
    }
end

function ENTRIES.task(task, id)
    return { { Keys.tasks(task.app or ""), id, task.created_ms },
        not Facts.subjects.task.ended[task.state] and { Keys.active_tasks(task.app or ""), id } or nil }
end

function ENTRIES.job(job, id)
    local now, is_of_kind = Doctor.now, Facts.kinds[job.kind] and tonumber(job.created_ms)
    if job.state == "queued" then
        return { { Keys.queue(job.node or ""), id, is_of_kind and Jobs.queue_score(job) } }
    elseif job.state == "delayed" then
        return { { Keys.DELAYED, id, Text.int(now), 1, now + Limits.DELAY_MS_MAX } }
    elseif job.state == "quarantined" then
        return { { Keys.QUARANTINE, id, Text.int(now), 1, now + Doctor.CLOCK_SLACK_MS } }
    end
    return job.state == "claimed" and { { Keys.LEASES, id, job.lease_until_ms }, { Keys.APP_BUSY, job.app or "", id },
        { Keys.bucket_jobs(job.bucket or ""), id } } or {}
end

function ENTRIES.app(app, id)
    return { { Keys.apps(app.account or ""), id, app.created_ms }, { Keys.node_apps(app.node or ""), id },
        { Keys.ACCOUNTS, app.account or "" } }
end

function ENTRIES.bucket(bucket, id)
    local owner = Buckets.owner(bucket.account or "")
    local entries = { { Keys.buckets(owner), id, bucket.created_ms }, owner ~= "shared" and { Keys.ACCOUNTS, owner } or nil }
    entries[#entries + 1] = bucket.is_default == "1" and { Keys.DEFAULT_BUCKETS, owner, id } or nil
    return entries
end

function ENTRIES.node(node, id)
    return { { Keys.NODES, id, node.heartbeat_ms } }
end

-- A damage stands beside others of its bucket, behind the name of its app.
function ENTRIES.repository(record, id)
    local bucket, app = id:match("^(.-):(.+)$")
    local key, damage = Keys.damaged(bucket), record.damage
    local told = Doctor.value(key, app)
    if damage == "" or (not damage and not told) then
        return {}
    elseif damage and (not told or told:sub(-#damage) ~= damage) then
        told = string.format("app %s: %s", Doctor.ask("HGET", Keys.app(app), "name") or app, damage)
    end
    return { { key, app, told } }
end

-- Indexes that bear witness of what nothing in a record proves: a job stands in one of several places, the others have one
-- entry for each record.
local WITNESSES = { queue = "place", delayed = "place", leases = "place", quarantine = "place", names = "name",
    state = "state", ["node-apps"] = "node" }

-- The entry of a record that is this one; else nil, and the one that it has instead where the same is witnessed.
function Doctor.find_entry(kind, record, id, key, member)
    local _, word = Doctor.describe(key)
    local instead
    for _, entry in ipairs(ENTRIES[kind](record, id)) do
        local _, other = Doctor.describe(entry[1])
        if entry[1] == key and entry[2] == member then
            return entry
        elseif WITNESSES[word] and WITNESSES[other] == WITNESSES[word] then
            instead = entry
        end
    end
    return nil, instead
end

-- The job that will end a subject; nil: there is none.
function Doctor.job_of(subject, id)
    local job = Doctor.read("job", subject.job)
    local is_sound = job and job.subject == id and job.state ~= "done" and not Doctor.damage("job", job, subject.job)
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
