-- Jobs that wait, run or are in quarantine ----------------------------------------------------------------------------

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
