-- Backups -------------------------------------------------------------------------------------------------------------

local Backups = {}

Backups.STATES = { "pending", "discovering", "running", "deleting", "completed", "failed", "removed", "unknown" }

-- {from, event} -> to. What is not here is refused. "none" is before the first record, "gone" after the last.
Backups.TRANSITIONS = {
    none = { create = "pending", found = "completed" }, -- found: in a bucket, by a task that rebuilds the catalogue
    pending = {
        discover = "discovering", requeue = "pending", fail = "failed", cancel = "failed",
        withdraw = "gone",   -- DELETE before any worker had it
        delete = "deleting", -- DELETE afterwards: an attempt may have left data
    },
    discovering = { run = "running", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
    running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
    completed = { delete = "deleting", lose = "removed" }, -- a verification found data gone or damaged
    failed = { delete = "deleting", retry = "pending" },
    removed = { delete = "deleting", find = "completed" }, -- another one has read all of it
    unknown = { delete = "deleting" },
    deleting = {
        complete = "deleting", requeue = "deleting", -- data may exist: a delete job follows
        fail = "gone", cancel = "gone", -- of the first attempt, which has left none
        purge = "gone",   -- the delete job has removed the data
        keep = "failed",  -- the delete job has failed for good
    },
}

-- What a record does not say; it makes the many that wait or are done small and quick to write.
Backups.DEFAULTS = { __index = {
    labels = "[]", snapshot = "", schedule = "", hook_state = "", state_unready = "[]", state_details = "[]",
    hook_state_details = "[]", taken_ms = "0", bytes_total = "-1", bytes_done = "-1", percent_done = "0",
    repository_snapshot = "", revision = "1",
} }

function Backups.load(id)
    return Hash.read(Keys.backup(id), Backups.DEFAULTS)
end

-- account and app: "" stands for any.
function Backups.find(account, app, id)
    local backup = Backups.load(id)
    if not backup or (account ~= "" and backup.account ~= account) or (app ~= "" and backup.app ~= app) then
        Call.refuse("UNKNOWN_BACKUP", "there is no backup %s here", id)
    end
    return backup
end

function Backups.forget(backup)
    local id, names = backup.id, Keys.names(backup.app)
    redis.call("DEL", Keys.backup(id))
    redis.call("ZREM", Keys.backups(backup.app), id)
    redis.call("ZREM", Keys.account_backups(backup.account), id)
    if redis.call("HGET", names, backup.name) == id then
        redis.call("HDEL", names, backup.name)
    end
end

-- Writes fields of a backup whose state stays; nothing to write is no change.
function Backups.update(backup, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = Text.int(now)
    changes.revision = Text.int(backup.revision + 1)
    for field, value in pairs(changes) do
        backup[field] = value
    end
    Hash.write(Keys.backup(backup.id), changes)
end

function Backups.allows(backup, event)
    return Backups.TRANSITIONS[backup.state] ~= nil and Backups.TRANSITIONS[backup.state][event] ~= nil
end

-- To be called before the first write.
function Backups.require_event(backup, event)
    if not Backups.allows(backup, event) then
        Call.refuse("ILLEGAL_TRANSITION", "backup %s: cannot %s while %s", backup.id, event, backup.state)
    end
end

-- The one place where a backup changes its state. note: {job, epoch, who, why}; changes: other fields of the record.
function Backups.transition(backup, event, note, changes)
    Backups.require_event(backup, event)
    local from, to = backup.state, Backups.TRANSITIONS[backup.state][event]
    local now = Time.now_ms()
    if from ~= to then
        redis.call("ZREM", Keys.state(from), backup.id)
    end
    if to == "gone" then
        Backups.forget(backup)
    else
        changes.state = to
        Backups.update(backup, changes, now)
        if from ~= to then
            redis.call("ZADD", Keys.state(to), Text.int(now), backup.id)
        end
    end
    backup.state = to
    Journal.write({ backup = backup.id, job = note.job, app = backup.app, account = backup.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = note.why })
end

-- What there is to write down of a backup that begins; the rest is in Backups.DEFAULTS. Flat, as Redis takes it.
function Backups.new_record(backup)
    local record = {
        "id", backup.id, "account", backup.account, "app", backup.app, "app_name", backup.app_name, "name", backup.name,
        "state", Backups.TRANSITIONS.none.create, "bucket", backup.bucket, "node", backup.node, "job", backup.job,
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

-- The one place where a backup gets its first state. Nothing can be refused here; Redis is asked once per index and not once
-- per backup.
function Backups.store_new(backups)
    local indexes, names = {}, {}
    local state = Backups.TRANSITIONS.none.create
    for _, backup in ipairs(backups) do
        local id, created = backup.id, backup.created_ms
        redis.call("HSET", Keys.backup(id), unpack(Backups.new_record(backup)))
        Lists.append(indexes, Keys.backups(backup.app), created, id)
        Lists.append(indexes, Keys.account_backups(backup.account), created, id)
        Lists.append(indexes, Keys.state(state), created, id)
        Lists.append(names, Keys.names(backup.app), backup.name, id)
        Journal.write({ backup = id, job = backup.job, app = backup.app, account = backup.account, from = "none",
            to = state, who = backup.created_by, why = "requested" })
    end
    for key, members in pairs(indexes) do
        redis.call("ZADD", key, unpack(members))
    end
    for key, members in pairs(names) do
        redis.call("HSET", key, unpack(members))
    end
end

function Backups.is_name_of_other(app, name, id)
    local holder = redis.call("HGET", Keys.names(app), name)
    return holder and holder ~= id
end

-- A backup whose record was lost gets one again; nothing is refused here. What only the record knew is lost. note: as of
-- Backups.transition().
function Backups.store_found(backup, note, now)
    local id, created = backup.id, backup.created_ms
    backup.state, backup.modified_ms, backup.revision = Backups.TRANSITIONS.none.found, Text.int(now), "1"
    if Backups.is_name_of_other(backup.app, backup.name, id) then
        backup.name = backup.name:sub(1, Limits.NAME_MAX - 9) .. "-" .. id:sub(1, 8)
    end
    Hash.write(Keys.backup(id), backup)
    redis.call("ZADD", Keys.backups(backup.app), created, id)
    redis.call("ZADD", Keys.account_backups(backup.account), created, id)
    redis.call("ZADD", Keys.state(backup.state), Text.int(now), id)
    redis.call("HSET", Keys.names(backup.app), backup.name, id)
    Journal.write({ backup = id, job = note.job, app = backup.app, account = backup.account, from = "none",
        to = backup.state, epoch = note.epoch, who = note.who, why = note.why })
end

-- The job that removes the data of a backup that is being deleted; the app's node of today does it.
function Backups.queue_delete(backup, now)
    local node = Apps.node_of(backup.app, backup.node)
    local id = Ids.derived(backup.id .. backup.revision .. Text.int(now))
    Backups.update(backup, { job = id }, now)
    Jobs.queue_new({ Jobs.new(id, "delete", backup, node, Text.int(now)) })
end

-- Is this queued job still what its backup waits for?
function Backups.is_wanted(job, backup)
    return backup ~= nil and backup.job == job.id and
        backup.state == (job.kind == "delete" and "deleting" or "pending")
end

-- The backup of a claimed job; it goes only through this job's own end, so a missing one means a lost lease.
function Backups.of(job)
    local backup = Backups.load(job.subject)
    if not backup then
        Call.refuse("LEASE_LOST", "job %s: its backup %s is gone", job.id, job.subject)
    end
    return backup
end
