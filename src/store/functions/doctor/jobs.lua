-- Jobs ----------------------------------------------------------------------------------------------------------------

-- What says that a worker has it. One sign may be wrong.
function Doctor.is_claimed(job)
    local signs = 0
    local function sign(is)
        signs = signs + (is and 1 or 0)
    end
    sign(job.state == "claimed")
    sign(job.worker ~= "")
    sign(Doctor.is.time(job.lease_until_ms))
    sign(Doctor.score(Keys.LEASES, job.id) ~= nil)
    sign(Doctor.ask("HGET", Keys.APP_BUSY, job.app) == job.id)
    sign(Doctor.has(Keys.bucket_jobs(job.bucket), job.id))
    return signs >= 2
end

Doctor.PLACES = { delayed = Keys.DELAYED, quarantined = Keys.QUARANTINE }

-- queued, delayed, claimed, quarantined or done: by the record, where it stands, and whether it would expire.
function Doctor.job_state(place, job)
    if Doctor.is_claimed(job) then
        return "claimed"
    end
    if not Doctor.kept_for_ever(place.key) then
        return "done"
    end
    local stands = {}
    if Doctor.score(Keys.queue(job.node), job.id) then
        stands[#stands + 1] = "queued"
    end
    for state, key in pairs(Doctor.PLACES) do
        if Doctor.score(key, job.id) then
            stands[#stands + 1] = state
        end
    end
    table.sort(stands)
    for _, state in ipairs(stands) do
        if state == job.state then
            return state
        end
    end
    if stands[1] then
        return stands[1]
    end
    if job.state == "delayed" or job.state == "quarantined" or job.state == "done" then
        return job.state
    end
    return "queued"
end

-- Its subject: a backup or a task; nil when there is none.
function Doctor.subject(job)
    if not job.subject then
        return nil
    end
    return Doctor.task(job.subject) or Doctor.backup(job.subject)
end

function Doctor.is_unfinished(record)
    local state = record.state
    return state == "pending" or state == "discovering" or state == "running" or state == "deleting"
end

-- The backup or task of its app that says that this is its job. Backups that a catalog has found say so of its job, which
-- is not theirs.
function Doctor.find_subject(job)
    local app = job.app or ""
    for _, id in ipairs(Doctor.ask("SMEMBERS", Keys.active_tasks(app)) or {}) do
        if Doctor.ask("HGET", Keys.task(id), "job") == job.id then
            return id
        end
    end
    local backups = job.kind ~= "catalog" and Doctor.ask("ZREVRANGE", Keys.backups(app), 0, Doctor.PAGE_MAX - 1)
    for _, id in ipairs(backups or {}) do
        if Doctor.ask("HGET", Keys.backup(id), "job") == job.id then
            return id
        end
    end
    return nil
end

-- A queue's score is priority and time: it tells both.
function Doctor.by_score(job)
    local score = job.node and Doctor.score(Keys.queue(job.node), job.id)
    if not score then
        return nil
    end
    return math.floor(score / Jobs.PRIORITY_WEIGHT), score % Jobs.PRIORITY_WEIGHT
end

-- What a job of this subject does; nil: the record may be right.
function Doctor.job_kind(job, subject)
    if Tasks.kinds[subject.kind] then
        return subject.kind
    end
    if subject.job ~= job.id or not Doctor.score(Keys.state(subject.state or ""), subject.id) then
        return nil
    end
    if subject.state == "deleting" then
        local stopping = (job.cancel == "1" or job.cancel_who ~= "") and Doctor.is_claimed(job)
        return stopping and "backup" or "delete"
    end
    return Doctor.is_unfinished(subject) and "backup" or nil
end

function Doctor.guess_for_job(place, job, subject)
    return function(field)
        local priority, created = Doctor.by_score(job)
        local value = ({ id = place.id, subject = place.id, state = "queued", node = "unknown", bucket = Ids.NIL,
            account = Ids.NIL, app = Ids.NIL, created_ms = "1", kind = "backup" })[field]
        if field == "created_ms" then
            return created and Text.int(created) or (subject and subject.created_ms) or value
        elseif field == "kind" and subject then
            return Doctor.job_kind(job, subject) or (priority == Facts.kinds.delete.priority and "delete" or value)
        elseif field == "kind" and priority == Facts.kinds.delete.priority then
            return "delete"
        elseif field == "state" then
            return Doctor.job_state(place, job)
        end
        local known = subject and (field == "account" or field == "app" or field == "bucket" or field == "node")
        return known and rawget(subject, field) or value
    end
end

-- What it has in common with its subject, which counts, but where that is no value at all.
function Doctor.compare_with_subject(place, job, subject)
    for _, field in ipairs({ "account", "app", "bucket" }) do
        local value = rawget(subject, field)
        if value and value ~= job[field] and Doctor.is.id(value) then
            Doctor.mend(place, job, field, value, "not as its subject has it")
        end
    end
    local kind = Doctor.job_kind(job, subject)
    if kind and kind ~= job.kind then
        Doctor.mend(place, job, "kind", kind, "not as its subject has it")
    end
end

-- A waiting job waits where its app is.
function Doctor.check_node(place, job, subject)
    local app = Doctor.app(job.app)
    local node = app and app.node or (subject and job.kind ~= "delete" and rawget(subject, "node")) or job.node
    if job.state ~= "queued" and job.state ~= "delayed" then
        return
    end
    if node ~= job.node and Doctor.is.node(node) then
        local old = job.node
        Doctor.mend(place, job, "node", node, "but its app is elsewhere")
        Doctor.no_entry(place, Keys.queue(old), job.id)
    end
end

function Doctor.check_claim(place, job)
    local now = place.now
    local until_ms, score = tonumber(job.lease_until_ms) or 0, Doctor.score(Keys.LEASES, job.id) or 0
    local last = now + Limits.LEASE_MS_MAX
    local wanted = math.max(until_ms <= last and until_ms or 0, score <= last and score or 0)
    wanted = wanted >= 1 and math.floor(wanted) or now + Doctor.GRACE_MS
    if until_ms ~= wanted then
        Doctor.mend(place, job, "lease_until_ms", Text.int(wanted), "though a worker has the job")
    end
    Doctor.entry(place, Keys.LEASES, job.id, wanted)
    if job.worker == "" then
        Doctor.mend(place, job, "worker", "unknown", "though a worker has the job")
    end
    local holder = Doctor.ask("HGET", Keys.APP_BUSY, job.app)
    local other = holder and holder ~= job.id and Doctor.job(holder)
    if holder ~= job.id and not (other and other.state == "claimed" and other.app == job.app) then
        Doctor.find(place, "claimed, but not in " .. Keys.APP_BUSY, "add it", { "HSET", Keys.APP_BUSY, job.app, job.id })
    end
    Doctor.member_of(place, Keys.bucket_jobs(job.bucket), job.id, true)
end

function Doctor.check_no_claim(place, job)
    for _, pair in ipairs({ { "worker", "" }, { "lease_until_ms", "0" }, { "stage", "" } }) do
        if job[pair[1]] ~= pair[2] then
            Doctor.mend(place, job, pair[1], pair[2], "though no worker has the job")
        end
    end
    Doctor.no_entry(place, Keys.LEASES, job.id)
    if Doctor.ask("HGET", Keys.APP_BUSY, job.app) == job.id then
        Doctor.find(place, "not claimed, but in " .. Keys.APP_BUSY, "remove it from there",
            { "HDEL", Keys.APP_BUSY, job.app })
    end
    Doctor.member_of(place, Keys.bucket_jobs(job.bucket), job.id, false)
end

function Doctor.check_place(place, job)
    local queue, now = Keys.queue(job.node), place.now
    if job.state == "queued" then
        local priority, created = Doctor.by_score(job)
        if created and Text.int(created) ~= job.created_ms and priority == Facts.kinds[job.kind].priority and created > 0 then
            Doctor.mend(place, job, "created_ms", Text.int(created), "not as its place in the queue has it")
        end
        Doctor.entry(place, queue, job.id, Jobs.queue_score(job))
    else
        Doctor.no_entry(place, queue, job.id)
    end
    if job.state == "delayed" then
        Doctor.entry(place, Keys.DELAYED, job.id, now, function(score)
            return score >= 1 and score <= now + Limits.DELAY_MS_MAX and score % 1 == 0
        end)
    else
        Doctor.no_entry(place, Keys.DELAYED, job.id)
    end
    if job.state == "quarantined" then
        Doctor.entry(place, Keys.QUARANTINE, job.id, now, function(score)
            return score >= 1 and score <= now + Doctor.CLOCK_SLACK_MS and score % 1 == 0
        end)
    else
        Doctor.no_entry(place, Keys.QUARANTINE, job.id)
    end
    Doctor.life(place, job.state ~= "done", Limits.JOB_KEPT_S)
end

-- Both are raised by each claim. What a worker holds must not become valid a second time, so the greater one counts; one
-- that is lost becomes a time, which is greater than any. Its worker has stopped by then: no epoch is his.
function Doctor.check_epoch(place, job)
    local epoch, attempt = tonumber(rawget(job, "epoch")), tonumber(rawget(job, "attempt"))
    if not epoch and (attempt or job.state == "claimed" or place.epoch_was_bad) then
        epoch = place.now
        Doctor.mend(place, job, "epoch", Text.int(epoch))
    elseif (attempt or 0) > (epoch or 0) then
        Doctor.mend(place, job, "epoch", job.attempt, "less than its attempts")
    elseif epoch == 0 and job.state == "claimed" then
        Doctor.mend(place, job, "epoch", Text.int(place.now), "though it is claimed")
    end
    if (attempt or 0) == 0 and tonumber(job.epoch) > 0 then
        Doctor.mend(place, job, "attempt", "1", "though it has been claimed")
    end
end

-- The job of no backup and no task any more: over.
function Doctor.end_leftover(place, job, why)
    local commands = {
        { "HSET", place.key, "state", "done", "reason", "doctor: " .. why, "worker", "", "lease_until_ms", "0",
            "stage", "" },
        { "EXPIRE", place.key, Limits.JOB_KEPT_S },
    }
    for _, key in ipairs({ Keys.LEASES, Keys.DELAYED, Keys.QUARANTINE, Keys.queue(job.node) }) do
        if Doctor.score(key, job.id) then
            commands[#commands + 1] = { "ZREM", key, job.id }
        end
    end
    if Doctor.ask("HGET", Keys.APP_BUSY, job.app) == job.id then
        commands[#commands + 1] = { "HDEL", Keys.APP_BUSY, job.app }
    end
    if Doctor.has(Keys.bucket_jobs(job.bucket), job.id) then
        commands[#commands + 1] = { "SREM", Keys.bucket_jobs(job.bucket), job.id }
    end
    Doctor.find(place, why, "end the job", unpack(commands))
end

-- Waiting or at work, but its subject is gone or has another job. True: nothing else is to be looked at.
function Doctor.check_wanted(place, job, subject)
    if job.state == "done" then
        return false
    end
    if not subject then
        if Tasks.kinds[job.kind] and job.state == "quarantined" then
            return false -- its task has failed, and may have expired since then
        elseif Tasks.kinds[job.kind] then
            Doctor.end_leftover(place, job, "its task is gone")
        else
            Doctor.make_backup(place, job.subject, { job = job, app = job.app, account = job.account })
        end
        return true
    end
    if subject.job == job.id then
        return false
    end
    local own = Doctor.is.id(subject.job or "") and Doctor.job(subject.job)
    local is_own = own and own.subject == job.subject and own.state ~= "done"
    local unfinished = subject.kind and (subject.state == "pending" or subject.state == "running")
        or (not subject.kind and Doctor.is_unfinished(subject))
    if is_own or not unfinished then
        Doctor.end_leftover(place, job, "its subject has another job, or none")
        return true
    end
    local key = (subject.kind and Keys.task or Keys.backup)(job.subject)
    Doctor.find(place, string.format("%s has another job, which does not work on it", key), "make it this one's",
        { "HSET", key, "job", job.id })
    return false
end

-- As check_fields() needs it: what is known of the job, whatever state its record is in.
function Doctor.outline(place, job, subject)
    local outline = { id = place.id }
    for _, field in ipairs({ "app", "bucket", "node" }) do
        outline[field] = rawget(job, field) or (subject and rawget(subject, field)) or ""
    end
    outline.state = rawget(job, "state") or ""
    return setmetatable(outline, { __index = job })
end

function Doctor.whole_job(place, job)
    local epoch = rawget(job, "epoch")
    place.epoch_was_bad = epoch ~= nil and not Doctor.is.number(epoch)
    if rawget(job, "subject") == nil or not Doctor.is.id(job.subject) then
        local subject = Doctor.find_subject({ app = rawget(job, "app"), kind = rawget(job, "kind"), id = place.id })
        if not subject then
            Doctor.find(place, "a job of nothing that could be found", "remove it", { "DEL", place.key })
            return
        end
        Doctor.mend(place, job, "subject", subject)
    end
    local subject = Doctor.subject(job)
    if rawget(job, "state") ~= "done" and (not subject or subject.job ~= place.id) then
        local better = Doctor.find_subject({ app = rawget(job, "app"), kind = rawget(job, "kind"), id = place.id })
        if better and better ~= job.subject then
            Doctor.mend(place, job, "subject", better, "but that one's job is this")
            subject = Doctor.subject(job)
        end
    end
    Doctor.check_fields(place, "job", job, Doctor.guess_for_job(place, Doctor.outline(place, job, subject), subject))
    Doctor.check_own_id(place, job)
    if subject and rawget(subject, "state") then
        Doctor.compare_with_subject(place, job, subject)
    end
    local state = Doctor.job_state(place, job)
    if state ~= job.state then
        Doctor.mend(place, job, "state", state, "not as where it stands")
    end
    if Doctor.check_wanted(place, job, subject) then
        return
    end
    if job.state == "claimed" and job.kind == "backup" and job.cancel ~= "1" and subject.state == "deleting" then
        Doctor.mend(place, job, "cancel", "1", "though its backup is being deleted")
    end
    Doctor.check_node(place, job, subject)
    Doctor.check_epoch(place, job)
    if job.state == "claimed" then
        Doctor.check_claim(place, job)
    else
        Doctor.check_no_claim(place, job)
    end
    Doctor.check_place(place, job)
end
