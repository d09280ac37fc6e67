-- Backups -------------------------------------------------------------------------------------------------------------

local Backups = Subject.define("backup", {
    key = Keys.backup, unknown = "UNKNOWN_BACKUP", canceled = "Backup canceled", name_field = "name",
    -- Fields that a record need not have. That makes the many that wait or are done small and quick to write.
    defaults = { __index = {
        labels = "[]", snapshot = "", schedule = "", hook_state = "", state_unready = "[]", state_details = "[]",
        hook_state_details = "[]", taken_ms = "0", bytes_total = "-1", bytes_done = "-1", percent_done = "0",
        repository_snapshot = "", revision = "1",
    } },
})

function Backups.noun()
    return "backup"
end

-- What a job does with a backup, for sentences.
function Backups.work(job)
    local names = redis.call("HMGET", Keys.backup(job.subject), "name", "app_name")
    return string.format("%s %s of app %s", Facts.kinds[job.kind].title, names[1] or job.subject, names[2] or job.app)
end

-- Why other jobs of the app wait while a job works on this backup.
function Backups.busy(_, id)
    return string.format("waiting for backup %s of the same app", redis.call("HGET", Keys.backup(id), "name") or id)
end

function Backups.told(backup, why)
    return backup.id, why
end

function Backups.moved(backup, from, to, _, now)
    if from == to then
        return
    end
    redis.call("ZREM", Keys.state(from), backup.id)
    if to ~= "gone" then
        redis.call("ZADD", Keys.state(to), Text.int(now), backup.id)
    end
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

-- The fields of a backup that begins, flat, as Redis takes them. All others are in Backups.defaults.
function Backups.new_record(backup)
    local record = {
        "id", backup.id, "account", backup.account, "app", backup.app, "app_name", backup.app_name, "name", backup.name,
        "state", Backups.transitions.none.create, "bucket", backup.bucket, "node", backup.node, "job", backup.job,
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

-- Members of several keys, by what each key is made of.
function Backups.add_all(command, key_of, lists)
    for owner, members in pairs(lists) do
        redis.call(command, key_of(owner), unpack(members))
    end
end

-- The one place where a backup gets its first state. Nothing can be refused here; Redis is asked once per index and not
-- once per backup.
function Backups.store_new(backups)
    local of_apps, of_accounts, of_state, names = {}, {}, {}, {}
    local state = Backups.transitions.none.create
    for _, backup in ipairs(backups) do
        local id, created = backup.id, backup.created_ms
        redis.call("HSET", Keys.backup(id), unpack(Backups.new_record(backup)))
        Lists.append(of_apps, backup.app, created, id)
        Lists.append(of_accounts, backup.account, created, id)
        Lists.append(of_state, state, created, id)
        Lists.append(names, backup.app, backup.name, id)
        Journal.write({ backup = id, job = backup.job, app = backup.app, account = backup.account, from = "none",
            to = state, who = backup.created_by, why = "requested" })
    end
    Backups.add_all("ZADD", Keys.backups, of_apps)
    Backups.add_all("ZADD", Keys.account_backups, of_accounts)
    Backups.add_all("ZADD", Keys.state, of_state)
    Backups.add_all("HSET", Keys.names, names)
end

function Backups.is_name_of_other(app, name, id)
    local holder = redis.call("HGET", Keys.names(app), name)
    return holder and holder ~= id
end

-- A backup whose record was lost gets one again; nothing is refused here. What only the record knew is lost. note: as of
-- Subject:transition().
function Backups.store_found(backup, note, now)
    local id, created = backup.id, backup.created_ms
    backup.state, backup.modified_ms, backup.revision = Backups.transitions.none.found, Text.int(now), "1"
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

-- Deletes -------------------------------------------------------------------------------------------------------------

-- The job that removes the data of a backup that is being deleted; the app's node of today does it.
function Backups.queue_delete(backup, now)
    local node = Apps.node_of(backup.app, backup.node)
    local id = Ids.derived(backup.id .. backup.revision .. Text.int(now))
    Backups:update(backup, { job = id }, now)
    Jobs.queue_new({ Jobs.new(id, "delete", backup, node, Text.int(now)) })
end

function Backups.waits_in(job)
    return job.kind == "delete" and "deleting" or "pending"
end

function Backups.is_reported_by(job)
    return job.kind == "backup"
end

function Backups.failure(job, backup, why, changes)
    if job.kind == "delete" then
        changes.state_details = Reasons.with_detail(changes.state_details or backup.state_details, "delete_failed",
            "Delete failed", why)
        why = "delete failed: " .. why
    end
    changes.state_unready = Reasons.of(why)
    return Jobs.event(job, "failed")
end

-- A backup that is being deleted is not tried again: what it may have left in the bucket is removed by a delete job. An
-- attempt that ends for good says that it leaves no data, but it does not speak for an earlier attempt, which may have
-- committed its snapshot and died before it told.
function Backups.yields(job, backup, event)
    return backup.state == "deleting" and job.kind == "backup" and (event == "requeue" or tonumber(job.attempt) > 1)
end

function Backups.leave(job, backup, why, changes)
    Subject.conclude(Backups, job, backup, "requeue", why, changes)
    Backups.queue_delete(backup, Time.now_ms())
end

function Backups.settle(job, backup, event)
    if event == "purge" then
        Repositories.on_purged(backup, job.node)
        return
    end
    Repositories.on_completed(backup)
    if backup.state == "deleting" then
        Backups.queue_delete(backup, Time.now_ms())
    end
end

-- A backup whose delete job leaves the quarantine is being deleted again.
function Backups.release(backup, note)
    Tasks.refuse_delete(backup)
    Backups:transition(backup, "delete", note, { state_unready = "[]" })
end

-- Shows the backups of an app that wait or are being deleted.
function Backups.each_waiting(app, see)
    for _, state in ipairs({ "pending", "deleting" }) do
        for _, id in ipairs(redis.call("ZINTER", 2, Keys.state(state), Keys.backups(app))) do
            see(id)
        end
    end
end

-- What a verification says of one --------------------------------------------------------------------------------------

-- problem: "" when the backup's data is there. complete: all of it has been read, so that an earlier finding is void.
function Backups.judge(job, id, problem, complete)
    local backup = Backups:load(id)
    if not backup or backup.app ~= job.app or backup.bucket ~= job.bucket then
        return
    end
    if problem ~= "" and backup.state == "completed" then
        Backups:transition(backup, "lose", Jobs.note(job, problem), {
            state_unready = Reasons.of(problem),
            state_details = Reasons.with_detail(backup.state_details, "data_damaged", "Data gone or damaged", problem),
        })
    elseif problem == "" and complete and backup.state == "removed" then
        Backups:transition(backup, "find", Jobs.note(job, "all of its data has been read and is sound"), {
            state_unready = "[]",
            state_details = Reasons.with_detail(backup.state_details, "data_found", "Data found again",
                "a later verification has read all of it"),
        })
    end
end
