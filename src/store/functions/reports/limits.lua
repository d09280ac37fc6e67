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
