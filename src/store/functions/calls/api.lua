-- Functions for the front end -----------------------------------------------------------------------------------------

define("version", READS, function(a)
    a:finish()
    return VERSION
end)

local CREATE_ARGUMENTS, CREATE_MAX = 10, 64 -- of one request; requests of one call

local function read_create_request(a)
    return {
        id = a:id("id"), job = a:id("job"), account = a:id("account"), app = a:id("app"),
        created_by = a:id("created_by"), version = a:name("version", 7), name = a:optional_name("name", NAME_MAX),
        bucket = a:optional_id("bucket"), snapshot = a:optional_id("snapshot"),
        labels = (a:json_array("labels", JSON_MAX)),
    }
end

-- Who has this name, id or job: somebody in Redis, or another request of this call.
local function name_holder(app, name, taken)
    return taken[app .. name] or redis.call("HGET", PREFIX .. "names:" .. app, name)
end

-- The one that is asked for; or one of the time and the begin of the id, and of the whole id where another one of this
-- second begins alike.
local function choose_name(request, call)
    local name = request.name ~= "" and request.name or call.name_prefix .. request.id:sub(1, 8)
    local holder = name_holder(request.app, name, call.taken)
    if holder and request.name == "" then
        name = call.name_prefix .. request.id
        holder = name_holder(request.app, name, call.taken)
    end
    if holder then
        refuse("NAME_TAKEN", "name '%s' is in use by backup %s", name, holder)
    end
    return name
end

local function check_create_is_new(request, taken)
    local backup, job = PREFIX .. "backup:" .. request.id, PREFIX .. "job:" .. request.job
    local some = redis.call("EXISTS", backup, job) > 0 -- nearly never
    if taken[request.id] or (some and redis.call("EXISTS", backup) == 1) then
        refuse("ILLEGAL_TRANSITION", "backup %s exists", request.id)
    end
    if taken[request.job] or (some and redis.call("EXISTS", job) == 1) then
        refuse("INVALID_ARGUMENT", "job %s exists", request.job)
    end
end

-- An app may want to have one backup at a time, and the next one refused rather than queued.
local function check_app_has_none(app, taken)
    local found = taken[app.id]
    for _, state in ipairs({ "pending", "discovering", "running" }) do
        found = found or redis.call("ZINTERCARD", 2, PREFIX .. "state:" .. state, PREFIX .. "backups:" .. app.id,
            "LIMIT", 1) > 0
    end
    if found then
        refuse("BACKUP_ACTIVE", "app %s has a backup that has not ended, and takes one at a time", app.name)
    end
end

-- Of a request that is not refused; the others of the call are to see it.
local function take(request, taken)
    local id = request.id
    taken[request.app .. request.name], taken[id], taken[request.job], taken[request.app] = id, id, id, id
end

-- Makes a request complete, or refuses it. call: what the requests of one call share: now, and what has been looked up
-- already.
local function complete_request(request, call)
    local app = call.apps[request.app]
    if not app or app.account ~= request.account then
        app = find_app(request.account, request.app)
        call.apps[request.app] = app
    end
    local bucket = request.bucket == "" and call.buckets[request.account]
    if not bucket then
        bucket = choose_bucket(request.account, request.bucket)
        call.buckets[request.account] = request.bucket == "" and bucket or nil
    end
    check_snapshot(request.app, request.snapshot)
    request.name = choose_name(request, call)
    check_create_is_new(request, call.taken)
    if app.concurrent_backups == "refuse" then
        check_app_has_none(app, call.taken)
    end
    take(request, call.taken)
    request.app_name, request.node, request.bucket, request.created_ms = app.name, app.node, bucket, call.created_ms
    return request
end

-- What its caller cannot know of a backup that begins; he has said the rest himself.
local function assigned_to(backup)
    return { "name", backup.name, "bucket", backup.bucket, "app_name", backup.app_name, "node", backup.node,
        "created_ms", backup.created_ms }
end

-- One request is answered by what was assigned to it, several by an array with that or an error reply for each: a
-- refused one does not touch the others. Many who create at the same time cost less than each for himself, since what
-- they have in common is looked up and indexed once.
local function create_backups(a)
    local count = #a.list / CREATE_ARGUMENTS
    if count < 1 or count > CREATE_MAX or count % 1 ~= 0 then
        refuse("INVALID_ARGUMENT", "%d arguments, expected are %d for each of at most %d backups", #a.list,
            CREATE_ARGUMENTS, CREATE_MAX)
    end
    local now = now_ms()
    local call = { apps = {}, buckets = {}, taken = {}, created_ms = int(now),
        name_prefix = utc(now, "backup-%04d%02d%02d%02d%02d%02d-") }
    local replies, backups, jobs = {}, {}, {}
    for i = 1, count do
        a.at = (i - 1) * CREATE_ARGUMENTS
        local ok, result = attempt(function()
            return complete_request(read_create_request(a), call)
        end)
        if ok then
            backups[#backups + 1] = result
            jobs[#jobs + 1] = new_job(result.job, "backup", result, result.node, call.created_ms)
        end
        replies[i] = ok and assigned_to(result) or result
    end
    store_new_backups(backups)
    queue_new_jobs(jobs)
    return count == 1 and replies[1] or replies
end

define("backup_create", WRITES, create_backups)

-- Why a backup that looks idle is not running: true only now, so it is not stored.
local function waiting_reason(backup, now)
    local busy, subject, kind = busy_job(backup.app)
    if busy and busy == backup.job then
        return ""
    end
    local paused = Pauses.reason(backup)
    if paused ~= "" then
        return paused
    elseif busy and Tasks.KINDS[kind] then
        return string.format("waiting for a %s of the same app", kind)
    elseif busy then
        local name = redis.call("HGET", PREFIX .. "backup:" .. subject, "name")
        return string.format("waiting for backup %s of the same app", name or subject)
    end
    local node = clean(backup.node, 70)
    if not node_is_alive(backup.node, now) then
        return string.format("waiting for a worker on node %s", node)
    end
    local slots = redis.call("HMGET", PREFIX .. "node:" .. backup.node, "running", "slots")
    if tonumber(slots[1] or "0") >= tonumber(slots[2] or "1") then
        return string.format("waiting for a slot on node %s, which works on %s jobs", node, slots[1])
    end
    return bucket_wait(backup.bucket)
end

-- What there is to add to the reasons that are written in a pending record: whatever it waits for when there are none,
-- and who holds it back in any case.
local function added_reason(record, now)
    if (record.state_unready or "[]") == "[]" then
        return waiting_reason(record, now)
    end
    return Pauses.reason(record)
end

-- A backup as callers see it: its hash as it comes from Redis, since records are read far more often than anything
-- else is done. nil: it is not there, or not of this account or app.
local function visible_backup(account, app, id, now)
    local record = redis.call("HGETALL", PREFIX .. "backup:" .. id)
    local known = {}
    for i = 1, #record, 2 do
        known[record[i]] = record[i + 1]
    end
    if not known.id or (account ~= "" and known.account ~= account) or (app ~= "" and known.app ~= app) then
        return nil
    end
    local reason = known.state == "pending" and added_reason(known, now) or ""
    if reason ~= "" then
        record[#record + 1] = "state_unready" -- the last one counts
        record[#record + 1] = with_reason(known.state_unready or "[]", reason)
    end
    return record
end

-- A create with a key of the caller's: the first one with it makes the backup and is remembered for a day; the same
-- request again is answered by that backup, as it is by then. Replies with whether it is a repetition, and the record
-- or, of the first, what was assigned to it.
define("backup_create_once", WRITES, function(a)
    local key, request = a:digest("key"), a:digest("request")
    local wanted = read_create_request(a)
    a:finish()
    local memory = PREFIX .. "create-key:" .. wanted.app .. ":" .. key
    local first = redis.call("HMGET", memory, "account", "request", "backup")
    if first[1] == wanted.account then
        local record = visible_backup(wanted.account, wanted.app, first[3], now_ms())
        if first[2] ~= request then
            refuse("KEY_REUSED", "the key belongs to another request, which made backup %s", first[3])
        elseif not record then
            refuse("KEY_REUSED", "the key belongs to backup %s, which is gone", first[3])
        end
        return { "1", record }
    end
    local reply = create_backups(Arguments.of({ unpack(a.list, 3) }))
    if reply.err then
        return reply
    end
    write_hash(memory, { account = wanted.account, request = request, backup = wanted.id })
    redis.call("EXPIRE", memory, CREATE_KEY_KEPT_S)
    return { "0", reply }
end)

define("backup_get", READS, function(a)
    local account, app, id = a:optional_id("account"), a:optional_id("app"), a:id("backup")
    a:finish()
    local record = visible_backup(account, app, id, now_ms())
    if not record then
        refuse("UNKNOWN_BACKUP", "there is no backup %s here", id)
    end
    return record
end)

-- Of one whose record is at hand already: what there is to add to its reasons, "" for nothing or when it does not wait
-- any more.
define("backup_wait", READS, function(a)
    local id = a:id("backup")
    a:finish()
    local known = redis.call("HMGET", PREFIX .. "backup:" .. id, "state", "app", "job", "node", "bucket",
        "state_unready")
    if known[1] ~= "pending" then
        return ""
    end
    local reason = added_reason({ app = known[2], job = known[3], node = known[4], bucket = known[5],
        state_unready = known[6] or nil }, now_ms())
    return clean(reason, UNREADY_MAX)
end)

--[[
Pages of backups, oldest first. A page begins behind a cursor, which is the place of the last row before it: its score
and its member. So it does not matter what has come or gone meanwhile, even that row itself; to count the rows before it
would pass over one for each that has gone.
]]
local Pages = { CURSOR_MAX = 95 }

-- As Redis orders the members of one score. Lua's own < follows the locale of the server.
function Pages.is_text_before(x, y)
    for i = 1, math.min(#x, #y) do
        local of_x, of_y = x:byte(i), y:byte(i)
        if of_x ~= of_y then
            return of_x < of_y
        end
    end
    return #x < #y
end

function Pages.is_before(x, y)
    if x.score ~= y.score then
        return x.score < y.score
    end
    return Pages.is_text_before(x.member, y.member)
end

function Pages.score_text(score)
    return string.format("%.17g", score)
end

-- nil: the beginning.
function Pages.read_cursor(text)
    if text == "" then
        return nil
    end
    local score, member = text:match("^([^:]+):(.+)$")
    score = tonumber(score)
    if not score or score ~= score then
        refuse("INVALID_ARGUMENT", "the page begins behind no place of a list")
    end
    return { score = score, member = member }
end

-- How many rows are not behind the cursor: those of a smaller score, and some of the same, of which there may be
-- thousands. They are halved until they part.
function Pages.rank_behind(key, cursor)
    local score = Pages.score_text(cursor.score)
    local first = redis.call("ZCOUNT", key, "-inf", "(" .. score)
    local last = first + redis.call("ZCOUNT", key, score, score)
    while first < last do
        local middle = math.floor((first + last) / 2)
        if Pages.is_text_before(cursor.member, redis.call("ZRANGE", key, middle, middle)[1]) then
            last = middle
        else
            first = middle + 1
        end
    end
    return first
end

function Pages.add_rows(rows, key, cursor, count)
    local first = cursor and Pages.rank_behind(key, cursor) or 0
    local part = redis.call("ZRANGE", key, first, first + count - 1, "WITHSCORES")
    for i = 1, #part, 2 do
        rows[#rows + 1] = { member = part[i], score = tonumber(part[i + 1]) }
    end
end

-- The members, and the cursor of the next page: "" when there is none. Of several keys the rows are merged.
function Pages.read(keys, cursor, count)
    local rows, members = {}, {}
    for _, key in ipairs(keys) do
        Pages.add_rows(rows, key, cursor, count)
    end
    if #keys > 1 then
        table.sort(rows, Pages.is_before)
    end
    for i = 1, math.min(count, #rows) do
        members[i] = rows[i].member
    end
    local last = rows[count]
    return members, last and Pages.score_text(last.score) .. ":" .. last.member or ""
end

-- Where the ids of these backups are, by creation time.
function Pages.keys_of(account, app)
    if app ~= "" then
        find_app(account, app)
        return { PREFIX .. "backups:" .. app }
    end
    local keys = {}
    for i, owner in ipairs(account ~= "" and { account } or all_accounts()) do
        keys[i] = PREFIX .. "account-backups:" .. owner
    end
    return keys
end

define("backup_list", READS, function(a)
    local account, app = a:optional_id("account"), a:optional_id("app")
    local cursor, count = Pages.read_cursor(a:text("after", Pages.CURSOR_MAX)), a:number("count", 1, LIST_MAX)
    a:finish()
    local ids, next_cursor = Pages.read(Pages.keys_of(account, app), cursor, count)
    local now, backups = now_ms(), {}
    for _, id in ipairs(ids) do
        backups[#backups + 1] = visible_backup(account, "", id, now)
    end
    return { next_cursor, backups }
end)

define("backup_delete", WRITES, function(a)
    local account, app, id = a:optional_id("account"), a:optional_id("app"), a:id("backup")
    local actor = clean(a:text("actor", 128), 128)
    a:finish()
    local backup = find_backup(account, app, id)
    if backup.state == "deleting" then
        refuse("ALREADY_DELETING", "backup %s is being deleted", id)
    end
    local job = own_job(backup)
    Tasks.refuse_delete(backup)
    local claimed = job ~= nil and job.state == "claimed"
    local untouched = backup.state == "pending" and job ~= nil and job.attempt == "0"
    local event = untouched and "withdraw" or "delete"
    require_event(backup, event)

    local why = claimed and "delete requested, its job is asked to stop" or "delete requested"
    transition(backup, event, { job = backup.job, epoch = job and job.epoch, who = actor, why = why }, {})
    if claimed then
        ask_to_stop(job, actor, why)
        return DONE
    end
    if job and job.state ~= "done" then
        end_job(job, why)
    end
    if event == "delete" then
        queue_delete_job(backup, now_ms())
    end
    return DONE
end)

define("backup_cancel", WRITES, function(a)
    local account, app, id = a:optional_id("account"), a:optional_id("app"), a:id("backup")
    local actor, reason = clean(a:text("actor", 128), 128), a:sentence("reason")
    a:finish()
    local backup = find_backup(account, app, id)
    if backup.state == "deleting" then
        refuse("ALREADY_DELETING", "backup %s is being deleted", id)
    end
    require_event(backup, "cancel")
    local job, now = own_job(backup), now_ms()
    local why = clean("canceled on request" .. (reason ~= "" and ": " .. reason or ""), REASON_MAX)
    if not job or job.state ~= "claimed" then
        cancel_backup(backup, job, { job = backup.job, epoch = job and job.epoch, who = actor, why = why }, {})
    elseif job.cancel ~= "1" then
        ask_to_stop(job, actor, why)
        update_backup(backup, { state_unready = reasons("being canceled") }, now)
        journal({ backup = id, job = job.id, app = backup.app, account = backup.account, from = backup.state,
            to = backup.state, epoch = job.epoch, who = actor, why = why .. "; its job is asked to stop" })
    end
    return visible_backup("", "", id, now)
end)

define("app_list", READS, function(a)
    local account = a:optional_id("account")
    a:finish()
    local now, apps = now_ms(), {}
    for _, owner in ipairs(account ~= "" and { account } or all_accounts()) do
        collect(PREFIX .. "apps:" .. owner, "app:", apps, function(app)
            return visible_app(app, now)
        end)
    end
    table.sort(apps, by_name)
    return reply_with(apps)
end)

define("app_get", READS, function(a)
    local account, id = a:optional_id("account"), a:id("app")
    a:finish()
    return flatten(visible_app(find_app(account, id), now_ms()))
end)

define("bucket_list", READS, function(a)
    local account = a:optional_id("account")
    a:finish()
    local buckets = {}
    for _, owner in ipairs(account ~= "" and { account } or all_accounts()) do
        collect(PREFIX .. "buckets:" .. owner, "bucket:", buckets)
    end
    collect(PREFIX .. "buckets:shared", "bucket:", buckets)
    table.sort(buckets, by_name)
    return reply_with(buckets)
end)

define("bucket_get", READS, function(a)
    local account, id = a:optional_id("account"), a:id("bucket")
    a:finish()
    return flatten(find_bucket(account, id))
end)

define("node_list", READS, function(a)
    a:finish()
    local nodes = {}
    collect(NODES, "node:", nodes)
    table.sort(nodes, by_name)
    return reply_with(nodes)
end)

local function info(section)
    local values = {}
    for field, value in redis.call("INFO", section):gmatch("([%w_]+):([^\r\n]*)") do
        values[field] = value
    end
    return values
end

-- Since when the oldest of a node's queue waits; nil: it is empty. Within a priority, the score orders by age.
local function oldest_queued(node)
    local oldest
    for _, priority in pairs(PRIORITY) do
        local first = redis.call("ZRANGEBYSCORE", PREFIX .. "queue:" .. node, int(priority * PRIORITY_WEIGHT),
            "(" .. int((priority + 1) * PRIORITY_WEIGHT), "WITHSCORES", "LIMIT", 0, 1)
        local created = first[2] and tonumber(first[2]) - priority * PRIORITY_WEIGHT
        oldest = created and math.min(oldest or created, created) or oldest
    end
    return oldest
end

define("health", READS, function(a)
    local only = a:has_more() and a:name("node", NODE_MAX)
    a:finish()
    local persistence, memory, now = info("persistence"), info("memory"), now_ms()
    local queued = only and 0 or redis.call("ZCARD", DELAYED)
    local oldest = now
    for _, node in ipairs(only and { only } or redis.call("ZRANGE", NODES, 0, -1)) do
        queued = queued + redis.call("ZCARD", PREFIX .. "queue:" .. node)
        oldest = math.min(oldest, oldest_queued(node) or now)
    end
    local safe_log = persistence.aof_enabled == "1" and persistence.aof_last_write_status == "ok"
    local keeps_all = memory.maxmemory == "0" or memory.maxmemory_policy == "noeviction"
    return flatten({
        version = info("server").redis_version or "",
        append_only = safe_log and "1" or "0",
        never_evicts = keeps_all and "1" or "0",
        workers = int(redis.call("ZCOUNT", NODES, int(now - NODE_ALIVE_MS), "+inf")),
        running = int(redis.call("ZCARD", LEASES)),
        queued = int(queued),
        oldest_ms = int(now - oldest),
        quarantined = int(redis.call("ZCARD", QUARANTINE)),
    })
end)
