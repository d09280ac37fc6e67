-- Functions for people with a bare redis-cli: many records at once -------------------------------------------------------

--[[
Each answers with lines; with a last argument "json", with one JSON text of the same for programs. Nothing here is of one
account only: these are for who looks after all of it.
]]
local Reports = { ROWS_MAX = 1000, PER_STATE_MAX = 100, JOURNAL_PAGE = 2000, OUTCOMES_MAX = 10 }

-- A list, and the function say() that adds lines to it.
function Reports.lines()
    local lines = {}
    return lines, function(text, ...)
        lines[#lines + 1] = string.format(text, ...)
    end
end

Call.define("list", function(args)
    local wanted = args.state ~= "" and { args.state } or Facts.subjects.backup.states
    local lines, say = Reports.lines()
    local now = Time.now_ms()
    for _, state in ipairs(wanted) do
        local key = Keys.state(state)
        for _, id in ipairs(redis.call("ZREVRANGE", key, 0, Reports.PER_STATE_MAX - 1)) do
            local backup = Backups:load(id)
            if backup then
                local unready = backup.state_unready
                if state == "pending" then
                    unready = Reasons.with_reason(unready, Waiting.added(backup, now))
                end
                local reason = table.concat(cjson.decode(unready), "; ")
                say("%-11s %3s %%  %s  %s  app %s  node %s  %s%s", state, backup.percent_done,
                    Time.text(backup.created_ms), backup.name, backup.app_name, backup.node, id,
                    reason ~= "" and "  (" .. reason .. ")" or "")
            end
        end
        local more = redis.call("ZCARD", key) - Reports.PER_STATE_MAX
        if more > 0 then
            say("%-11s and %d older ones: ZREVRANGE %s %d -1", state, more, key, Reports.PER_STATE_MAX)
        end
    end
    return lines
end)

-- Jobs ----------------------------------------------------------------------------------------------------------------

-- Says in a few words what a job waits for; "" when nothing is in its way.
function Reports.wait_of(job, now)
    if job.state == "claimed" then
        if job.cancel == "1" then
            return "being stopped: " .. job.cancel_why
        end
        return tonumber(job.lease_until_ms) < now and "its lease is over, it is queued again" or ""
    elseif job.state == "queued" then
        return Waiting.reason({ app = job.app, job = job.id, node = job.node, bucket = job.bucket }, now)
    elseif job.state == "delayed" then
        local paused = Pauses.reason(job)
        return string.format("retry at %s: %s%s", Time.clock(redis.call("ZSCORE", Keys.DELAYED, job.id) or now),
            job.reason, paused ~= "" and "; " .. paused or "")
    end
    return job.reason
end

-- A job with what people call it by, and how far it is.
function Reports.row(job, place, now)
    local of = Subject.of_job(job)
    local subject = redis.call("HMGET", of.key(job.subject), "app_name", of.name_field, "bytes_done", "bytes_total",
        "percent_done", "state")
    return { job = job, place = place, app = subject[1] or job.app, name = subject[2] or "",
        done = tonumber(subject[3] or "-1"), total = tonumber(subject[4] or "-1"), percent = tonumber(subject[5] or "0"),
        subject_state = subject[6] or "gone", wait = Reports.wait_of(job, now) }
end

function Reports.row_json(row)
    local job = row.job
    return Json.object({
        { "node", job.node }, { "state", job.state == "claimed" and "running" or job.state }, { "place", row.place },
        { "kind", job.kind }, { "app", row.app }, { "name", row.name }, { "subject", job.subject }, { "job", job.id },
        { "stage", job.stage }, { "bytes_done", row.done }, { "bytes_total", row.total }, { "percent_done", row.percent },
        { "attempt", tonumber(job.attempt) }, { "kills", tonumber(job.kills) }, { "epoch", tonumber(job.epoch) },
        { "worker", job.worker }, { "created_ms", tonumber(job.created_ms) },
        { "due_ms", job.state == "delayed" and tonumber(redis.call("ZSCORE", Keys.DELAYED, job.id) or "0") or nil },
        { "waits", row.wait },
    })
end

function Reports.row_line(row)
    local job = row.job
    local state = job.state == "claimed" and "running" or job.state
    local progress = job.state == "claimed" and string.format("  %s %d %%", job.stage, row.percent) or ""
    return string.format("%-11s %3s  node %s  %s of app %s%s%s  job %s%s", state, row.place or "", job.node, job.kind,
        row.app, row.name ~= "" and " (" .. row.name .. ")" or "", progress, job.id,
        row.wait ~= "" and "  " .. row.wait or "")
end

-- Adds the jobs of a zset in its order, of one node or of all; at most as many as there is still room for.
function Reports.add_rows(rows, zset, node, now, is_numbered)
    local ids = redis.call("ZRANGE", zset, 0, -1)
    for i, id in ipairs(ids) do
        local is_wanted_here = node == "" or redis.call("HGET", Keys.job(id), "node") == node
        if is_wanted_here and #rows >= Reports.ROWS_MAX then
            rows.left_out = rows.left_out + (is_numbered and #ids - i + 1 or 1)
            if is_numbered then
                return
            end
        elseif is_wanted_here then
            local job = Jobs.load(id)
            rows[#rows + 1] = job and Reports.row(job, is_numbered and i or nil, now) or nil
        end
    end
end

function Reports.queue_rows(node, now)
    local rows = { left_out = 0 }
    Reports.add_rows(rows, Keys.LEASES, node, now, false)
    for _, name in ipairs(node ~= "" and { node } or redis.call("ZRANGE", Keys.NODES, 0, -1)) do
        Reports.add_rows(rows, Keys.queue(name), "", now, true)
    end
    Reports.add_rows(rows, Keys.DELAYED, node, now, false)
    return rows
end

function Reports.rows_as_json(rows)
    local list = {}
    for i, row in ipairs(rows) do
        list[i] = Reports.row_json(row)
    end
    return Json.list(list)
end

function Reports.pauses_as_json()
    local list = {}
    for i, pause in ipairs(Pauses.all()) do
        list[i] = Json.object({ { "kind", pause.kind }, { "name", pause.name }, { "id", pause.id }, { "who", pause.who },
            { "since_ms", pause.since_ms }, { "reason", pause.reason } })
    end
    return Json.list(list)
end

function Reports.say_pauses(say)
    for _, pause in ipairs(Pauses.all()) do
        say("%s, since %s", Pauses.sentence(pause), Time.text(pause.since_ms))
    end
end

Call.define("queue", function(args)
    local node, now = args.node, Time.now_ms()
    if node ~= "" then
        Nodes.require(node)
    end
    local rows = Reports.queue_rows(node, now)
    if args.form == "json" then
        return Json.object({ { "now_ms", now }, { "jobs", Reports.rows_as_json(rows) }, { "left_out", rows.left_out },
            { "paused", Reports.pauses_as_json() } }).json
    end
    local lines, say = Reports.lines()
    for _, row in ipairs(rows) do
        lines[#lines + 1] = Reports.row_line(row)
    end
    if rows.left_out > 0 then
        say("and %d more", rows.left_out)
    end
    Reports.say_pauses(say)
    return lines
end)

function Reports.quarantine_rows(now)
    local rows = { left_out = 0 }
    Reports.add_rows(rows, Keys.QUARANTINE, "", now, false)
    return rows
end

Call.define("quarantine", function(args)
    local rows = Reports.quarantine_rows(Time.now_ms())
    if args.form == "json" then
        return Reports.rows_as_json(rows).json
    end
    local lines = {}
    for i, row in ipairs(rows) do
        lines[i] = Reports.row_line(row)
    end
    return lines
end)

-- Status --------------------------------------------------------------------------------------------------------------

function Reports.node(name, now)
    local node = Hash.read(Keys.node(name)) or {}
    return { name = name, version = node.version or "", slots = tonumber(node.slots or "0"),
        running = tonumber(node.running or "0"), heartbeat_ms = tonumber(node.heartbeat_ms or "0"),
        alive = Nodes.is_alive(name, now) or false, apps = redis.call("SCARD", Keys.node_apps(name)),
        queued = redis.call("ZCARD", Keys.queue(name)), paused = Pauses.holds("node", name) }
end

function Reports.nodes(now)
    local nodes = {}
    for i, name in ipairs(redis.call("ZRANGE", Keys.NODES, 0, -1)) do
        nodes[i] = Reports.node(name, now)
    end
    table.sort(nodes, Lists.by_name)
    return nodes
end

-- Buckets that cannot be used, or of which a verification has found something damaged.
function Reports.failing_buckets()
    local failing = {}
    Admin.each_named("bucket", function(bucket)
        local damaged = redis.call("HVALS", Keys.damaged(bucket.id))
        if bucket.state ~= "available" and bucket.state ~= "pending" or damaged[1] then
            local detail = cjson.decode(bucket.probe_details or "[]")[1]
            bucket.why = damaged[1] or (detail and detail.detail) or ""
            bucket.shown = bucket.state == "available" and "damaged" or bucket.state
            failing[#failing + 1] = bucket
        end
    end)
    table.sort(failing, Lists.by_name)
    return failing
end

-- Does the end of this backup say something about its app? One that somebody wanted does not.
function Reports.is_outcome(backup)
    return backup and (backup.state == "completed"
        or backup.state == "failed" and not backup.state_details:find("/canceled\"", 1, true))
end

-- The backup that has ended last among the newest of an app; nil when none of them has ended.
function Reports.last_outcome(app)
    local last
    for _, id in ipairs(redis.call("ZREVRANGE", Keys.backups(app), 0, Reports.OUTCOMES_MAX - 1)) do
        local backup = Backups:load(id)
        if Reports.is_outcome(backup) and (not last or tonumber(backup.modified_ms) > tonumber(last.modified_ms)) then
            last = backup
        end
    end
    return last
end

-- The detail of the last entry, which is the one that ended it.
function Reports.last_detail(details)
    local entries = cjson.decode(details)
    local entry = entries[#entries]
    return entry and entry.detail or ""
end

-- Apps whose last backup failed, or could not run its hooks.
function Reports.failing_apps()
    local failing = {}
    Admin.each_named("app", function(app)
        local last = Reports.last_outcome(app.id)
        if last and last.state == "failed" then
            app.why = string.format("its last backup '%s' failed: %s", last.name,
                Reports.last_detail(last.state_details))
        elseif last and last.hook_state == "failed" then
            app.why = string.format("hooks of its last backup '%s' failed: %s", last.name,
                Reports.last_detail(last.hook_state_details))
        end
        failing[#failing + 1] = app.why and app or nil
    end)
    table.sort(failing, Lists.by_name)
    return failing
end

-- The job of all nodes that waits longest. Within a priority the queue is in the order of age.
function Reports.oldest_waiting(now)
    local oldest
    for _, name in ipairs(redis.call("ZRANGE", Keys.NODES, 0, -1)) do
        for _, kind in pairs(Facts.kinds) do
            local priority = kind.priority
            local first = redis.call("ZRANGEBYSCORE", Keys.queue(name), Text.int(priority * Jobs.PRIORITY_WEIGHT),
                Text.int((priority + 1) * Jobs.PRIORITY_WEIGHT - 1), "LIMIT", 0, 1)[1]
            local job = first and Jobs.load(first)
            if job and (not oldest or tonumber(job.created_ms) < tonumber(oldest.created_ms)) then
                oldest = job
            end
        end
    end
    return oldest and Reports.row(oldest, nil, now)
end

-- The figures by their names, and as they are shown: object -> list of name and value.
function Reports.figures()
    local place, values, shown = Health.look(), {}, {}
    for _, figure in ipairs(Facts.figures.status) do
        local value = Figures[figure.figure](place)
        values[figure.figure] = value
        shown[figure.object] = shown[figure.object] or {}
        table.insert(shown[figure.object], { figure.name, value })
    end
    return values, shown
end

-- A sentence for each thing that does not get well without a person.
function Reports.problems(status)
    local problems, say = Reports.lines()
    if not status.figures.append_only then
        say("redis: the append-only file is off or cannot be written: an accepted backup may be lost in a crash")
    end
    if not status.figures.never_evicts then
        say("redis: maxmemory-policy must be noeviction: records may be evicted")
    end
    if #status.nodes == 0 then
        say("no node has registered a worker yet")
    end
    for _, node in ipairs(status.nodes) do
        if not node.alive and (node.apps > 0 or node.queued > 0) then
            say("node %s: no living worker since %s, %d apps, %d jobs wait for it", node.name,
                Time.text(node.heartbeat_ms), node.apps, node.queued)
        end
    end
    for _, bucket in ipairs(status.buckets) do
        say("bucket %s: %s%s", bucket.name, bucket.shown, bucket.why ~= "" and ": " .. bucket.why or "")
    end
    for _, app in ipairs(status.apps) do
        say("app %s: %s", app.name, app.why)
    end
    local removed = redis.call("ZCARD", Keys.state("removed"))
    if removed > 0 then
        say("%d backups are gone or damaged in their bucket (state removed); delete those that will not come back",
            removed)
    end
    for _, row in ipairs(status.quarantine) do
        say("quarantine: %s of app %s, job %s: %s", row.job.kind, row.app, row.job.id, row.job.reason)
    end
    return problems
end

function Reports.status(now)
    local status = { now_ms = now, nodes = Reports.nodes(now), states = {}, buckets = Reports.failing_buckets(),
        apps = Reports.failing_apps(), quarantine = Reports.quarantine_rows(now),
        oldest = Reports.oldest_waiting(now) }
    status.figures, status.shown = Reports.figures()
    for i, state in ipairs(Facts.subjects.backup.states) do
        status.states[i] = { state, redis.call("ZCARD", Keys.state(state)) }
    end
    status.problems = Reports.problems(status)
    return status
end

function Reports.status_json(status)
    local nodes, buckets, apps, counters = {}, {}, {}, {}
    for i, node in ipairs(status.nodes) do
        nodes[i] = Json.object({ { "name", node.name }, { "alive", node.alive }, { "version", node.version },
            { "heartbeat_ms", node.heartbeat_ms }, { "running", node.running }, { "slots", node.slots },
            { "queued", node.queued }, { "apps", node.apps }, { "paused", node.paused } })
    end
    for i, bucket in ipairs(status.buckets) do
        buckets[i] = Json.object({ { "name", bucket.name }, { "id", bucket.id }, { "state", bucket.shown },
            { "why", bucket.why } })
    end
    for i, app in ipairs(status.apps) do
        apps[i] = Json.object({ { "name", app.name }, { "id", app.id }, { "why", app.why } })
    end
    for name, value in pairs(Hash.read(Keys.COUNTERS) or {}) do
        counters[#counters + 1] = { name, tonumber(value) }
    end
    table.sort(counters, function(x, y)
        return x[1] < y[1]
    end)
    return Json.object({
        { "now_ms", status.now_ms },
        { "redis", Json.object(status.shown.redis) },
        { "nodes", Json.list(nodes) },
        { "backups", Json.object(status.states) },
        { "jobs", Json.object(status.shown.jobs) },
        { "oldest_waiting", status.oldest and Reports.row_json(status.oldest) },
        { "quarantine", Reports.rows_as_json(status.quarantine) },
        { "paused", Reports.pauses_as_json() },
        { "failing_buckets", Json.list(buckets) },
        { "failing_apps", Json.list(apps) },
        { "counters", Json.object(counters) },
        { "problems", Json.list(status.problems) },
    }).json
end

-- "pending 3, running 1"
function Reports.counts(pairs_)
    local counts = {}
    for i, pair in ipairs(pairs_) do
        counts[i] = pair[1] .. " " .. Text.int(pair[2])
    end
    return table.concat(counts, ", ")
end

function Reports.status_lines(status)
    local lines, say = Reports.lines()
    local figures = status.figures
    say("redis %s  append-only %s  eviction %s  %s bytes", figures.version, figures.append_only and "on" or "OFF",
        figures.never_evicts and "never" or "POSSIBLE", Text.int(figures.used_bytes))
    for _, node in ipairs(status.nodes) do
        say("node %s  %s, heartbeat %s  %d of %d slots, %d queued%s", node.name, node.alive and "alive" or "NOT ALIVE",
            Time.text(node.heartbeat_ms), node.running, node.slots, node.queued, node.paused and "  paused" or "")
    end
    say("backups: %s", Reports.counts(status.states))
    say("jobs: %s", Reports.counts(status.shown.jobs))
    if status.oldest then
        say("oldest waiting: since %s: %s", Time.text(status.oldest.job.created_ms), Reports.row_line(status.oldest))
    end
    Reports.say_pauses(say)
    for _, problem in ipairs(status.problems) do
        say("PROBLEM: %s", problem)
    end
    return lines
end

Call.define("status", function(args)
    local status = Reports.status(Time.now_ms())
    return args.form == "json" and Reports.status_json(status) or Reports.status_lines(status)
end)

-- Limits --------------------------------------------------------------------------------------------------------------

-- The apps and buckets of all, by name, at most as many as fit in a reply.
function Reports.all_named(kind)
    local records = {}
    Admin.each_named(kind, function(record)
        record.paused = Pauses.holds(kind, record.id)
        records[#records + 1] = record
    end)
    table.sort(records, Lists.by_name)
    records.left_out = math.max(0, #records - Reports.ROWS_MAX)
    for i = #records, Reports.ROWS_MAX + 1, -1 do
        records[i] = nil
    end
    return records
end

function Reports.limits(now)
    local limits = { nodes = Reports.nodes(now), apps = Reports.all_named("app"), buckets = Reports.all_named("bucket") }
    for _, app in ipairs(limits.apps) do
        app.job = Jobs.busy(app.id) or ""
        app.tasks = redis.call("SCARD", Keys.active_tasks(app.id))
    end
    for _, bucket in ipairs(limits.buckets) do
        bucket.jobs, bucket.jobs_max = redis.call("SCARD", Keys.bucket_jobs(bucket.id)), bucket.jobs_max or "0"
    end
    return limits
end

function Reports.limits_json(limits)
    local nodes, apps, buckets = {}, {}, {}
    for i, node in ipairs(limits.nodes) do
        nodes[i] = Json.object({ { "name", node.name }, { "alive", node.alive }, { "running", node.running },
            { "slots", node.slots }, { "queued", node.queued }, { "paused", node.paused } })
    end
    for i, app in ipairs(limits.apps) do
        apps[i] = Json.object({ { "name", app.name }, { "id", app.id }, { "node", app.node }, { "job", app.job },
            { "jobs", app.job ~= "" and 1 or 0 }, { "jobs_max", 1 }, { "tasks", app.tasks },
            { "tasks_max", Tasks.ACTIVE_MAX }, { "concurrent_backups", app.concurrent_backups },
            { "paused", app.paused } })
    end
    for i, bucket in ipairs(limits.buckets) do
        buckets[i] = Json.object({ { "name", bucket.name }, { "id", bucket.id }, { "jobs", bucket.jobs },
            { "jobs_max", tonumber(bucket.jobs_max) }, { "paused", bucket.paused } })
    end
    return Json.object({ { "nodes", Json.list(nodes) }, { "apps", Json.list(apps) }, { "buckets", Json.list(buckets) },
        { "apps_left_out", limits.apps.left_out }, { "paused", Reports.pauses_as_json() } }).json
end

function Reports.limits_lines(limits)
    local lines, say = Reports.lines()
    for _, node in ipairs(limits.nodes) do
        say("node %s: %d of %d slots in use, %d jobs wait%s%s", node.name, node.running, node.slots, node.queued,
            node.alive and "" or ", no living worker", node.paused and ", paused" or "")
    end
    for _, app in ipairs(limits.apps) do
        say("app %s on node %s: %s, %d of %d tasks, a second backup is %s%s", app.name, app.node,
            app.job ~= "" and "job " .. app.job .. " works on it" or "0 of 1 jobs", app.tasks, Tasks.ACTIVE_MAX,
            app.concurrent_backups == "refuse" and "refused" or "queued", app.paused and ", paused" or "")
    end
    if limits.apps.left_out > 0 then
        say("and %d more apps", limits.apps.left_out)
    end
    for _, bucket in ipairs(limits.buckets) do
        say("bucket %s: %d jobs work on it, %s%s", bucket.name, bucket.jobs,
            bucket.jobs_max == "0" and "any number may" or "at most " .. bucket.jobs_max .. " may",
            bucket.paused and ", paused" or "")
    end
    Reports.say_pauses(say)
    return lines
end

Call.define("limits", function(args)
    local limits = Reports.limits(Time.now_ms())
    return args.form == "json" and Reports.limits_json(limits) or Reports.limits_lines(limits)
end)

-- History -------------------------------------------------------------------------------------------------------------

-- The id by which entries of the journal are found: a backup's own, but that of the job of a task.
function Reports.history_key(id)
    local record, subject = Subject.locate(id)
    return record and subject.told(record, "") ~= id and record.job or id
end

-- Entries of a page of the journal, the newest first, and where to go on, "" at its beginning. A page at a time keeps
-- each call short.
function Reports.history_page(id, before)
    local entries, last = {}, ""
    local raw = redis.call("XREVRANGE", Keys.JOURNAL, before, "-", "COUNT", Reports.JOURNAL_PAGE)
    for _, item in ipairs(raw) do
        local fields = item[2]
        if fields[2] == id or fields[4] == id then -- backup and job: Journal.write() has them in front
            local entry = Hash.unflatten(fields)
            entry.at = item[1]
            entries[#entries + 1] = entry
        end
        last = item[1]
    end
    return entries, #raw == Reports.JOURNAL_PAGE and "(" .. last or ""
end

function Reports.entry_json(entry)
    return Json.object({ { "time_ms", tonumber(entry.at:match("^%d+")) }, { "backup", entry.backup },
        { "job", entry.job }, { "from", entry.from }, { "to", entry.to }, { "epoch", tonumber(entry.epoch) },
        { "who", entry.who }, { "why", entry.why } })
end

Call.define("history", function(args)
    local before = args.before
    if before ~= "+" and not before:find("^%(%d+%-%d+$") then
        Call.refuse("INVALID_ARGUMENT", "before must be + or where an earlier answer ended")
    end
    local entries, next_before = Reports.history_page(Reports.history_key(args.id), before)
    if args.form == "json" then
        local list = {}
        for i, entry in ipairs(entries) do
            list[i] = Reports.entry_json(entry)
        end
        return Json.object({ { "entries", Json.list(list) }, { "before", next_before } }).json
    end
    local lines, say = Reports.lines()
    for _, entry in ipairs(entries) do
        say("%s  %s -> %s  epoch %s  %s  %s", Time.text(entry.at:match("^%d+")), entry.from, entry.to, entry.epoch,
            entry.who, entry.why)
    end
    if next_before ~= "" then
        say("older: FCALL_RO appbackup_history 0 %s '%s'", args.id, next_before)
    end
    return lines
end)
