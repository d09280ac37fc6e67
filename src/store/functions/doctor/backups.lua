-- Backups -------------------------------------------------------------------------------------------------------------

-- A needed value of a record that nothing else has: it must be there, and says nothing.
Doctor.UNKNOWN = { app_name = "unknown", node = "unknown", bucket = Ids.NIL, account = Ids.NIL, app = Ids.NIL,
    created_by = Ids.NIL, version = "1.2" }

-- Of one that has ended: do its reasons and progress go with this state?
function Doctor.fits(state, backup)
    local reasonless = (rawget(backup, "state_unready") or "[]") == "[]"
    local whole = rawget(backup, "percent_done") == "100"
    if state == "completed" then
        return whole and reasonless
    elseif state == "removed" then
        return whole and not reasonless
    end
    return state ~= "failed" or not reasonless
end

-- The states in which a backup with such a job can be. live: the job is not done and is the backup's.
function Doctor.is_plausible(state, job, live)
    if not live then
        return state == "completed" or state == "failed" or state == "removed" or state == "unknown"
    elseif job.state == "quarantined" then
        return state == "failed"
    elseif job.kind == "delete" then
        return state == "deleting"
    elseif job.state == "claimed" then
        return state == "pending" or state == "discovering" or state == "running"
            or (state == "deleting" and job.cancel == "1")
    end
    return state == "pending"
end

function Doctor.state_by_job(job, live)
    if not live then
        return "failed"
    elseif job.state == "quarantined" then
        return "failed"
    elseif job.kind == "delete" then
        return "deleting"
    elseif job.state ~= "claimed" or job.stage == "claimed" or job.stage == "" then
        return "pending"
    end
    return "running"
end

-- Of the record's state and those whose index has it, the one that goes with the job; in doubt the record's.
function Doctor.backup_state(place, backup, job, live)
    local candidates = {}
    if Doctor.is.state(rawget(backup, "state") or "") then
        candidates[1] = backup.state
        if Doctor.is_plausible(backup.state, job, live) and (live or Doctor.fits(backup.state, backup)) then
            return backup.state -- as nearly all are: the indexes need not be asked
        end
    end
    for _, state in ipairs(Facts.subjects.backup.states) do
        if Doctor.score(Keys.state(state), place.id) and state ~= candidates[1] then
            candidates[#candidates + 1] = state
        end
    end
    local plausible
    for _, state in ipairs(candidates) do
        if Doctor.is_plausible(state, job, live) then
            plausible = plausible or state
            if live or Doctor.fits(state, backup) then
                return state
            end
        end
    end
    if plausible then
        return plausible
    end
    local fallback = Doctor.state_by_job(job, live)
    if not live and fallback == "failed" and (rawget(backup, "repository_snapshot") or "") ~= "" then
        return "completed" -- its data is there
    end
    -- One that is to be worked on, without a job that would: it gets one.
    if not live and candidates[1] then
        return candidates[1]
    end
    return fallback
end

function Doctor.guess_for_backup(place, backup, job)
    local app = Doctor.app(rawget(backup, "app") or (job and job.app) or "")
    return function(field)
        if field == "id" then
            return place.id
        elseif field == "job" then
            return Ids.derived("doctor" .. place.id)
        elseif field == "name" then
            return "backup-" .. place.id
        elseif field == "state" then
            return Doctor.backup_state(place, backup, job or {}, place.live)
        elseif field == "created_ms" then
            local score = Doctor.score(Keys.backups(rawget(backup, "app") or ""), place.id)
                or Doctor.score(Keys.account_backups(rawget(backup, "account") or ""), place.id)
            return score and score >= 0 and score <= Limits.BYTES_MAX and Text.int(score) or rawget(backup, "modified_ms")
                or Text.int(place.now)
        end
        local of_app = app and ({ account = app.account, app = app.id, app_name = app.name, node = app.node })[field]
        local of_job = job and job[field]
        if of_job and Doctor.FIELDS.backup[field](of_job) then
            return of_job
        end
        return of_app or (field == "bucket" and Doctor.likely_bucket(backup)) or Doctor.UNKNOWN[field]
    end
end

-- The bucket that holds backups of the app, as far as that can be told: one with a repository of it, the default first.
function Doctor.likely_bucket(backup)
    local account, app = rawget(backup, "account") or "", Doctor.app(rawget(backup, "app") or "")
    local buckets = {}
    for _, owner in ipairs({ account, "shared" }) do
        buckets[#buckets + 1] = Doctor.ask("HGET", Keys.DEFAULT_BUCKETS, owner)
    end
    for _, owner in ipairs({ account, "shared" }) do
        for _, id in ipairs(Doctor.ask("ZRANGE", Keys.buckets(owner), 0, -1) or {}) do
            buckets[#buckets + 1] = id
        end
    end
    for _, id in ipairs(buckets) do
        if app and Doctor.score(Keys.verified(app.node), id .. ":" .. app.id) then
            return id
        end
    end
    return buckets[1] and Doctor.is.id(buckets[1]) and buckets[1] or nil
end

-- Its name in the index counts, when the record's own is not there.
function Doctor.check_name(place, backup)
    local names = Keys.names(backup.app)
    local holder = Doctor.ask("HGET", names, backup.name)
    if holder == place.id then
        return
    end
    local other = holder and Doctor.backup(holder)
    if other and other.app == backup.app and other.name == backup.name then
        Doctor.mend(place, backup, "name", backup.name:sub(1, Limits.NAME_MAX - 9) .. "-" .. place.id:sub(1, 8),
            "which another backup has")
    end
    Doctor.find(place, string.format("its name '%s' is not in %s", backup.name, names), "add it",
        { "HSET", names, backup.name, place.id })
end

function Doctor.check_created(place, backup, job)
    local by_app = Doctor.score(Keys.backups(backup.app), place.id)
    local by_account = Doctor.score(Keys.account_backups(backup.account), place.id)
    local by_job = place.live and job.kind == "backup" and tonumber(job.created_ms)
    if by_app and by_app ~= tonumber(backup.created_ms) and (by_app == by_account or by_app == by_job)
        and Doctor.is.number(Text.int(by_app)) then
        Doctor.mend(place, backup, "created_ms", Text.int(by_app), "not as the indexes have it")
    end
end

function Doctor.check_progress(place, backup)
    local total, done = rawget(backup, "bytes_total"), rawget(backup, "bytes_done")
    local whole = backup.state == "completed" or backup.state == "removed"
        or (backup.percent_done == "100" and (backup.state == "deleting" or backup.state == "failed"))
    if not total and not done and not rawget(backup, "percent_done") and not whole then
        return
    end
    local size = math.max(tonumber(total or done or "0"), 0)
    local part = whole and size or math.min(tonumber(done or "0"), size)
    local should = { { "bytes_total", Text.int(size) }, { "bytes_done", Text.int(part) },
        { "percent_done", whole and "100" or Text.int(Progress.percent(part, size)) } }
    for _, pair in ipairs(should) do
        if rawget(backup, pair[1]) ~= pair[2] then
            Doctor.mend(place, backup, pair[1], pair[2], "which does not go with the others")
        end
    end
end

-- Both come with the first change.
function Doctor.check_changes(place, backup, in_state)
    local modified, revision = rawget(backup, "modified_ms"), rawget(backup, "revision")
    if not modified and revision and tonumber(revision) > 1 then
        Doctor.mend(place, backup, "modified_ms", Text.int(in_state or place.now))
    elseif not modified and backup.state ~= "pending" then
        Doctor.mend(place, backup, "modified_ms", Text.int(in_state or place.now))
    end
    if rawget(backup, "modified_ms") and (not revision or revision == "0") then
        Doctor.mend(place, backup, "revision", "2")
    end
end

-- A new job for a backup that has none which would end it; the lost one had been claimed, as far as anyone knows, and may
-- have left data. commands: where to.
function Doctor.add_job(place, backup, commands)
    local kind = backup.state == "deleting" and "delete" or "backup"
    local id = Ids.derived("doctor" .. place.id .. Text.int(place.now))
    local app = Doctor.app(backup.app)
    local key = Keys.job(id)
    commands[#commands + 1] = { "HSET", key, "id", id, "kind", kind, "subject", place.id, "account", backup.account,
        "app", backup.app, "bucket", backup.bucket, "node", app and app.node or backup.node, "state", "delayed",
        "created_ms", kind == "backup" and backup.created_ms or Text.int(place.now), "attempt", "1", "epoch", "1", "reason",
        "made again by the doctor" }
    commands[#commands + 1] = { "ZADD", Keys.DELAYED, Text.int(place.now + Doctor.GRACE_MS), id }
    return id
end

function Doctor.check_job_of(place, backup)
    if not Doctor.is_unfinished(backup) or place.live then
        return
    end
    local commands = {}
    local id = Doctor.add_job(place, backup, commands)
    commands[#commands + 1] = { "HSET", place.key, "job", id }
    backup.job = id
    Doctor.find(place, string.format("it is %s, and has no job that will end it", backup.state), "make a new one",
        unpack(commands))
    if backup.state == "discovering" or backup.state == "running" then
        Doctor.mend(place, backup, "state", "pending", "without a job")
    end
    local app = Doctor.app(backup.app)
    if app and app.node ~= backup.node and backup.state == "pending" then
        Doctor.mend(place, backup, "node", app.node, "but its app is elsewhere")
    end
end

-- Which of this app's backups are in which bucket is being looked up, or has been since then, everywhere.
function Doctor.catalog_of(app, since)
    for _, id in ipairs(Doctor.ask("SMEMBERS", Keys.active_tasks(app.id)) or {}) do
        if Doctor.ask("HGET", Keys.task(id), "kind") == "catalog" then
            return "asked"
        end
    end
    local seen = 0
    for _, owner in ipairs({ app.account, "shared" }) do
        for _, bucket in ipairs(Doctor.ask("ZRANGE", Keys.buckets(owner), 0, -1) or {}) do
            local last = Doctor.ask("HMGET", Keys.repository(bucket, app.id), "catalog_ms",
                "catalog_state") or {}
            if last[2] ~= "completed" or (tonumber(last[1] or nil) or 0) <= since then
                return "needed"
            end
            seen = seen + 1
        end
    end
    return seen > 0 and "done" or "impossible"
end

-- Completed, but nobody knows as which snapshot: the catalogue tells, or else it is lost.
function Doctor.check_snapshot_of(place, backup)
    local app = backup.state == "completed" and backup.repository_snapshot == "" and Doctor.app(backup.app)
    if not app then
        return
    end
    local what = "completed, but where its data is, is not known"
    local catalog = Doctor.catalog_of(app, tonumber(backup.modified_ms or "0"))
    if catalog == "needed" then
        Doctor.find(place, what, "ask its buckets, by a catalog task").catalog = app.id
    elseif catalog == "done" then
        Doctor.mend(place, backup, "state", "removed", "but no bucket has its data")
    end
end

-- Its repository is verified now and then.
function Doctor.check_verified(place, backup)
    local app = backup.state == "completed" and Doctor.app(backup.app)
    if not app or not Doctor.hash(Keys.bucket(backup.bucket)) then
        return
    end
    local member = backup.bucket .. ":" .. backup.app
    if Doctor.score(Keys.verified(app.node), member) then
        return
    end
    for _, node in ipairs(Doctor.ask("ZRANGE", Keys.NODES, 0, -1) or {}) do
        if Doctor.score(Keys.verified(node), member) then
            return
        end
    end
    local key = Keys.verified(app.node)
    Doctor.find(place, "its repository is not in " .. key, "add it", { "ZADD", key, Text.int(place.now), member })
end

-- What only an app's record says with certainty, since its id is made of account and name.
function Doctor.check_app_of(place, backup)
    local app = Doctor.app(backup.app)
    if not app then
        return
    end
    if app.account ~= backup.account and Doctor.is.id(app.account)
        and Doctor.score(Keys.apps(app.account), app.id) then
        Doctor.mend(place, backup, "account", app.account, "but its app is another account's")
    end
    if app.name ~= backup.app_name and Doctor.is.name(app.name) and not Doctor.proves(app, backup.app_name) then
        Doctor.mend(place, backup, "app_name", app.name, "not as its app has it")
    end
end

function Doctor.check_backup_indexes(place, backup)
    local modified = tonumber(rawget(backup, "modified_ms") or backup.created_ms)
    local first = math.min(modified, tonumber(backup.created_ms))
    Doctor.entry(place, Keys.backups(backup.app), place.id, backup.created_ms)
    Doctor.entry(place, Keys.account_backups(backup.account), place.id, backup.created_ms)
    Doctor.entry(place, Keys.state(backup.state), place.id, modified, function(score)
        return score >= first and score <= modified and score % 1 == 0
    end)
    for _, state in ipairs(Facts.subjects.backup.states) do
        if state ~= backup.state then
            Doctor.no_entry(place, Keys.state(state), place.id)
        end
    end
    Doctor.member_of(place, Keys.ACCOUNTS, backup.account, true)
end

function Doctor.whole_backup(place, backup)
    local job = rawget(backup, "job") and Doctor.job(backup.job)
    if not job or not Doctor.is_sound_job(job, place.id) then
        job = nil
    end
    place.live = job ~= nil and job.state ~= "done"
    Doctor.check_fields(place, "backup", backup, Doctor.guess_for_backup(place, backup, job))
    Doctor.check_own_id(place, backup)
    Doctor.check_app_of(place, backup)
    local state = Doctor.backup_state(place, backup, job or {}, place.live)
    if state ~= backup.state then
        Doctor.mend(place, backup, "state", state, "not as its job and the indexes have it")
    end
    if place.live and job.kind == "backup" and job.state ~= "quarantined" and job.node ~= backup.node then
        Doctor.mend(place, backup, "node", job.node, "not as its job has it")
    end
    Doctor.check_created(place, backup, job)
    Doctor.check_job_of(place, backup)
    Doctor.check_name(place, backup)
    Doctor.check_snapshot_of(place, backup)
    Doctor.check_progress(place, backup)
    Doctor.check_changes(place, backup, Doctor.score(Keys.state(backup.state), place.id))
    Doctor.check_backup_indexes(place, backup)
    Doctor.check_verified(place, backup)
    Doctor.life(place, true)
end

-- A job that can be trusted, and whose subject this is.
function Doctor.is_sound_job(job, subject)
    return rawget(job, "subject") == subject and Facts.kinds[rawget(job, "kind") or ""] ~= nil
        and Doctor.FIELDS.job.state(rawget(job, "state") or "")
end

-- The last that the journal tells of a backup: its account and app, or that it is gone. Searched for one place, not by a look
-- at a page of them: that would take too long, and finds the place all the same.
function Doctor.last_words(place, id)
    if place.page then
        return nil
    end
    for _, item in ipairs(Doctor.ask("XREVRANGE", Keys.JOURNAL, "+", "-", "COUNT", Doctor.JOURNAL_PAGE) or {}) do
        local entry = item[2][2] == id and Hash.unflatten(item[2]) or {} -- journal() has the backup in front
        if entry.backup == id and Doctor.is.id(entry.app or "") and Doctor.is.id(entry.account or "") then
            return entry
        end
    end
    return nil
end

-- The app, of those of an account, whose index has this backup.
function Doctor.app_with(account, id)
    for _, app in ipairs(Doctor.ask("ZRANGE", Keys.apps(account), 0, -1) or {}) do
        if Doctor.score(Keys.backups(app), id) then
            return app
        end
    end
    return nil
end

-- The account, the app and the state whose indexes have this backup: hints first, then all there are.
function Doctor.find_indexes(id, hints)
    local account, app, state = hints.account, hints.app, nil
    local accounts = Doctor.ask("SMEMBERS", Keys.ACCOUNTS) or {}
    table.sort(accounts)
    for _, other in ipairs(accounts) do
        if not account and Doctor.score(Keys.account_backups(other), id) then
            account = other
        end
    end
    for _, other in ipairs(account and { account } or accounts) do
        app = app or Doctor.app_with(other, id)
    end
    for _, other in ipairs(Facts.subjects.backup.states) do
        if Doctor.score(Keys.state(other), id) then
            state = state or other
        end
    end
    return account, app, state
end

-- How much says that there is such a backup; one entry alone may be wrong itself.
function Doctor.signs_of(id, hints, account, app, state)
    local signs = (hints.job and 2 or 0) + (hints.name and 1 or 0) + (state and 1 or 0)
    if app and Doctor.score(Keys.backups(app), id) then
        signs = signs + 1
    end
    if account and Doctor.score(Keys.account_backups(account), id) then
        signs = signs + 1
    end
    return signs
end

-- The newest others of this app: what all of them have in common is not lost.
function Doctor.sibling_of(app)
    for _, other in ipairs(Doctor.ask("ZREVRANGE", Keys.backups(app), 0, 9) or {}) do
        local backup = Doctor.backup(other)
        if backup and rawget(backup, "app_name") and rawget(backup, "bucket") and rawget(backup, "node") then
            return backup
        end
    end
    return Doctor.UNKNOWN
end

function Doctor.made_record(place, id, hints, account, app)
    local job, known, sibling = hints.job or {}, Doctor.app(app), Doctor.sibling_of(app)
    local created = Doctor.score(Keys.backups(app), id) or Doctor.score(Keys.account_backups(account), id)
    local live = job.state ~= nil and job.state ~= "done"
    return { "id", id, "account", account, "app", app, "app_name", known and known.name or sibling.app_name,
        "name", hints.name and hints.name:sub(1, Limits.NAME_MAX) or "backup-" .. id,
        "state", Doctor.backup_state({ id = id }, {}, job, live),
        "bucket", job.bucket or Doctor.likely_bucket({ account = account, app = app }) or sibling.bucket,
        "node", job.node or (known and known.node) or sibling.node, "job", job.id or Ids.derived("doctor" .. id),
        "version", Doctor.UNKNOWN.version, "created_by", Ids.NIL,
        "created_ms", Text.int(created or tonumber(job.created_ms) or place.now), "modified_ms", Text.int(place.now),
        "revision", "2", "state_details", Reasons.with_detail("[]", "record_rebuilt", "Record rebuilt",
            "its record was lost and has been made from what is left, without its labels") }
end

-- A record that is lost, made again from what is known of it: hints (its job, app, account, name), and the indexes. True
-- if enough is.
function Doctor.make_backup(place, id, hints)
    local account, app, state = Doctor.find_indexes(id, hints)
    local known = app and Doctor.app(app)
    account = known and known.account or account
    local signs = Doctor.signs_of(id, hints, account, app, state)
    if signs < 2 or not app or not account then
        local last = Doctor.last_words(place, id)
        if last and last.to == "gone" then
            return false
        elseif last then
            account, app, signs = account or last.account, app or last.app, signs + 1
        end
    end
    if signs < 2 then
        return false
    end
    local what = "the record of backup " .. id .. " is lost"
    if not app or not account then
        Doctor.find(place, what .. ", and of which app it was", "remove the entry; a catalog task finds it again",
            hints.remove).catalog = "*"
        return true
    end
    Doctor.find(place, what, "make it again", { "HSET", Keys.backup(id),
        unpack(Doctor.made_record(place, id, hints, account, app)) })
    return true
end
