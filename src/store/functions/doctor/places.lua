-- Apps, buckets, nodes and the rest -----------------------------------------------------------------------------------

-- Is the app's id that of this name? As include/model/app.h makes it: a UUID version 5.
function Doctor.proves(app, name)
    if not Doctor.is.id(app.account) or not Doctor.is.id(app.id) then
        return false
    end
    local bytes = app.account:gsub("-", ""):gsub("..", function(pair)
        return string.char(tonumber(pair, 16))
    end)
    return Ids.derived(bytes .. "app/" .. name) == app.id
end

function Doctor.node_of_app(id)
    for _, node in ipairs(Doctor.ask("ZRANGE", Keys.NODES, 0, -1) or {}) do
        if Doctor.has(Keys.node_apps(node), id) then
            return node
        end
    end
    return nil
end

function Doctor.account_of_app(id)
    for _, account in ipairs(Doctor.ask("SMEMBERS", Keys.ACCOUNTS) or {}) do
        if Doctor.score(Keys.apps(account), id) then
            return account
        end
    end
    return nil
end

-- A record of this app that says its name and account; those of backups are many.
function Doctor.witness_of_app(id)
    for _, pair in ipairs({ { Keys.backups, Keys.backup }, { Keys.tasks, Keys.task } }) do
        for _, record in ipairs(Doctor.ask("ZREVRANGE", pair[1](id), 0, 9) or {}) do
            local values = Doctor.ask("HMGET", pair[2](record), "app_name", "account", "app", "node")
            if values and values[1] and Doctor.is.name(values[1]) and values[2] and values[3] == id then
                return { id = id, name = values[1], account = values[2], node = values[4] }
            end
        end
    end
    return {}
end

function Doctor.guess_for_app(place, app)
    return function(field)
        local witness = Doctor.witness_of_app(place.id)
        local account = Doctor.account_of_app(place.id) or witness.account
        local score = account and Doctor.score(Keys.apps(account), place.id)
        return ({ id = place.id, account = account or Ids.NIL, name = witness.name or "unknown",
            node = Doctor.node_of_app(place.id) or witness.node or "unknown", concurrent_backups = "queue",
            state = (rawget(app, "state_details") or "[]") == "[]" and "ready" or "failed",
            created_ms = Text.int(score and score >= 1 and score or place.now), modified_ms = Text.int(place.now) })[field]
    end
end

function Doctor.is_being_restored(app)
    for _, id in ipairs(Doctor.ask("SMEMBERS", Keys.active_tasks(app)) or {}) do
        local task = Doctor.task(id)
        if task and task.kind == "restore" and task.target == "" and Doctor.is_unfinished(task) then
            return true
        end
    end
    return false
end

function Doctor.check_app_state(place, app)
    local restoring, details = Doctor.is_being_restored(place.id), rawget(app, "state_details") or "[]"
    local state = app.state
    if restoring then
        state = "restoring"
    elseif details == "[]" then
        state = "ready"
    elseif state == "ready" then
        state = "failed"
    end
    if not restoring and app.state == "restoring" then
        state = "ready" -- a restore in place that is not there any more has changed nothing, or all
        if details ~= "[]" then
            Doctor.mend(place, app, "state_details", "[]", "though nothing is being restored")
        end
    end
    if state ~= app.state then
        Doctor.mend(place, app, "state", state, "not as its restores and details have it")
    end
end

function Doctor.whole_app(place, app)
    Doctor.check_fields(place, "app", app, Doctor.guess_for_app(place, app))
    Doctor.check_own_id(place, app)
    local account, node = Doctor.account_of_app(place.id), Doctor.node_of_app(place.id)
    if account and account ~= app.account and not Doctor.score(Keys.apps(app.account), place.id) then
        Doctor.mend(place, app, "account", account, "not as the index has it")
    end
    if node and not Doctor.has(Keys.node_apps(app.node), place.id) then
        Doctor.mend(place, app, "node", node, "not as the index has it")
    end
    local witness = Doctor.witness_of_app(place.id)
    if witness.name and not Doctor.proves(app, app.name) and Doctor.proves(app, witness.name) then
        Doctor.mend(place, app, "name", witness.name, "which its id does not say")
    end
    local by_index = Doctor.score(Keys.apps(app.account), place.id)
    if by_index and by_index >= 1 and by_index < tonumber(app.created_ms) then
        Doctor.mend(place, app, "created_ms", Text.int(by_index), "later than the index has it")
    end
    Doctor.entry(place, Keys.apps(app.account), place.id, app.created_ms)
    Doctor.check_app_state(place, app)
    Doctor.member_of(place, Keys.node_apps(app.node), place.id, true)
    Doctor.member_of(place, Keys.ACCOUNTS, app.account, true)
    Doctor.life(place, true)
end

function Doctor.bucket_owner_by_index(id)
    local owners = Doctor.ask("SMEMBERS", Keys.ACCOUNTS) or {}
    owners[#owners + 1] = "shared"
    for _, owner in ipairs(owners) do
        if Doctor.score(Keys.buckets(owner), id) then
            return owner
        end
    end
    return nil
end

-- A worker tells all of it again within half a minute; until then it has to be something.
function Doctor.guess_for_bucket(place, bucket)
    return function(field)
        local owner = Doctor.bucket_owner_by_index(place.id) or "shared"
        local score = Doctor.score(Keys.buckets(owner), place.id)
        return ({ id = place.id, account = owner == "shared" and "" or owner, name = place.id, provider = "directory",
            server_url = "", bucket_name = "", state = "unknown", state_details = rawget(bucket, "probe_details") or "[]",
            is_default = Doctor.ask("HGET", Keys.DEFAULT_BUCKETS, owner) == place.id and "1" or "0", jobs_max = "0",
            created_ms = Text.int(score and score >= 1 and score or place.now), modified_ms = Text.int(place.now) })[field]
    end
end

function Doctor.whole_bucket(place, bucket)
    Doctor.check_fields(place, "bucket", bucket, Doctor.guess_for_bucket(place, bucket))
    Doctor.check_own_id(place, bucket)
    local owner = Doctor.bucket_owner_by_index(place.id)
    if owner and not Doctor.score(Keys.buckets(Buckets.owner(bucket.account)), place.id) then
        Doctor.mend(place, bucket, "account", owner == "shared" and "" or owner, "not as the index has it")
    end
    owner = Buckets.owner(bucket.account)
    local default = Doctor.ask("HGET", Keys.DEFAULT_BUCKETS, owner)
    local other = default and default ~= place.id and Doctor.hash(Keys.bucket(default))
    if default == place.id and bucket.is_default ~= "1" then
        Doctor.mend(place, bucket, "is_default", "1", "not as " .. Keys.DEFAULT_BUCKETS .. " has it")
    elseif other and Buckets.owner(other.account or "") == owner and bucket.is_default ~= "0" then
        Doctor.mend(place, bucket, "is_default", "0", "not as " .. Keys.DEFAULT_BUCKETS .. " has it")
    elseif not other and default ~= place.id and bucket.is_default == "1" then
        Doctor.find(place, "it is the default, but not in " .. Keys.DEFAULT_BUCKETS, "add it",
            { "HSET", Keys.DEFAULT_BUCKETS, owner, place.id })
    end
    Doctor.entry(place, Keys.buckets(owner), place.id, bucket.created_ms)
    if bucket.account ~= "" then
        Doctor.member_of(place, Keys.ACCOUNTS, bucket.account, true)
    end
    Doctor.life(place, true)
end

function Doctor.whole_node(place, node)
    local score = Doctor.score(Keys.NODES, place.id)
    local seen = score and score >= 1 and score <= place.now + Doctor.CLOCK_SLACK_MS and Text.int(score) or nil
    Doctor.check_fields(place, "node", node, function(field)
        return ({ name = place.id, version = "unknown", slots = "1", running = "0", started_ms = seen or Text.int(place.now),
            heartbeat_ms = seen or "1" })[field]
    end)
    if node.name ~= place.id then
        Doctor.mend(place, node, "name", place.id, "not as its key has it")
    end
    if tonumber(node.heartbeat_ms) > place.now + Doctor.CLOCK_SLACK_MS then
        Doctor.mend(place, node, "heartbeat_ms", seen or "1", "which is to come")
    elseif seen and tonumber(seen) > tonumber(node.heartbeat_ms) then
        Doctor.mend(place, node, "heartbeat_ms", seen, "earlier than " .. Keys.NODES .. " has it")
    end
    Doctor.entry(place, Keys.NODES, place.id, node.heartbeat_ms)
    Doctor.life(place, true)
end

-- The text of a damage beside others of its bucket; as it is told already, if that says the same.
function Doctor.damage_text(app, damage, told)
    if told and told:sub(-#damage) == damage then
        return told
    end
    local known = Doctor.app(app)
    return string.format("app %s: %s", known and known.name or app, damage)
end

function Doctor.whole_repository(place, record)
    Doctor.check_fields(place, "repository", record, function() end)
    for _, kind in ipairs({ "prune", "verify", "catalog" }) do
        local at, state = rawget(record, kind .. "_ms"), rawget(record, kind .. "_state")
        if at and not state then
            Doctor.mend(place, record, kind .. "_state", "failed")
        elseif state and not at then
            Doctor.mend(place, record, kind .. "_ms", Text.int(place.now))
        end
    end
    local bucket, app = place.id:match("^(.-):(.+)$")
    local key = Keys.damaged(bucket)
    local told, damage = Doctor.ask("HGET", key, app), record.damage
    if told and not damage then
        Doctor.mend(place, record, "damage", told:match("^app [^:]*: (.*)$") or told)
    elseif told and damage == "" then
        Doctor.find(place, "in " .. key .. ", though it is sound", "remove it from there", { "HDEL", key, app })
    elseif damage and damage ~= "" and told ~= Doctor.damage_text(app, damage, told) then
        Doctor.find(place, "its damage is not in " .. key, "add it",
            { "HSET", key, app, Doctor.damage_text(app, damage, told) })
    end
    Doctor.life(place, true)
end

function Doctor.whole_create_key(place, record)
    local fields = Doctor.FIELDS["create-key"].needed
    for field, is in pairs(fields) do
        if not record[field] or not is(record[field]) then
            Doctor.find(place, "what was asked for with this key is not there", "forget it", { "DEL", place.key })
            return
        end
    end
    Doctor.check_fields(place, "create-key", record, function() end)
    local app = Doctor.app(place.id:match("^(.-):"))
    if app and app.account ~= record.account then
        Doctor.mend(place, record, "account", app.account, "but its app is another account's")
    end
    local ttl = redis.call("TTL", place.key)
    if ttl < 0 or ttl > Limits.CREATE_KEY_KEPT_S then
        Doctor.find(place, "it would not expire within a day", "let it expire", { "EXPIRE", place.key, Limits.CREATE_KEY_KEPT_S })
    end
end

function Doctor.whole_snapshot(place, record)
    if not record.app or not Doctor.is.id(record.app) then
        Doctor.find(place, "a snapshot of no app", "remove it", { "DEL", place.key })
        return
    end
    Doctor.check_fields(place, "snapshot", record, function() end)
end

function Doctor.whole_schema(place, value)
    if value ~= Library.SCHEMA then
        Doctor.find(place, value and "it is '" .. Text.clean(value, 40) .. "'" or "it is missing", "set it to " .. Library.SCHEMA,
            { "SET", place.key, Library.SCHEMA })
    end
end
