-- Backups that are looked at, deleted and canceled --------------------------------------------------------------------

-- A backup as callers see it: its hash as it comes from Redis, since records are read far more often than anything
-- else is done. nil: it is not there, or not of this account or app.
function Backups.visible(account, app, id, now)
    local record = redis.call("HGETALL", Keys.backup(id))
    local known = {}
    for i = 1, #record, 2 do
        known[record[i]] = record[i + 1]
    end
    if not known.id or (account ~= "" and known.account ~= account) or (app ~= "" and known.app ~= app) then
        return nil
    end
    local reason = known.state == "pending" and Waiting.added(known, now) or ""
    if reason ~= "" then
        record[#record + 1] = "state_unready" -- the last one counts
        record[#record + 1] = Reasons.with_reason(known.state_unready or "[]", reason)
    end
    return record
end

Call.define("backup_get", function(args)
    local account, app, id = args.account, args.app, args.backup
    local record = Backups.visible(account, app, id, Time.now_ms())
    if not record then
        Call.refuse("UNKNOWN_BACKUP", "there is no backup %s here", id)
    end
    return record
end)

-- For callers that have the record at hand already: a reason to add to those in it, "" when there is none or the backup
-- does not wait any more.
Call.define("backup_wait", function(args)
    local id = args.backup
    local known = redis.call("HMGET", Keys.backup(id), "state", "app", "job", "node", "bucket",
        "state_unready")
    if known[1] ~= "pending" then
        return ""
    end
    local reason = Waiting.added({ app = known[2], job = known[3], node = known[4], bucket = known[5],
        state_unready = known[6] or nil }, Time.now_ms())
    return Text.clean(reason, Limits.UNREADY_MAX)
end)

--[[
Pages of backups, oldest first. A page begins behind a cursor, which is the place of the last row before it: its score
and its member. So it does not matter what has come or gone meanwhile, even that row itself; to count the rows before it
would pass over one for each that has gone.
]]
local Pages = {}

-- Is x before y among members of one score, as Redis orders them? Lua's own < follows the locale of the server.
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

-- The place that a cursor stands for; nil is the beginning.
function Pages.read_cursor(text)
    if text == "" then
        return nil
    end
    local score, member = text:match("^([^:]+):(.+)$")
    score = tonumber(score)
    if not score or score ~= score then
        Call.refuse("INVALID_ARGUMENT", "the page begins behind no place of a list")
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

-- The keys that have the ids of these backups by creation time.
function Pages.keys_of(account, app)
    if app ~= "" then
        Apps.find(account, app)
        return { Keys.backups(app) }
    end
    local keys = {}
    for i, owner in ipairs(account ~= "" and { account } or Apps.accounts()) do
        keys[i] = Keys.account_backups(owner)
    end
    return keys
end

Call.define("backup_list", function(args)
    local account, app, count = args.account, args.app, args.count
    local cursor = Pages.read_cursor(args.after)
    local ids, next_cursor = Pages.read(Pages.keys_of(account, app), cursor, count)
    local now, backups = Time.now_ms(), {}
    for _, id in ipairs(ids) do
        backups[#backups + 1] = Backups.visible(account, "", id, now)
    end
    return { next_cursor, backups }
end)

Call.define("backup_delete", function(args)
    local account, app, id, actor = args.account, args.app, args.backup, args.actor
    local backup = Backups:find(account, app, id)
    if backup.state == "deleting" then
        Call.refuse("ALREADY_DELETING", "backup %s is being deleted", id)
    end
    local job = Jobs.of(backup)
    Tasks.refuse_delete(backup)
    local claimed = job ~= nil and job.state == "claimed"
    local untouched = backup.state == "pending" and job ~= nil and job.attempt == "0"
    local event = untouched and "withdraw" or "delete"
    Backups:require_event(backup, event)

    local why = claimed and "delete requested, its job is asked to stop" or "delete requested"
    Backups:transition(backup, event, { job = backup.job, epoch = job and job.epoch, who = actor, why = why }, {})
    if claimed then
        Jobs.ask_to_stop(job, actor, why)
        return Call.DONE
    end
    if job and job.state ~= "done" then
        Jobs.close(job, why)
    end
    if event == "delete" then
        Backups.queue_delete(backup, Time.now_ms())
    end
    return Call.DONE
end)

Call.define("backup_cancel", function(args)
    local account, app, id, actor, reason = args.account, args.app, args.backup, args.actor, args.reason
    local backup = Backups:find(account, app, id)
    if backup.state == "deleting" then
        Call.refuse("ALREADY_DELETING", "backup %s is being deleted", id)
    end
    Backups:require_event(backup, "cancel")
    local job, now = Jobs.of(backup), Time.now_ms()
    local why = Text.clean("canceled on request" .. (reason ~= "" and ": " .. reason or ""), Limits.REASON_MAX)
    if not job or job.state ~= "claimed" then
        Backups:cancel(backup, job, { job = backup.job, epoch = job and job.epoch, who = actor, why = why }, {})
    elseif job.cancel ~= "1" then
        Jobs.ask_to_stop(job, actor, why)
        Backups:update(backup, { state_unready = Reasons.of("being canceled") }, now)
        Journal.write({ backup = id, job = job.id, app = backup.app, account = backup.account, from = backup.state,
            to = backup.state, epoch = job.epoch, who = actor, why = why .. "; its job is asked to stop" })
    end
    return Backups.visible("", "", id, now)
end)

-- Tried again ---------------------------------------------------------------------------------------------------------

function Backups.check_retry(backup)
    Backups:require_event(backup, "retry")
    if backup.percent_done == "100" or backup.state_details:find('delete_failed"', 1, true) then
        Call.refuse("ILLEGAL_TRANSITION", "backup %s: what has failed is its delete; delete it again", backup.id)
    end
    local app = Apps.find("", backup.app)
    Buckets.find("", backup.bucket)
    if app.concurrent_backups == "refuse" then
        Create.check_app_has_none(app, {})
    end
end

function Backups.retry_kind()
    return "backup"
end

function Backups.retry_seed(backup)
    return backup.id .. backup.revision
end
