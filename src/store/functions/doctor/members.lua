-- Members -------------------------------------------------------------------------------------------------------------

-- In a key of many, an entry that belongs to nothing: the command that removes it.
function Doctor.removal(place)
    return { ({ hash = "HDEL", set = "SREM", zset = "ZREM" })[place.known.type], place.key, place.member }
end

function Doctor.stray(place, what)
    Doctor.find(place, what, "remove it", Doctor.removal(place))
end

function Doctor.member_account(place)
    if not Doctor.is.id(place.member) then
        Doctor.stray(place, "no account's id")
    end
end

function Doctor.member_node_name(place, score)
    if not Doctor.is.node(place.member) then
        return Doctor.stray(place, "no name of a node")
    end
    local key = Keys.node(place.member)
    if redis.call("EXISTS", key) == 1 then
        return
    end
    if redis.call("EXISTS", Keys.node_apps(place.member), Keys.queue(place.member)) == 0 then
        return Doctor.stray(place, "a node without a record, apps and jobs; its worker registers it anew")
    end
    local seen = tonumber(score) >= 1 and tonumber(score) <= place.now and Text.int(tonumber(score)) or "1"
    Doctor.find(place, key .. " is lost", "make it again; its worker tells the rest", { "HSET", key, "name", place.member,
        "version", "unknown", "slots", "1", "running", "0", "started_ms", seen, "heartbeat_ms", seen },
        { "ZADD", Keys.NODES, seen, place.member })
end

-- Of a node, app or bucket that may be defined no more.
function Doctor.member_pause(place, text)
    local kind, id = place.member:match("^(%a+):(.*)$")
    local ok, pause = pcall(cjson.decode, text)
    if not kind or not Pauses.KINDS[kind] or not (kind == "node" and Doctor.is.node or Doctor.is.id)(id) then
        Doctor.stray(place, "no node, app or bucket")
    elseif not ok or type(pause) ~= "table" or type(pause.name) ~= "string" or type(pause.who) ~= "string"
        or type(pause.since_ms) ~= "number" or type(pause.reason) ~= "string" then
        Doctor.stray(place, "no pause that could be read: it is over")
    end
end

-- An app whose record is lost: made again if enough is known, else its worker registers it anew.
function Doctor.make_app(place, id)
    local witness = Doctor.witness_of_app(id)
    local account = Doctor.account_of_app(id)
    local node = Doctor.node_of_app(id)
    local score = account and Doctor.score(Keys.apps(account), id)
    if not account or not node or not witness.name then
        return Doctor.stray(place, "an app without a record; its worker registers it anew")
    end
    local now = Text.int(place.now)
    Doctor.find(place, "the record of app " .. id .. " is lost", "make it again", { "HSET", Keys.app(id),
        "id", id, "account", account, "name", witness.name, "node", node, "concurrent_backups", "queue", "state", "ready",
        "created_ms", score >= 1 and Text.int(score) or now, "modified_ms", now })
end

-- In an index of apps: that of the node or the account that the record names in this field.
function Doctor.member_app(place, field, has_own, what)
    if not Doctor.is.id(place.member) then
        return Doctor.stray(place, "no app's id")
    elseif redis.call("EXISTS", Keys.app(place.member)) == 0 then
        return Doctor.make_app(place, place.member)
    end
    local app = Doctor.app(place.member)
    if app and app[field] ~= place.id and has_own(app[field], place.member) then
        Doctor.stray(place, what)
    end
end

function Doctor.member_node_app(place)
    Doctor.member_app(place, "node", function(node, id)
        return Doctor.has(Keys.node_apps(node), id)
    end, "that app is on another node")
end

function Doctor.member_account_app(place)
    Doctor.member_app(place, "account", function(account, id)
        return Doctor.score(Keys.apps(account), id)
    end, "that app is another account's")
end

function Doctor.member_owner_bucket(place)
    local key = Keys.bucket(place.member)
    if not Doctor.is.id(place.member) then
        return Doctor.stray(place, "no bucket's id")
    elseif redis.call("EXISTS", key) == 0 then
        return Doctor.stray(place, "a bucket without a record; its workers register it anew")
    end
    local bucket = Doctor.hash(key)
    local owner = bucket and bucket.account and Buckets.owner(bucket.account)
    if owner and owner ~= place.id and Doctor.score(Keys.buckets(owner), place.member) then
        Doctor.stray(place, "that bucket is another one's")
    end
end

function Doctor.member_default_bucket(place, id)
    if not Doctor.is.owner(place.member) or not Doctor.is.id(id) then
        return Doctor.stray(place, "no account or no bucket")
    end
    local bucket = Doctor.hash(Keys.bucket(id))
    if not bucket then
        return Doctor.stray(place, "that bucket has no record; its workers register it anew")
    elseif bucket.account and Buckets.owner(bucket.account) ~= place.member
        and Doctor.score(Keys.buckets(Buckets.owner(bucket.account)), id) then
        Doctor.stray(place, "that bucket is another one's")
    end
end

-- The record of a backup that an index has; makes a lost one again, and removes an entry that nothing else confirms.
function Doctor.backup_of_index(place, id, hints)
    if not Doctor.is.id(id) then
        Doctor.stray(place, "no backup's id")
        return nil
    end
    if redis.call("EXISTS", Keys.backup(id)) == 0 then
        hints.remove = Doctor.removal(place)
        local lost = { key = place.key, id = id, now = place.now, found = place.found, page = place.page }
        if not Doctor.make_backup(lost, id, hints) then
            Doctor.find(place, "of a backup that nothing else knows",
                place.page and "remove it, unless the journal tells of it" or "remove it", hints.remove)
        end
        return nil
    end
    return Doctor.backup(id)
end

-- app, as this index has it: is the record's own the better one?
function Doctor.check_app_by_index(place, backup, app, confirmed)
    local own = rawget(backup, "app") or ""
    if own == app then
        return
    elseif Doctor.score(Keys.backups(own), backup.id or "") or not confirmed then
        return Doctor.stray(place, "that backup is another app's")
    end
    local key = Keys.backup(backup.id)
    Doctor.find(place, string.format("%s says that it is of another app", key), "correct that",
        { "HSET", key, "app", app })
end

function Doctor.member_app_backup(place)
    local backup = Doctor.backup_of_index(place, place.member, { app = place.id })
    if not backup then
        return
    end
    backup.id = place.member
    local job = Doctor.job(rawget(backup, "job") or "")
    local confirmed = Doctor.ask("HGET", Keys.names(place.id), rawget(backup, "name") or "") == place.member
        or (job and job.subject == place.member and job.app == place.id)
        or not Doctor.is.id(rawget(backup, "app") or "")
    Doctor.check_app_by_index(place, backup, place.id, confirmed)
end

function Doctor.member_account_backup(place)
    local backup = Doctor.backup_of_index(place, place.member, { account = place.id })
    local own = backup and rawget(backup, "account")
    if not backup or own == place.id then
        return
    end
    local app = Doctor.app(rawget(backup, "app") or "")
    if (own and Doctor.score(Keys.account_backups(own), place.member)) or (app and app.account ~= place.id) then
        return Doctor.stray(place, "that backup is another account's")
    end
    local key = Keys.backup(place.member)
    Doctor.find(place, key .. " says that it is of another account", "correct that", { "HSET", key, "account", place.id })
end

function Doctor.member_backup_name(place, id)
    if not Doctor.is.name(place.member) then
        return Doctor.stray(place, "no name of a backup")
    end
    local backup = Doctor.backup_of_index(place, id, { app = place.id, name = place.member })
    if not backup then
        return
    end
    local own = rawget(backup, "name")
    if rawget(backup, "app") ~= place.id then
        if Doctor.score(Keys.backups(place.id), id) == nil then
            Doctor.stray(place, "that backup is another app's")
        end
    elseif own ~= place.member and own and Doctor.ask("HGET", place.key, own) == id then
        Doctor.stray(place, string.format("that backup has the name '%s'", Text.clean(own, Limits.NAME_MAX)))
    elseif own ~= place.member then
        local key = Keys.backup(id)
        Doctor.find(place, key .. " says that it has another name", "correct that", { "HSET", key, "name", place.member })
    end
end

function Doctor.member_state_backup(place)
    local backup = Doctor.backup_of_index(place, place.member, {})
    if backup and rawget(backup, "state") ~= place.id
        and Doctor.score(Keys.state(rawget(backup, "state") or ""), place.member) then
        Doctor.stray(place, "that backup is " .. Text.clean(backup.state, 20))
    end
end

function Doctor.member_app_task(place, score)
    if not Doctor.is.id(place.member) then
        return Doctor.stray(place, "no task's id")
    end
    local task = Doctor.task(place.member)
    if task then
        local own = rawget(task, "app") or ""
        if own ~= place.id and Doctor.score(Keys.tasks(own), place.member) then
            Doctor.stray(place, "that task is another app's")
        end
    elseif place.now - tonumber(score) < Tasks.KEPT_S * 1000 or tonumber(score) < 1 then
        Doctor.stray(place, "of a task that is lost; it may be asked for again") -- an older one may have expired
    end
end

function Doctor.member_active_task(place)
    if not Doctor.is.id(place.member) then
        return Doctor.stray(place, "no task's id")
    end
    local task = Doctor.task(place.member)
    if not task then
        Doctor.stray(place, "of a task that is lost; it may be asked for again")
    elseif rawget(task, "app") ~= place.id then
        Doctor.stray(place, "that task is another app's")
    end
end

function Doctor.member_verified(place, score)
    local at = tonumber(score)
    if not Doctor.two_ids(place.member) then
        Doctor.stray(place, "no repository")
    elseif at < 1 or at > place.now + Doctor.CLOCK_SLACK_MS or at % 1 ~= 0 then
        Doctor.find(place, "verified at no time that can be", "set it to now",
            { "ZADD", place.key, Text.int(place.now), place.member })
    end
end

function Doctor.member_unreferenced(place, score)
    local count = tonumber(score)
    if not Doctor.two_ids(place.member) then
        Doctor.stray(place, "no repository")
    elseif count < 1 or count % 1 ~= 0 or count > 1e12 then
        Doctor.find(place, "no number of deleted backups", "set it to 1", { "ZADD", place.key, "1", place.member })
    end
end

function Doctor.member_damaged(place, text)
    local damage = Doctor.is.id(place.member)
        and Doctor.ask("HGET", Keys.repository(place.id, place.member), "damage")
    if not damage and redis.call("EXISTS", Keys.repository(place.id, place.member)) == 0 then
        Doctor.stray(place, "of a repository that was never verified")
    elseif not Doctor.is.text(text) then
        Doctor.stray(place, "no text")
    end
end

-- Place and job must agree; what the job says is looked at with the job.
function Doctor.member_placed_job(place)
    if not Doctor.is.id(place.member) then
        return Doctor.stray(place, "no job's id")
    end
    local job = Doctor.job(place.member)
    if not job then
        if redis.call("EXISTS", Keys.job(place.member)) == 0 then
            Doctor.stray(place, "of a job that is lost; its backup gets a new one")
        end
    elseif rawget(job, "node") and rawget(job, "state") and Jobs.place_of(job) ~= place.key then
        local own = Jobs.place_of(job)
        if own == nil or Doctor.score(own, place.member) then
            Doctor.stray(place, "that job is " .. Text.clean(job.state, 20))
        elseif place.known.of and job.state == "queued" then
            Doctor.stray(place, "that job is another node's")
        end
    end
end

function Doctor.member_busy(place, id)
    local job = Doctor.is.id(place.member) and Doctor.is.id(id) and Doctor.job(id)
    if not job then
        Doctor.stray(place, "no app or no job")
    elseif rawget(job, "app") ~= place.member or not Doctor.is_claimed(Doctor.outline({ id = id }, job, nil)) then
        Doctor.stray(place, "that job is not claimed, or another app's")
    end
end

function Doctor.member_bucket_job(place)
    local job = Doctor.is.id(place.member) and Doctor.job(place.member)
    if not job then
        Doctor.stray(place, "of no job")
    elseif rawget(job, "bucket") ~= place.id
        or not Doctor.is_claimed(Doctor.outline({ id = place.member }, job, nil)) then
        Doctor.stray(place, "that job is not claimed, or works on another bucket")
    end
end

Doctor.COUNTERS = { stale_writes = true, expired_leases = true, kills = true, retries = true, quarantined = true }

function Doctor.member_counter(place, value)
    if not Doctor.COUNTERS[place.member] then
        Doctor.stray(place, "no counter")
    elseif not Doctor.is.number(value) then
        Doctor.find(place, "no number", "count from 0 again", { "HSET", place.key, place.member, "0" })
    end
end
