-- Functions for tasks -------------------------------------------------------------------------------------------------

-- A restore takes app and bucket from its backup.
function Tasks.read_restore(request)
    local backup = Backups:load(request.backup)
    if not backup or (request.account ~= "" and backup.account ~= request.account) then
        Call.refuse("UNKNOWN_BACKUP", "there is no backup %s here", request.backup)
    elseif request.app ~= "" and backup.app ~= request.app then
        Call.refuse("FOREIGN_BACKUP", "backup %s is one of another app", request.backup)
    elseif backup.state ~= "completed" then
        Call.refuse("BACKUP_NOT_READY", "backup %s is %s: only a completed one can be restored", request.backup,
            backup.state)
    end
    request.app, request.bucket = backup.app, backup.bucket
    request.backup_name, request.repository_snapshot = backup.name, backup.repository_snapshot
end

function Tasks.check_room(request)
    local count = 0
    Tasks.each_active(request.app, function(task)
        count = count + 1
        if task.kind == "restore" and request.kind == "restore" and task.target == "" and request.target == "" then
            Call.refuse("TASK_EXISTS", "the app is being restored already: restore %s is %s", task.id, task.state)
        elseif task.kind == request.kind and task.kind ~= "restore" and task.bucket == request.bucket then
            Call.refuse("TASK_EXISTS", "%s %s of this app is %s already", task.kind, task.id, task.state)
        end
    end)
    if count >= Tasks.ACTIVE_MAX then
        Call.refuse("TASK_EXISTS", "%d tasks of this app wait or run already", count)
    end
end

function Tasks.check_retry(task)
    Tasks:require_event(task, "retry")
    Apps.find("", task.app)
    Buckets.find("", task.bucket)
    if task.kind == "restore" then
        Tasks.read_restore({ account = "", app = task.app, backup = task.backup })
    end
    Tasks.check_room(task)
end

function Tasks.retry_kind(task)
    return task.kind
end

function Tasks.retry_seed(task)
    return task.id
end

Call.define("task_create", function(args)
    local request = args
    request.sample, request.overwrite = Text.int(args.sample), args.overwrite == true and "1" or "0"
    local target = request.target
    if target ~= "" and (target:sub(1, 1) ~= "/" or target ~= Text.clean(target, #target)) then
        Call.refuse("INVALID_ARGUMENT", "target must be an absolute path of printable UTF-8")
    end
    if request.kind == "restore" then
        if request.app ~= "" then
            Apps.find(request.account, request.app)
        end
        Tasks.read_restore(request)
    end
    local app = Apps.find(request.account, request.app)
    if request.kind ~= "restore" then
        request.bucket = Buckets.choose(app.account, request.bucket)
        request.backup = ""
    end
    request.account, request.app_name = app.account, app.name
    Tasks.check_room(request)
    if redis.call("EXISTS", Keys.job(request.job)) == 1 or Tasks:load(request.id) then
        Call.refuse("INVALID_ARGUMENT", "job %s or task %s exists", request.job, request.id)
    end
    Tasks.queue(request, app.node, "requested")
    return redis.call("HGETALL", Keys.task(request.id))
end)

-- Adds to a task what it waits for, for callers. That is true only now, so it is not stored.
function Tasks.visible(task, now)
    if task.state == "pending" then
        task.state_unready = Reasons.with_reason(task.state_unready, Waiting.added(task, now))
    end
    return task
end

Call.define("task_get", function(args)
    local account, id = args.account, args.task
    return Hash.flatten(Tasks.visible(Tasks:find(account, "", id), Time.now_ms()))
end)

Call.define("task_list", function(args)
    local account, app = args.account, args.app
    local now, tasks = Time.now_ms(), {}
    local apps = { app }
    if app == "" then
        apps = {}
        for _, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
            for _, id in ipairs(redis.call("ZRANGE", Keys.apps(owner), 0, -1)) do
                apps[#apps + 1] = id
            end
        end
    end
    for _, id in ipairs(apps) do
        for _, task_id in ipairs(redis.call("ZREVRANGE", Keys.tasks(id), 0, Limits.LIST_MAX - 1)) do
            local task = Tasks:load(task_id)
            if task and (account == "" or task.account == account) then
                tasks[#tasks + 1] = Tasks.visible(task, now)
            end
        end
    end
    table.sort(tasks, function(x, y)
        if x.created_ms ~= y.created_ms then
            return tonumber(x.created_ms) > tonumber(y.created_ms)
        end
        return x.id < y.id
    end)
    for i = #tasks, Limits.LIST_MAX + 1, -1 do
        tasks[i] = nil
    end
    return Lists.reply(tasks)
end)

Call.define("task_cancel", function(args)
    local account, id, actor, reason = args.account, args.task, args.actor, args.reason
    local task = Tasks:find(account, "", id)
    Tasks:require_event(task, "cancel")
    local job = Jobs.load(task.job)
    local why = Text.clean("canceled on request" .. (reason ~= "" and ": " .. reason or ""), Limits.REASON_MAX)
    if job and job.state == "claimed" then
        Jobs.ask_to_stop(job, actor, why)
    else
        Tasks:cancel(task, job, { job = task.job, epoch = job and job.epoch, who = actor, why = why }, {})
    end
    return Call.DONE
end)

Call.define("maintenance_queue", function(args)
    local node, prune_after, prune_ms = args.node, args.prune_after_deletes, args.prune_interval_ms
    local verify_ms, sample = args.verify_interval_ms, Text.int(args.verify_sample)
    Nodes.require(node)
    local now, queued = Time.now_ms(), 0
    if prune_after > 0 then
        local full = redis.call("ZRANGEBYSCORE", Keys.unreferenced(node), Text.int(prune_after), "+inf",
            "WITHSCORES", "LIMIT", 0, Repositories.DUE_MAX)
        queued = queued + Repositories.queue_due("unreferenced", node, full, "prune", function(bucket, app)
            local last = redis.call("HGET", Keys.repository(bucket, app), "prune_ms")
            return now - tonumber(last or "0") >= prune_ms
        end)
    end
    if verify_ms > 0 then
        local old = redis.call("ZRANGEBYSCORE", Keys.verified(node), "-inf", Text.int(now - verify_ms),
            "WITHSCORES", "LIMIT", 0, Repositories.DUE_MAX)
        queued = queued + Repositories.queue_due("verified", node, old, "verify", function()
            return true
        end, sample)
    end
    return Text.int(queued)
end)

Call.define("verify_report", function(args)
    local id, epoch, backups = args.job, args.epoch, args.backups
    if #backups > Limits.LIST_MAX then
        Call.refuse("INVALID_ARGUMENT", "%d backups, at most %d are allowed", #backups, Limits.LIST_MAX)
    end
    local job = Jobs.fence(id, epoch)
    local task = Tasks:of(job)
    for _, entry in ipairs(backups) do
        if type(entry) ~= "table" or not tostring(entry.backup):find(Ids.PATTERN) then
            Call.refuse("INVALID_ARGUMENT", "an entry must have the id of a backup")
        end
    end
    for _, entry in ipairs(backups) do
        Backups.judge(job, entry.backup, Text.clean(tostring(entry.problem or ""), Limits.REASON_MAX), args.complete)
    end
    if args.is_last then
        Repositories.note_verified(task, args.damage)
    end
    return Call.DONE
end)

-- What an entry of a report says: a text, or the text of a whole number.
function Tasks.said(entry, name, default)
    local value = entry[name]
    if value == nil or value == cjson.null then
        return default
    elseif type(value) == "number" and value % 1 == 0 then
        return Text.int(value)
    elseif type(value) ~= "string" then
        Call.refuse("INVALID_ARGUMENT", "%s is neither a text nor a whole number", name)
    end
    return value
end

function Tasks.said_labels(entry)
    local labels, parts = entry.labels, {}
    if labels == nil or labels == cjson.null then
        return "[]"
    elseif type(labels) ~= "table" or (#labels == 0 and next(labels)) then
        Call.refuse("INVALID_ARGUMENT", "labels is not a JSON array")
    end
    for i, label in ipairs(labels) do
        if type(label) ~= "table" or type(label.name) ~= "string" or type(label.value) ~= "string" then
            Call.refuse("INVALID_ARGUMENT", "a label must have a name and a value")
        end
        parts[i] = Json.object({ { "name", label.name }, { "value", label.value } })
    end
    return Json.list(parts).json
end

-- Checks one entry of a report, and makes a new record of it.
function Tasks.read_entry(entry)
    if type(entry) ~= "table" then
        Call.refuse("INVALID_ARGUMENT", "an entry must be an object")
    end
    local fields = Args.of({ Tasks.said(entry, "backup", ""), Tasks.said(entry, "name", ""),
        Tasks.said(entry, "snapshot", ""), Tasks.said(entry, "taken_ms", ""), Tasks.said(entry, "bytes", ""),
        Tasks.said(entry, "created_by", Ids.NIL), Tasks.said(entry, "version", "1.2"), Tasks.said_labels(entry) })
    return { id = fields:id("backup"), name = fields:name("name", Limits.NAME_MAX),
        repository_snapshot = fields:digest("snapshot"),
        taken_ms = Text.int(fields:number("taken_ms", 0, Limits.BYTES_MAX)),
        bytes_total = Text.int(fields:number("bytes", -1, Limits.BYTES_MAX)), created_by = fields:id("created_by"),
        version = fields:name("version", 7), labels = (fields:json_array("labels", Limits.JSON_MAX)) }
end

-- A repository may have copies from that of another app: who has that one's own repository has them as well.
function Tasks.refuse_foreign(id, known, task, other_app)
    if other_app ~= "" and not other_app:find(Ids.PATTERN) then
        Call.refuse("INVALID_ARGUMENT", "other_app is not an id")
    elseif (known and known.app ~= task.app)
        or (not known and other_app ~= "" and redis.call("EXISTS", Keys.app(other_app)) == 1) then
        Call.refuse("FOREIGN_BACKUP", "backup %s is one of another app", id)
    end
end

-- Makes the record of an entry, unless it has one. Is it new?
function Tasks.rebuild(task, job, entry, now)
    local found = Tasks.read_entry(entry)
    local known = Backups:load(found.id)
    Tasks.refuse_foreign(found.id, known, task, Tasks.said(entry, "other_app", ""))
    if known then
        return false
    end
    found.account, found.app, found.app_name, found.bucket = task.account, task.app, task.app_name, task.bucket
    found.node, found.job = task.node, job.id
    found.created_ms, found.bytes_done = found.taken_ms, found.bytes_total
    found.percent_done = "100"
    found.state_details = Reasons.with_detail("[]", "record_rebuilt", "Record rebuilt",
        "its record was lost and has been made from what is in the bucket")
    Backups.store_found(found, Jobs.note(job, "found in the bucket"), now)
    Repositories.on_completed(found)
    return true
end

-- An entry that is refused is no reason to refuse another. Is it new? Or else nil, and why not.
function Tasks.rebuild_or_tell(task, job, entry, now)
    local ok, result = pcall(Tasks.rebuild, task, job, entry, now)
    if ok then
        return result
    elseif type(result) ~= "table" or not result.refusal then
        error(result, 0)
    end
    return nil, result.refusal:match(" (.*)")
end

-- What an entry is called in a sentence.
function Tasks.entry_name(entry, number)
    local snapshot = type(entry) == "table" and entry.snapshot
    if type(snapshot) == "string" and #snapshot == 64 and not snapshot:find("[^0-9a-f]") then
        return "snapshots/" .. snapshot
    end
    return "entry " .. number
end

-- A backup that has a record, in whatever state, keeps it. One that was deleted has nothing in the bucket to be
-- found by: its delete job, which no task of the app runs beside, removes that before the record.
Call.define("catalog_report", function(args)
    local id, epoch, list = args.job, args.epoch, args.backups
    if #list > Limits.LIST_MAX then
        Call.refuse("INVALID_ARGUMENT", "%d backups, at most %d are allowed", #list, Limits.LIST_MAX)
    end
    local job = Jobs.fence(id, epoch)
    local task, now, count, lines = Tasks:of(job), Time.now_ms(), 0, {}
    for i, entry in ipairs(list) do
        local is_new, why = Tasks.rebuild_or_tell(task, job, entry, now)
        count = count + (is_new and 1 or 0)
        if why then
            lines[#lines + 1] = Text.clean(Tasks.entry_name(entry, i) .. ": " .. why, Limits.REASON_MAX)
        end
    end
    return table.concat({ Text.int(count), unpack(lines) }, "\n")
end)
