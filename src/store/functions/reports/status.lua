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
