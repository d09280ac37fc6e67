-- Tasks: what is done with an app's data besides making and deleting backups ------------------------------------------

-- A record of its own, for a restore, prune, verification or catalog; it expires some time after it has ended.
local Tasks = Subject.define("task", {
    ACTIVE_MAX = 64, -- waiting or running tasks of an app
    key = Keys.task, unknown = "UNKNOWN_TASK", canceled = "Canceled", name_field = "backup_name",
    defaults = { __index = {
        backup = "", backup_name = "", repository_snapshot = "", target = "", includes = "[]", sample = "0",
        overwrite = "0", state_unready = "[]", state_details = "[]", hook_state = "", hook_state_details = "[]",
        bytes_total = "-1", bytes_done = "-1", percent_done = "0", taken_ms = "0", snapshot = "", created_by = "",
    } },
})

function Tasks.noun(of)
    return of.kind
end

-- "restore of backup nightly to its place": for sentences.
function Tasks.describe(task)
    if task.kind ~= "restore" then
        return task.kind .. " of app " .. task.app_name
    end
    return string.format("restore of backup %s %s", task.backup_name,
        task.target == "" and "in place" or "to " .. task.target)
end

-- What a job does with a task, for sentences.
function Tasks.work(job)
    local task = Tasks:load(job.subject)
    return task and Tasks.describe(task) or job.kind .. " " .. job.subject
end

-- Why other jobs of the app wait while a job works on this task.
function Tasks.busy(kind)
    return string.format("waiting for a %s of the same app", kind)
end

function Tasks.told(task, why)
    return task.backup, Tasks.describe(task) .. (why ~= "" and ": " .. why or "")
end

-- What callers of the API see of a restore in place: the state of the app. An app without a record is no longer
-- managed, and gets none here.
function Tasks.mark_app(task, state, details)
    local key = Keys.app(task.app)
    if task.kind == "restore" and task.target == "" and redis.call("EXISTS", key) == 1 then
        redis.call("HSET", key, "state", state, "state_details", details, "modified_ms", Text.int(Time.now_ms()))
    end
end

function Tasks.mark_restoring(task)
    Tasks.mark_app(task, "restoring", Reasons.with_detail("[]", "restoring", "Restore in progress", Tasks.describe(task)))
end

function Tasks.on_begin(task)
    redis.call("SADD", Keys.active_tasks(task.app), task.id)
    Tasks.mark_restoring(task)
end

-- A task that has ended is kept for a while. Its app or its repository is told how it has ended.
function Tasks.on_end(task, now)
    redis.call("SREM", Keys.active_tasks(task.app), task.id)
    redis.call("EXPIRE", Keys.task(task.id), Keys.KEPT_S.task)
    local why = cjson.decode(task.state_unready)[1] or ""
    if task.state == "completed" then
        Tasks.mark_app(task, "ready", "[]")
    else
        Tasks.mark_app(task, "failed", Reasons.with_detail("[]", "restore_failed", "Restore failed",
            string.format("%s: %s", Tasks.describe(task), why)))
    end
    if task.kind == "restore" then
        return
    end
    local node = Apps.node_of(task.app, task.node)
    local member = task.bucket .. ":" .. task.app
    redis.call("HSET", Keys.repository(task.bucket, task.app), task.kind .. "_ms", Text.int(now),
        task.kind .. "_state", task.state)
    if task.kind == "verify" then
        redis.call("ZADD", Keys.verified(node), Text.int(now), member)
    elseif task.kind == "prune" and task.state == "completed" then
        redis.call("ZREM", Keys.unreferenced(node), member)
    end
end

function Tasks.moved(task, _, to, event, now)
    if Facts.subjects.task.ended[to] then
        Tasks.on_end(task, now)
    elseif event == "retry" then -- one that had ended waits again
        redis.call("PERSIST", Keys.task(task.id))
        Tasks.on_begin(task)
    end
end

-- Shows each waiting or running task of an app.
function Tasks.each_active(app, see)
    for _, id in ipairs(redis.call("SMEMBERS", Keys.active_tasks(app))) do
        local task = Tasks:load(id)
        if task then
            see(task)
        else
            redis.call("SREM", Keys.active_tasks(app), id)
        end
    end
end

-- A backup stays as long as a restore needs it.
function Tasks.refuse_delete(backup)
    Tasks.each_active(backup.app, function(task)
        if task.backup == backup.id then
            Call.refuse("BACKUP_IN_USE", "backup %s: restore %s of it is %s", backup.id, task.id, task.state)
        end
    end)
end

-- Puts a task into the list of its app. Ids of tasks that have expired go from the front of that list.
function Tasks.index(task)
    local list = Keys.tasks(task.app)
    for _, id in ipairs(redis.call("ZRANGE", list, 0, 9)) do
        if redis.call("EXISTS", Keys.task(id)) == 0 then
            redis.call("ZREM", list, id)
        end
    end
    redis.call("ZADD", list, task.created_ms, task.id)
end

-- task: as it comes from task_create, without state; checked. who: for the journal.
function Tasks.queue(task, node, why)
    local now = Time.now_ms()
    task.node, task.created_ms = node, Text.int(now)
    local record = setmetatable({ id = task.id, kind = task.kind, state = "none", account = task.account,
        app = task.app, app_name = task.app_name, bucket = task.bucket, node = node, target = task.target,
        backup = task.backup, backup_name = task.backup_name }, Tasks.defaults)
    Tasks:transition(record, "create", { job = task.job, who = task.created_by, why = why }, task)
    Tasks.index(record)
    Tasks.on_begin(record)
    Jobs.queue_new({ Jobs.new(task.job, task.kind, record, node, Text.int(now)) })
    return record
end

-- Does a task of this kind wait or run for this repository?
function Tasks.is_active(kind, bucket, app)
    local found = false
    Tasks.each_active(app, function(task)
        found = found or (task.kind == kind and task.bucket == bucket)
    end)
    return found
end

-- Shows the tasks of an app that may wait: those that are active.
function Tasks.each_waiting(app, see)
    Tasks.each_active(app, function(task)
        see(task.id)
    end)
end
