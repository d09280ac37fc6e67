#!lua name=appbackup
--[[
The only writer of everything below "appbackup:" (docs/redis.md shows each key and function).

A call is atomic but is not rolled back: every function first reads and checks, and writes only when nothing can be
refused any more. A refusal is an error reply "<CODE> <text>"; include/store/store.h lists the codes.

Three records make the state of the world:
  backup   what callers see. Its state changes in transition() only, by the table TRANSITIONS.
  task     a restore, prune or verify; its state changes in Tasks.transition() only.
  job      one unit of work on a backup or a task. It stands in exactly one place at a time (a node's queue, delayed,
           leases, quarantine, or none when it is done); move_job() is the only function that moves it.

A claim gets a new epoch. Every later write of the worker carries it, so a worker that has lost its lease changes
nothing (fence()). All times are those of Redis, in ms since the epoch; all values are plain text.
]]

local VERSION = "@VERSION@" -- becomes a hash of this text when a program loads it
local SCHEMA = "1"

local ID_MAX, NAME_MAX, NODE_MAX, REASON_MAX, UNREADY_MAX = 36, 63, 253, 511, 127
local SENTENCE_MAX = 4096             -- bytes of a reason as it comes, before it is cut
local JSON_MAX = 1024 * 1024          -- bytes of one JSON argument
local APPS_JSON_MAX = 4 * 1024 * 1024 -- all apps of a node
local APPS_MAX = 10000                -- apps of a node
local LIST_MAX = 1000                 -- records in one reply
local LEASE_MAX_MS = 3600 * 1000
local DELAY_MAX_MS = 7 * 24 * 3600 * 1000
local NODE_ALIVE_MS = 15000           -- as include/model/node.h
local JOB_KEPT_S = 24 * 3600          -- how long a job that is done can still be looked at
local CREATE_KEY_KEPT_S = 24 * 3600   -- how long a create with a key is remembered
local JOURNAL_MAX = 100000
local SWEEP_MAX = 100                 -- jobs per sweep and kind: keeps one call short
local CLAIM_PAGE, CLAIM_PAGES = 64, 16
local BYTES_MAX = 2 ^ 53
local PRIORITY_WEIGHT = 1e13          -- above any time in ms, so that priority sorts first
local PRIORITY = { restore = 2, catalog = 3, backup = 4, delete = 6, prune = 8, verify = 8 }
local DETAIL_TYPE_PREFIX = "https://appbackup.invalid/reasons/" -- as include/model/detail.h

local PREFIX = "appbackup:"
local SCHEMA_KEY = PREFIX .. "schema"
local ACCOUNTS = PREFIX .. "accounts"
local NODES = PREFIX .. "nodes"
local DEFAULT_BUCKETS = PREFIX .. "default-buckets"
local APP_BUSY = PREFIX .. "app-busy"
local DELAYED = PREFIX .. "delayed"
local LEASES = PREFIX .. "leases"
local QUARANTINE = PREFIX .. "quarantine"
local COUNTERS = PREFIX .. "counters"
local JOURNAL = PREFIX .. "journal"

local NIL_ID = "00000000-0000-0000-0000-000000000000"

local STATES = { "pending", "discovering", "running", "deleting", "completed", "failed", "removed", "unknown" }

-- {from, event} -> to. What is not here is refused. "none" is before the first record, "gone" after the last.
local TRANSITIONS = {
    none = { create = "pending", found = "completed" }, -- found: in a bucket, by a task that rebuilds the catalogue
    pending = {
        discover = "discovering", requeue = "pending", fail = "failed", cancel = "failed",
        withdraw = "gone",  -- DELETE before any worker had it
        delete = "deleting", -- DELETE after a worker has claimed it
    },
    discovering = { run = "running", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
    running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed", delete = "deleting" },
    completed = { delete = "deleting", lose = "removed" }, -- a verification found data gone or damaged
    failed = { delete = "deleting" },
    removed = { delete = "deleting", find = "completed" }, -- another one has read all of it
    unknown = { delete = "deleting" },
    deleting = {
        complete = "deleting", requeue = "deleting", -- data may exist: a delete job follows
        fail = "gone", cancel = "gone",
        purge = "gone",   -- the delete job has removed the data
        keep = "failed",  -- the delete job has failed for good
    },
}

-- Small tools ---------------------------------------------------------------------------------------------------------

-- Ends the call with an error reply; see define().
local function refuse(code, text, ...)
    error({ refusal = code .. " " .. string.format(text, ...) })
end

local function int(number)
    return string.format("%.0f", number)
end

local function now_ms()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The range of the second byte and the length of a UTF-8 character, by its first byte; nil: none starts with it.
local function character_shape(first)
    if first < 0xC2 or first > 0xF4 then
        return nil
    end
    local length = first < 0xE0 and 2 or (first < 0xF0 and 3 or 4)
    local low = first == 0xE0 and 0xA0 or (first == 0xF0 and 0x90 or 0x80)
    local high = first == 0xED and 0x9F or (first == 0xF4 and 0x8F or 0xBF)
    return length, low, high
end

local function character_at(text, at)
    local length, low, high = character_shape(text:byte(at))
    local second = length and text:byte(at + 1)
    if not second or second < low or second > high then
        return nil
    end
    local character = text:sub(at, at + length - 1)
    return character:find("^.[\128-\191]+$") and #character == length and character or nil
end

-- Text of at most max bytes, fit for JSON: what is not a character becomes '?', what is not printable a space.
local function clean(text, max)
    if #text <= max and text:find("^[ -~]*$") then
        return text
    end
    text = text:gsub("%c", " ")
    if #text <= max and not text:find("[\128-\255]") then
        return text
    end
    local parts, size, at = {}, 0, 1
    while at <= #text do
        local byte = text:byte(at)
        local character = byte < 0x80 and string.char(byte) or character_at(text, at)
        local part = character or "?"
        if size + #part > max then
            break
        end
        parts[#parts + 1] = part
        size = size + #part
        at = at + #part
    end
    return table.concat(parts)
end

-- The parts of a time, by days since 0000-03-01: leap days are at the end of that year.
local function utc(ms, format)
    local seconds = math.floor(ms / 1000)
    local days = math.floor(seconds / 86400) + 719468
    local of_day = seconds % 86400
    local era = math.floor(days / 146097)
    local of_era = days % 146097
    local years = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
        - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * years + math.floor(years / 4) - math.floor(years / 100))
    local month_from_march = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month_from_march + 2) / 5) + 1
    local month = month_from_march < 10 and month_from_march + 3 or month_from_march - 9
    local year = years + era * 400 + (month <= 2 and 1 or 0)
    return string.format(format, year, month, day, math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60)
end

local function time_text(ms)
    return utc(tonumber(ms), "%04d-%02d-%02d %02d:%02d:%02d UTC")
end

-- nil when there is none. defaults: what a field is when the record does not have it.
local function read_hash(key, defaults)
    local flat = redis.call("HGETALL", key)
    if #flat == 0 then
        return nil
    end
    local hash = defaults and setmetatable({}, defaults) or {}
    for i = 1, #flat, 2 do
        hash[flat[i]] = flat[i + 1]
    end
    return hash
end

local function flatten(hash)
    local flat = {}
    for field, value in pairs(hash) do
        flat[#flat + 1] = field
        flat[#flat + 1] = value
    end
    return flat
end

local function write_hash(key, hash)
    redis.call("HSET", key, unpack(flatten(hash)))
end

-- A pair to the list under this key, which is made when it is the first.
local function append(lists, key, first, second)
    local list = lists[key]
    if not list then
        list = {}
        lists[key] = list
    end
    local count = #list
    list[count + 1], list[count + 2] = first, second
end

-- An id for a job that the library itself makes; the shape of a UUID version 5.
local function derived_id(seed)
    local hex = redis.sha1hex(seed)
    local variant = string.format("%x", 8 + tonumber(hex:sub(17, 17), 16) % 4)
    return table.concat({ hex:sub(1, 8), hex:sub(9, 12), "5" .. hex:sub(14, 16), variant .. hex:sub(18, 20),
        hex:sub(21, 32) }, "-")
end

-- Arguments -----------------------------------------------------------------------------------------------------------

local ID_PATTERN = "^" .. ("[0-9a-f]"):rep(8) .. ("%-" .. ("[0-9a-f]"):rep(4)):rep(3) .. "%-" .. ("[0-9a-f]"):rep(12) .. "$"

local Arguments = {}
Arguments.__index = Arguments

function Arguments.of(list)
    return setmetatable({ list = list, at = 0, ids = {} }, Arguments) -- ids: those that have been checked
end

function Arguments:text(name, max)
    self.at = self.at + 1
    local text = self.list[self.at]
    if text == nil then
        refuse("INVALID_ARGUMENT", "argument %d, %s, is missing", self.at, name)
    end
    if #text > max then
        refuse("INVALID_ARGUMENT", "%s has %d bytes, at most %d are allowed", name, #text, max)
    end
    return text
end

function Arguments:some_text(name, max)
    local text = self:text(name, max)
    if text == "" then
        refuse("INVALID_ARGUMENT", "%s is empty", name)
    end
    return text
end

-- For people; what is too long is cut.
function Arguments:sentence(name)
    return clean(self:text(name, SENTENCE_MAX), REASON_MAX)
end

-- Names of people's making: they become parts of keys and of sentences.
function Arguments:name(name, max)
    local text = self:some_text(name, max)
    if not text:find("^[A-Za-z0-9._-]+$") then
        refuse("INVALID_ARGUMENT", "%s may only have letters, digits and ._-", name)
    end
    return text
end

function Arguments:optional_name(name, max)
    if self.list[self.at + 1] == "" then
        self.at = self.at + 1
        return ""
    end
    return self:name(name, max)
end

function Arguments:id(name)
    local text = self:text(name, ID_MAX)
    if self.ids[text] then -- a call for many has the same ones again and again
        return text
    end
    if not text:find(ID_PATTERN) then
        refuse("INVALID_ARGUMENT", "%s is not an id", name)
    end
    self.ids[text] = true
    return text
end

function Arguments:optional_id(name)
    if self.list[self.at + 1] == "" then
        self.at = self.at + 1
        return ""
    end
    return self:id(name)
end

-- SHA-256 in hex.
function Arguments:digest(name)
    local text = self:text(name, 64)
    if #text ~= 64 or text:find("[^0-9a-f]") then
        refuse("INVALID_ARGUMENT", "%s must be 64 hex digits", name)
    end
    return text
end

function Arguments:number(name, min, max)
    local text = self:text(name, 20)
    local number = text:find("^%-?%d+$") and tonumber(text)
    if not number or number < min or number > max then
        refuse("INVALID_ARGUMENT", "%s must be a whole number from %s to %s", name, int(min), int(max))
    end
    return number
end

function Arguments:choice(name, choices)
    local text = self:text(name, 64)
    if choices[text] == nil then
        refuse("INVALID_ARGUMENT", "%s has an unknown value", name)
    end
    return text
end

function Arguments:json_array(name, max)
    local text = self:text(name, max)
    if text == "[]" then
        return text, {}
    end
    local ok, value = pcall(cjson.decode, text)
    if not ok or type(value) ~= "table" or text:sub(1, 1) ~= "[" or text:sub(-1) ~= "]" then
        refuse("INVALID_ARGUMENT", "%s is not a JSON array", name)
    end
    return text, value
end

function Arguments:has_more()
    return self.at < #self.list
end

function Arguments:finish()
    if self:has_more() then
        refuse("INVALID_ARGUMENT", "%d arguments, %d are expected", #self.list, self.at)
    end
end

-- True and the result, or false and an error reply if it was refused.
local function attempt(body, ...)
    local ok, result = pcall(body, ...)
    if ok then
        return true, result
    end
    if type(result) == "table" and result.refusal then
        return false, redis.error_reply(result.refusal)
    end
    error(result, 0)
end

-- Registers a function: reads can be called with FCALL_RO, refusals become error replies.
local function define(name, flags, body)
    redis.register_function({
        function_name = "appbackup_" .. name,
        flags = flags,
        callback = function(_, list)
            local _, reply = attempt(body, Arguments.of(list))
            return reply
        end,
    })
end

local READS = { "no-writes" }
local WRITES = {}
local DONE = { ok = "OK" }

-- Journal and wake-ups ------------------------------------------------------------------------------------------------

local function journal(entry)
    redis.call("XADD", JOURNAL, "MAXLEN", "~", JOURNAL_MAX, "*",
        "backup", entry.backup or "", "job", entry.job or "", "app", entry.app or "", "account", entry.account or "",
        "from", entry.from or "", "to", entry.to or "", "epoch", entry.epoch or "0",
        "who", entry.who or "", "why", clean(entry.why or "", REASON_MAX))
end

local function wake(node)
    redis.call("PUBLISH", PREFIX .. "wake:" .. node, "look")
end

-- Backups -------------------------------------------------------------------------------------------------------------

-- What a record does not say; it makes the many that wait or are done small and quick to write.
local BACKUP_DEFAULTS = { __index = {
    labels = "[]", snapshot = "", schedule = "", hook_state = "", state_unready = "[]", state_details = "[]",
    hook_state_details = "[]", taken_ms = "0", bytes_total = "-1", bytes_done = "-1", percent_done = "0",
    repository_snapshot = "", revision = "1",
} }

local function load_backup(id)
    return read_hash(PREFIX .. "backup:" .. id, BACKUP_DEFAULTS)
end

-- account and app: "" stands for any.
local function find_backup(account, app, id)
    local backup = load_backup(id)
    if not backup or (account ~= "" and backup.account ~= account) or (app ~= "" and backup.app ~= app) then
        refuse("UNKNOWN_BACKUP", "there is no backup %s here", id)
    end
    return backup
end

local function forget_backup(backup)
    local id, names = backup.id, PREFIX .. "names:" .. backup.app
    redis.call("DEL", PREFIX .. "backup:" .. id)
    redis.call("ZREM", PREFIX .. "backups:" .. backup.app, id)
    redis.call("ZREM", PREFIX .. "account-backups:" .. backup.account, id)
    if redis.call("HGET", names, backup.name) == id then
        redis.call("HDEL", names, backup.name)
    end
end

-- Writes fields of a backup whose state stays; nothing to write is no change.
local function update_backup(backup, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = int(now)
    changes.revision = int(backup.revision + 1)
    for field, value in pairs(changes) do
        backup[field] = value
    end
    write_hash(PREFIX .. "backup:" .. backup.id, changes)
end

local function allows(backup, event)
    return TRANSITIONS[backup.state] ~= nil and TRANSITIONS[backup.state][event] ~= nil
end

-- To be called before the first write.
local function require_event(backup, event)
    if not allows(backup, event) then
        refuse("ILLEGAL_TRANSITION", "backup %s: cannot %s while %s", backup.id, event, backup.state)
    end
end

-- The one place where a backup changes its state. note: {job, epoch, who, why}; changes: other fields of the record.
local function transition(backup, event, note, changes)
    require_event(backup, event)
    local from, to = backup.state, TRANSITIONS[backup.state][event]
    local now = now_ms()
    if from ~= to then
        redis.call("ZREM", PREFIX .. "state:" .. from, backup.id)
    end
    if to == "gone" then
        forget_backup(backup)
    else
        changes.state = to
        update_backup(backup, changes, now)
        if from ~= to then
            redis.call("ZADD", PREFIX .. "state:" .. to, int(now), backup.id)
        end
    end
    backup.state = to
    journal({ backup = backup.id, job = note.job, app = backup.app, account = backup.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = note.why })
end

-- What there is to write down of a backup that begins; the rest is in BACKUP_DEFAULTS. Flat, as Redis takes and gives it.
local function new_record(backup)
    local record = {
        "id", backup.id, "account", backup.account, "app", backup.app, "app_name", backup.app_name, "name", backup.name,
        "state", TRANSITIONS.none.create, "bucket", backup.bucket, "node", backup.node, "job", backup.job,
        "version", backup.version, "created_by", backup.created_by, "created_ms", backup.created_ms,
    }
    if backup.labels ~= "[]" then
        record[#record + 1], record[#record + 2] = "labels", backup.labels
    end
    if backup.snapshot ~= "" then
        record[#record + 1], record[#record + 2] = "snapshot", backup.snapshot
    end
    return record
end

-- And the one place where it gets its first. Nothing can be refused here; Redis is asked once per index and not once
-- per backup. Returns the records.
local function store_new_backups(backups)
    local records, indexes, names = {}, {}, {}
    local state = TRANSITIONS.none.create
    for i, backup in ipairs(backups) do
        local id, created = backup.id, backup.created_ms
        records[i] = new_record(backup)
        redis.call("HSET", PREFIX .. "backup:" .. id, unpack(records[i]))
        append(indexes, PREFIX .. "backups:" .. backup.app, created, id)
        append(indexes, PREFIX .. "account-backups:" .. backup.account, created, id)
        append(indexes, PREFIX .. "state:" .. state, created, id)
        append(names, PREFIX .. "names:" .. backup.app, backup.name, id)
        journal({ backup = id, job = backup.job, app = backup.app, account = backup.account, from = "none",
            to = state, who = backup.created_by, why = "requested" })
    end
    for key, members in pairs(indexes) do
        redis.call("ZADD", key, unpack(members))
    end
    for key, members in pairs(names) do
        redis.call("HSET", key, unpack(members))
    end
    return records
end

local function is_name_of_other(app, name, id)
    local holder = redis.call("HGET", PREFIX .. "names:" .. app, name)
    return holder and holder ~= id
end

-- Nor this one: a backup whose record was lost. What only the record knew is lost; note: as of transition().
local function store_found_backup(backup, note, now)
    local id, created = backup.id, backup.created_ms
    backup.state, backup.modified_ms, backup.revision = TRANSITIONS.none.found, int(now), "1"
    if is_name_of_other(backup.app, backup.name, id) then
        backup.name = backup.name:sub(1, NAME_MAX - 9) .. "-" .. id:sub(1, 8)
    end
    write_hash(PREFIX .. "backup:" .. id, backup)
    redis.call("ZADD", PREFIX .. "backups:" .. backup.app, created, id)
    redis.call("ZADD", PREFIX .. "account-backups:" .. backup.account, created, id)
    redis.call("ZADD", PREFIX .. "state:" .. backup.state, int(now), id)
    redis.call("HSET", PREFIX .. "names:" .. backup.app, backup.name, id)
    journal({ backup = id, job = note.job, app = backup.app, account = backup.account, from = "none",
        to = backup.state, epoch = note.epoch, who = note.who, why = note.why })
end

local function reasons(text)
    if text == "" then
        return "[]"
    end
    return cjson.encode({ clean(text, UNREADY_MAX) })
end

-- The array's text with one more entry. It is not decoded: empty arrays inside would not survive that.
local function with_detail(details, reason, title, text)
    local entry = string.format('{"type":%s,"title":%s,"detail":%s}', cjson.encode(DETAIL_TYPE_PREFIX .. reason),
        cjson.encode(title), cjson.encode(text ~= "" and clean(text, REASON_MAX) or title))
    if details:find(entry, 1, true) or #details + #entry >= JSON_MAX then
        return details
    end
    if details == "[]" then
        return "[" .. entry .. "]"
    end
    return details:sub(1, -2) .. "," .. entry .. "]"
end

-- Jobs ----------------------------------------------------------------------------------------------------------------

local JOB_DEFAULTS = { __index = {
    stage = "", attempt = "0", failures = "0", kills = "0", epoch = "0", worker = "", lease_until_ms = "0", cancel = "0",
    cancel_who = "", cancel_why = "", deadline_ms = "0", reason = "",
} }

local function load_job(id)
    return read_hash(PREFIX .. "job:" .. id, JOB_DEFAULTS)
end

-- The job that works on a backup. The one that has found it in a bucket works on a task.
local function own_job(backup)
    local job = load_job(backup.job)
    return job and job.subject == backup.id and job or nil
end

local function place_of(job)
    if job.state == "queued" then
        return PREFIX .. "queue:" .. job.node
    end
    return ({ delayed = DELAYED, claimed = LEASES, quarantined = QUARANTINE })[job.state] -- done: nowhere
end

-- The node of an app today; of one that is no longer defined, what it was.
local function node_of(app, otherwise)
    return redis.call("HGET", PREFIX .. "app:" .. app, "node") or otherwise
end

-- Takes the job from where it stands to where its new state belongs.
local function move_job(job, state, score, changes)
    local old = place_of(job)
    if old then
        redis.call("ZREM", old, job.id)
    end
    if job.state == "claimed" then
        redis.call("HDEL", APP_BUSY, job.app)
        redis.call("SREM", PREFIX .. "bucket-jobs:" .. job.bucket, job.id)
        changes.worker = changes.worker or ""
        changes.lease_until_ms = changes.lease_until_ms or "0"
        changes.stage = changes.stage or ""
        wake(job.node) -- other jobs of the app may go now
    end
    changes.state = state
    for field, value in pairs(changes) do
        job[field] = value
    end
    write_hash(PREFIX .. "job:" .. job.id, changes)
    local new = place_of(job)
    if new then
        redis.call("ZADD", new, score, job.id)
    end
    if state == "claimed" then
        redis.call("HSET", APP_BUSY, job.app, job.id)
        redis.call("SADD", PREFIX .. "bucket-jobs:" .. job.bucket, job.id)
    elseif state == "queued" then
        wake(job.node)
    elseif state == "done" then
        redis.call("EXPIRE", PREFIX .. "job:" .. job.id, JOB_KEPT_S)
    end
end

local function queue_score(job)
    return int(PRIORITY[job.kind] * PRIORITY_WEIGHT + tonumber(job.created_ms))
end

local function queue_job(job, changes)
    move_job(job, "queued", queue_score(job), changes)
end

local function end_job(job, reason)
    move_job(job, "done", nil, { reason = clean(reason, REASON_MAX) })
end

-- New jobs of one kind and time in the queues of their nodes, each written at once with its place. Redis is asked once
-- per queue, not once per job.
local function queue_new_jobs(jobs)
    local queues, score = {}, jobs[1] and queue_score(jobs[1])
    for _, job in ipairs(jobs) do
        redis.call("HSET", PREFIX .. "job:" .. job.id, "id", job.id, "kind", job.kind, "subject", job.subject,
            "account", job.account, "app", job.app, "bucket", job.bucket, "node", job.node, "state", "queued",
            "created_ms", job.created_ms)
        append(queues, job.node, score, job.id)
    end
    for node, members in pairs(queues) do
        redis.call("ZADD", PREFIX .. "queue:" .. node, unpack(members))
        wake(node)
    end
end

local function new_job(id, kind, subject, node, created_ms)
    return {
        id = id, kind = kind, subject = subject.id, account = subject.account, app = subject.app, bucket = subject.bucket,
        node = node, created_ms = created_ms,
    }
end

-- The job that removes the data of a backup that is being deleted; the app's node of today does it.
local function queue_delete_job(backup, now)
    local node = node_of(backup.app, backup.node)
    local id = derived_id(backup.id .. backup.revision .. int(now))
    update_backup(backup, { job = id }, now)
    queue_new_jobs({ new_job(id, "delete", backup, node, int(now)) })
end

-- The id of the job that keeps others of this app waiting, its subject and its kind; or nil. Whatever the hash says,
-- only a claimed job does.
local function busy_job(app)
    local id = redis.call("HGET", APP_BUSY, app)
    if not id then
        return nil
    end
    local job = redis.call("HMGET", PREFIX .. "job:" .. id, "state", "subject", "kind")
    if job[1] ~= "claimed" then
        return nil
    end
    return id, job[2], job[3]
end

-- Why a bucket takes no further job now; "" when it does. As above, only a claimed job counts.
local function bucket_wait(bucket)
    local known = redis.call("HMGET", PREFIX .. "bucket:" .. bucket, "jobs_max", "name")
    local max, count = tonumber(known[1] or "0"), 0
    if max == 0 then
        return ""
    end
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "bucket-jobs:" .. bucket)) do
        if redis.call("HGET", PREFIX .. "job:" .. id, "state") == "claimed" then
            count = count + 1
        end
    end
    return count < max and "" or string.format("waiting for bucket %s: %d jobs work on it, at most %d may", known[2],
        count, max)
end

-- Is this queued job still what its backup waits for?
local function is_wanted(job, backup)
    return backup ~= nil and backup.job == job.id and
        backup.state == (job.kind == "delete" and "deleting" or "pending")
end

-- The claimed job, if the caller still holds it.
local function fence(id, epoch)
    local job = load_job(id)
    if job and job.state == "claimed" and tonumber(job.epoch) == epoch then
        return job
    end
    redis.call("HINCRBY", COUNTERS, "stale_writes", 1)
    refuse("LEASE_LOST", "job %s: epoch %s no longer holds it", id, int(epoch))
end

local function note_of(job, why)
    return { job = job.id, epoch = job.epoch, who = job.worker, why = why }
end

-- The end that somebody has asked for is told in his name.
local function cancel_note(job, otherwise)
    local why = job.cancel_why ~= "" and job.cancel_why or (otherwise ~= "" and otherwise or "canceled on request")
    return { job = job.id, epoch = job.epoch, who = job.cancel_who ~= "" and job.cancel_who or job.worker, why = why }
end

-- A claimed job: its worker learns it with its next renewal. The first who asks counts.
local function ask_to_stop(job, actor, why)
    if job.cancel ~= "1" then
        job.cancel, job.cancel_who, job.cancel_why = "1", actor, why
        redis.call("HSET", PREFIX .. "job:" .. job.id, "cancel", "1", "cancel_who", actor, "cancel_why", why)
    end
end

-- Has it taken longer than a job of its node may, counted from its first claim?
local function is_late(job, now)
    local deadline = tonumber(job.deadline_ms)
    return deadline > 0 and now > deadline
end

local function late_why(job, why)
    return string.format("not done by %s, the deadline of its job: %s", time_text(job.deadline_ms), why)
end

-- What a worker hears about its claim.
local function answer_to(job, now)
    if job.cancel == "1" then
        return "cancel"
    end
    return is_late(job, now) and "late" or "ok"
end

local function extend_lease(job, lease_ms, now, stage)
    local until_ms = int(now + lease_ms)
    redis.call("HSET", PREFIX .. "job:" .. job.id, "lease_until_ms", until_ms, "stage", stage or job.stage)
    redis.call("ZADD", LEASES, until_ms, job.id)
end

-- Progress ------------------------------------------------------------------------------------------------------------

local REPORT_READERS = {
    stage = function(a) return clean(a:text("stage", 31), 31) end,
    bytes_done = function(a) return a:number("bytes_done", 0, BYTES_MAX) end,
    bytes_total = function(a) return a:number("bytes_total", 0, BYTES_MAX) end,
    taken_ms = function(a) return int(a:number("taken_ms", 0, BYTES_MAX)) end,
    snapshot = function(a) return a:id("snapshot") end,
    repository_snapshot = function(a) return a:digest("repository_snapshot") end,
    hook_state = function(a) return a:choice("hook_state", { success = true, failed = true }) end,
    hook_state_details = function(a) return (a:json_array("hook_state_details", JSON_MAX)) end,
    state_details = function(a) return (a:json_array("state_details", JSON_MAX)) end,
}

-- The rest of the arguments: field value field value ...
local function read_report(a)
    local report = {}
    while a:has_more() do
        local field = a:choice("field", REPORT_READERS)
        report[field] = REPORT_READERS[field](a)
    end
    return report
end

local function percent(done, total)
    if total <= 0 or done <= 0 then
        return 0
    end
    return math.min(99, math.floor(100 * done / total))
end

-- The fields of the backup that a report changes: done never falls, total is never below it.
local function progress_changes(backup, report)
    local old_done, old_total = tonumber(backup.bytes_done), tonumber(backup.bytes_total)
    local done = math.max(old_done, report.bytes_done or -1)
    local total = math.max(report.bytes_total or old_total, done)
    local wanted = {
        taken_ms = report.taken_ms, snapshot = report.snapshot, repository_snapshot = report.repository_snapshot,
        hook_state = report.hook_state, hook_state_details = report.hook_state_details,
        state_details = report.state_details,
    }
    if total >= 0 then -- from here on the record shows its progress, also while it is 0
        wanted.bytes_done, wanted.bytes_total = int(done), int(total)
        wanted.percent_done = int(percent(done, total))
    end
    local changes = {}
    for field, value in pairs(wanted) do
        if rawget(backup, field) ~= value then
            changes[field] = value
        end
    end
    return changes
end

-- The end of a job ----------------------------------------------------------------------------------------------------

local FINISH = {}
local AFTER = {} -- what tasks have to know of it; they are defined below

-- Back to the queue, at once or at a time. A backup that is being deleted is not tried again: what it may have left
-- in the bucket is the business of a delete job.
local function requeue(job, backup, end_of_try, changes)
    local now = now_ms()
    local why = end_of_try.why
    if is_late(job, now) and (backup.state ~= "deleting" or job.kind == "delete") then
        FINISH.failed(job, backup, { reason = late_why(job, why) }, changes)
        return
    end
    changes.state_unready = reasons(end_of_try.unready)
    if backup.state == "deleting" and job.kind == "backup" then
        changes.state_unready = nil
        transition(backup, "requeue", note_of(job, why), changes)
        end_job(job, why)
        queue_delete_job(backup, now)
        return
    end
    changes.node = node_of(job.app, job.node) -- the app may have moved meanwhile
    transition(backup, "requeue", note_of(job, why), changes)
    local fields = { reason = clean(why, REASON_MAX), kills = end_of_try.kills, failures = end_of_try.failures,
        node = changes.node }
    if end_of_try.delay_ms > 0 then
        move_job(job, "delayed", int(now + end_of_try.delay_ms), fields)
    else
        queue_job(job, fields)
    end
end

-- What the backup becomes when its job has failed for good; changes are completed here.
local function failure_event(job, backup, why, changes)
    if job.kind == "delete" then
        changes.state_unready = reasons("delete failed: " .. why)
        changes.state_details = with_detail(changes.state_details or backup.state_details, "delete_failed",
            "Delete failed", why)
        return "keep"
    end
    changes.state_unready = reasons(why)
    return "fail"
end

function FINISH.completed(job, backup, finish, changes)
    if job.kind == "delete" then
        transition(backup, "purge", note_of(job, finish.reason), {})
        end_job(job, finish.reason)
        AFTER.purge(backup, job.node)
        return
    end
    local total = math.max(tonumber(changes.bytes_total or backup.bytes_total), 0)
    changes.bytes_total, changes.bytes_done, changes.percent_done = int(total), int(total), "100"
    changes.state_unready = "[]"
    transition(backup, "complete", note_of(job, finish.reason), changes)
    end_job(job, finish.reason)
    AFTER.completion(backup)
    if backup.state == "deleting" then
        queue_delete_job(backup, now_ms())
    end
end

function FINISH.failed(job, backup, finish, changes)
    local event = failure_event(job, backup, finish.reason, changes)
    transition(backup, event, note_of(job, finish.reason), changes)
    end_job(job, finish.reason)
end

-- job: nil when there is none any more.
local function cancel_backup(backup, job, note, changes)
    changes.state_unready = reasons(note.why)
    changes.state_details = with_detail(changes.state_details or backup.state_details, "canceled", "Backup canceled",
        note.why)
    transition(backup, "cancel", note, changes)
    if job and job.state ~= "done" then
        end_job(job, note.why)
    end
end

-- Asked to stop, it ends there, whatever made its worker stop. One that is being deleted leaves that to its delete.
local function is_to_end(job, backup)
    return job.cancel == "1" and job.kind == "backup" and backup.state ~= "deleting"
end

function FINISH.canceled(job, backup, finish, changes)
    if job.kind == "delete" then
        return FINISH.failed(job, backup, finish, changes)
    end
    cancel_backup(backup, job, cancel_note(job, finish.reason), changes)
end

function FINISH.retry(job, backup, finish, changes)
    if is_to_end(job, backup) then
        return cancel_backup(backup, job, cancel_note(job, ""), changes)
    end
    redis.call("HINCRBY", COUNTERS, "retries", 1)
    requeue(job, backup, {
        why = finish.reason, delay_ms = finish.delay_ms, kills = job.kills, failures = int(job.failures + 1),
        unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
            time_text(now_ms() + finish.delay_ms), finish.reason),
    }, changes)
end

-- Through no fault of its own: it does not count as a failure.
function FINISH.released(job, backup, finish, changes)
    if is_to_end(job, backup) then
        return cancel_backup(backup, job, cancel_note(job, ""), changes)
    end
    local why = finish.reason ~= "" and finish.reason or "the worker stopped"
    requeue(job, backup, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
        unready = "queued again: " .. why }, changes)
end

-- The event that each outcome stands for, by kind of job; checked before anything is written.
local OUTCOME_EVENTS = {
    backup = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" },
    delete = { completed = "purge", failed = "keep", canceled = "keep", retry = "requeue", released = "requeue" },
}

-- Tasks: what is done with an app's data besides making and deleting backups ------------------------------------------

--[[
A task is a record of its own, task:<id>, for a restore, prune or verify; its job has the task as its subject, and is
queued, claimed, fenced, retried and given up as those of backups are: the functions of jobs ask is_task().

What a repository (one per bucket and app) needs stands in two zsets of its app's node, and what has been done with it
in repository:<bucket>:<app>. All of it says "when at last", so that a restart forgets nothing.
]]

local Tasks = {
    KINDS = { restore = true, prune = true, verify = true, catalog = true },
    TRANSITIONS = {
        none = { create = "pending" },
        pending = { run = "running", requeue = "pending", fail = "failed", cancel = "failed" },
        running = { complete = "completed", requeue = "pending", fail = "failed", cancel = "failed" },
    },
    EVENTS = { completed = "complete", failed = "fail", canceled = "cancel", retry = "requeue", released = "requeue" },
    ACTIVE_MAX = 64,         -- waiting or running tasks of an app
    KEPT_S = 30 * 24 * 3600, -- how long a task that has ended can still be looked at
    TARGET_MAX = 4095,
    INCLUDES_MAX = 64 * 1024,
    DUE_MAX = 1000,          -- repositories looked at in one call
    DAMAGED_MAX = 32,        -- damaged repositories named in a bucket's details
}

Tasks.DEFAULTS = { __index = {
    backup = "", backup_name = "", repository_snapshot = "", target = "", includes = "[]", sample = "0",
    state_unready = "[]", state_details = "[]", hook_state = "", hook_state_details = "[]",
    bytes_total = "-1", bytes_done = "-1", percent_done = "0", taken_ms = "0", snapshot = "", created_by = "",
} }

local function is_task(job)
    return Tasks.KINDS[job.kind] ~= nil
end

function Tasks.load(id)
    return read_hash(PREFIX .. "task:" .. id, Tasks.DEFAULTS)
end

function Tasks.find(account, app, id)
    local task = Tasks.load(id)
    if not task or (account ~= "" and task.account ~= account) or (app ~= "" and task.app ~= app) then
        refuse("UNKNOWN_TASK", "there is no task %s here", id)
    end
    return task
end

-- The task of a claimed job; it goes only long after the job's end.
function Tasks.of(job)
    local task = Tasks.load(job.subject)
    if not task then
        refuse("LEASE_LOST", "job %s: its %s %s is gone", job.id, job.kind, job.subject)
    end
    return task
end

function Tasks.allows(task, event)
    return Tasks.TRANSITIONS[task.state] ~= nil and Tasks.TRANSITIONS[task.state][event] ~= nil
end

function Tasks.require_event(task, event)
    if not Tasks.allows(task, event) then
        refuse("ILLEGAL_TRANSITION", "%s %s: cannot %s while %s", task.kind, task.id, event, task.state)
    end
end

function Tasks.update(task, changes, now)
    if next(changes) == nil then
        return
    end
    changes.modified_ms = int(now)
    for field, value in pairs(changes) do
        task[field] = value
    end
    write_hash(PREFIX .. "task:" .. task.id, changes)
end

-- "restore of backup nightly to its place": for sentences.
function Tasks.describe(task)
    if task.kind ~= "restore" then
        return task.kind .. " of app " .. task.app_name
    end
    return string.format("restore of backup %s %s", task.backup_name,
        task.target == "" and "in place" or "to " .. task.target)
end

function Tasks.key_of(task)
    return PREFIX .. "repository:" .. task.bucket .. ":" .. task.app
end

-- What callers of the API see of a restore in place: the state of the app. An app without a record is no longer
-- managed, and gets none here.
function Tasks.mark_app(task, state, details)
    local key = PREFIX .. "app:" .. task.app
    if task.kind == "restore" and task.target == "" and redis.call("EXISTS", key) == 1 then
        redis.call("HSET", key, "state", state, "state_details", details, "modified_ms", int(now_ms()))
    end
end

-- A backup that has succeeded shows that the app can be used again.
function Tasks.on_backup(app)
    local key = PREFIX .. "app:" .. app
    if redis.call("HGET", key, "state") == "failed" then
        redis.call("HSET", key, "state", "ready", "state_details", "[]", "modified_ms", int(now_ms()))
    end
end

function Tasks.on_end(task, now)
    redis.call("SREM", PREFIX .. "active-tasks:" .. task.app, task.id)
    redis.call("EXPIRE", PREFIX .. "task:" .. task.id, Tasks.KEPT_S)
    local why = cjson.decode(task.state_unready)[1] or ""
    if task.state == "completed" then
        Tasks.mark_app(task, "ready", "[]")
    else
        Tasks.mark_app(task, "failed", with_detail("[]", "restore_failed", "Restore failed",
            string.format("%s: %s", Tasks.describe(task), why)))
    end
    if task.kind == "restore" then
        return
    end
    local node = node_of(task.app, task.node)
    local member = task.bucket .. ":" .. task.app
    redis.call("HSET", Tasks.key_of(task), task.kind .. "_ms", int(now), task.kind .. "_state", task.state)
    if task.kind == "verify" then
        redis.call("ZADD", PREFIX .. "verified:" .. node, int(now), member)
    elseif task.kind == "prune" and task.state == "completed" then
        redis.call("ZREM", PREFIX .. "unreferenced:" .. node, member)
    end
end

-- The one place where a task changes its state. note: {job, epoch, who, why}
function Tasks.transition(task, event, note, changes)
    Tasks.require_event(task, event)
    local from, to, now = task.state, Tasks.TRANSITIONS[task.state][event], now_ms()
    changes.state = to
    Tasks.update(task, changes, now)
    if to == "completed" or to == "failed" then
        Tasks.on_end(task, now)
    end
    journal({ backup = task.backup, job = note.job, app = task.app, account = task.account, from = from, to = to,
        epoch = note.epoch, who = note.who, why = Tasks.describe(task) .. (note.why ~= "" and ": " .. note.why or "") })
end

function Tasks.requeue(job, task, end_of_try, changes)
    if is_late(job, now_ms()) then
        local why = late_why(job, end_of_try.why)
        changes.state_unready = reasons(why)
        Tasks.transition(task, "fail", note_of(job, why), changes)
        end_job(job, why)
        return
    end
    changes.state_unready = reasons(end_of_try.unready)
    changes.node = node_of(job.app, job.node) -- as above
    Tasks.transition(task, "requeue", note_of(job, end_of_try.why), changes)
    local fields = { reason = clean(end_of_try.why, REASON_MAX), kills = end_of_try.kills,
        failures = end_of_try.failures, node = changes.node }
    if end_of_try.delay_ms > 0 then
        move_job(job, "delayed", int(now_ms() + end_of_try.delay_ms), fields)
    else
        queue_job(job, fields)
    end
end

function Tasks.cancel(task, job, note, changes)
    changes.state_unready = reasons(note.why)
    changes.state_details = with_detail(changes.state_details or task.state_details, "canceled", "Canceled", note.why)
    Tasks.transition(task, "cancel", note, changes)
    if job and job.state ~= "done" then
        end_job(job, note.why)
    end
end

-- outcome: as of backups. What is to become of the job is decided here, as FINISH does for backups.
function Tasks.finish(job, outcome, finish, report)
    local task = Tasks.of(job)
    if job.cancel == "1" and (outcome == "retry" or outcome == "released") then
        outcome = "canceled"
    end
    local event = Tasks.EVENTS[outcome]
    Tasks.require_event(task, event)
    local changes, why = progress_changes(task, report), finish.reason
    if outcome == "retry" then
        redis.call("HINCRBY", COUNTERS, "retries", 1)
        return Tasks.requeue(job, task, {
            why = why, delay_ms = finish.delay_ms, kills = job.kills, failures = int(job.failures + 1),
            unready = string.format("attempt %s failed, next at %s: %s", job.attempt,
                time_text(now_ms() + finish.delay_ms), why),
        }, changes)
    elseif outcome == "released" then
        why = why ~= "" and why or "the worker stopped"
        return Tasks.requeue(job, task, { why = why, delay_ms = finish.delay_ms, kills = job.kills,
            unready = "queued again: " .. why }, changes)
    elseif outcome == "completed" then
        local total = math.max(tonumber(changes.bytes_total or task.bytes_total), 0)
        changes.bytes_total, changes.bytes_done, changes.percent_done = int(total), int(total), "100"
        changes.state_unready = "[]"
    elseif outcome == "canceled" then
        return Tasks.cancel(task, job, cancel_note(job, why), changes)
    else
        changes.state_unready = reasons(why)
    end
    Tasks.transition(task, event, note_of(job, why), changes)
    end_job(job, why)
end

-- As bury(), for the job of a task.
function Tasks.bury(job, death)
    local task = Tasks.load(job.subject)
    local kills = tonumber(job.kills) + 1
    local again = kills < death.kills_max
    if not task or not Tasks.allows(task, again and "requeue" or "fail") then
        end_job(job, "leftover: its task is " .. (task and task.state or "gone"))
        return "none"
    end
    redis.call("HINCRBY", COUNTERS, "kills", 1)
    if job.cancel == "1" then
        Tasks.cancel(task, job, cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        Tasks.requeue(job, task, {
            why = death.evidence, delay_ms = death.delay_ms, kills = int(kills),
            unready = string.format("attempt %s died, queued again: %s", job.attempt, death.evidence),
        }, {})
        return is_late(job, now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", int(kills), death.evidence)
    Tasks.transition(task, "fail", note_of(job, why), { state_unready = reasons(why) })
    redis.call("HINCRBY", COUNTERS, "quarantined", 1)
    move_job(job, "quarantined", int(now_ms()), { reason = clean(why, REASON_MAX), kills = int(kills) })
    return "quarantined"
end

-- Each waiting or running task of an app.
function Tasks.each_active(app, see)
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "active-tasks:" .. app)) do
        local task = Tasks.load(id)
        if task then
            see(task)
        else
            redis.call("SREM", PREFIX .. "active-tasks:" .. app, id)
        end
    end
end

-- A backup stays as long as a restore needs it.
function Tasks.refuse_delete(backup)
    Tasks.each_active(backup.app, function(task)
        if task.backup == backup.id then
            refuse("BACKUP_IN_USE", "backup %s: restore %s of it is %s", backup.id, task.id, task.state)
        end
    end)
end

-- Ids of those that have expired go from the front of the list.
function Tasks.index(task)
    local list = PREFIX .. "tasks:" .. task.app
    for _, id in ipairs(redis.call("ZRANGE", list, 0, 9)) do
        if redis.call("EXISTS", PREFIX .. "task:" .. id) == 0 then
            redis.call("ZREM", list, id)
        end
    end
    redis.call("ZADD", list, task.created_ms, task.id)
    redis.call("SADD", PREFIX .. "active-tasks:" .. task.app, task.id)
end

-- task: as it comes from task_create, without state; checked. who: for the journal.
function Tasks.queue(task, node, why)
    local now = now_ms()
    task.node, task.created_ms = node, int(now)
    local record = setmetatable({ id = task.id, kind = task.kind, state = "none", account = task.account,
        app = task.app, app_name = task.app_name, bucket = task.bucket, node = node, target = task.target,
        backup = task.backup, backup_name = task.backup_name }, Tasks.DEFAULTS)
    Tasks.transition(record, "create", { job = task.job, who = task.created_by, why = why }, task)
    Tasks.index(record)
    Tasks.mark_app(record, "restoring", with_detail("[]", "restoring", "Restore in progress", Tasks.describe(record)))
    queue_new_jobs({ new_job(task.job, task.kind, record, node, int(now)) })
    return record
end

-- The repository of a backup exists from its completion on; it is first verified an interval later.
function Tasks.on_completed(backup)
    local node = node_of(backup.app, backup.node)
    redis.call("ZADD", PREFIX .. "verified:" .. node, "NX", int(now_ms()), backup.bucket .. ":" .. backup.app)
    Tasks.on_backup(backup.app)
end

function Tasks.on_purged(backup, node)
    redis.call("ZINCRBY", PREFIX .. "unreferenced:" .. node, 1, backup.bucket .. ":" .. backup.app)
end

-- Is one of this kind on its way for this repository?
function Tasks.is_active(kind, bucket, app)
    local found = false
    Tasks.each_active(app, function(task)
        found = found or (task.kind == kind and task.bucket == bucket)
    end)
    return found
end

-- Queues one task for each of the members "<bucket>:<app>" of a node's zset that needs it. An app that has moved takes
-- its entry along; one that is no longer defined anywhere loses it.
function Tasks.queue_due(set, node, members, kind, is_due, sample)
    local queued = 0
    for i = 1, #members, 2 do
        local bucket, id = members[i]:match("^(.-):(.+)$")
        local app = id and read_hash(PREFIX .. "app:" .. id)
        if not app or redis.call("EXISTS", PREFIX .. "bucket:" .. bucket) == 0 then
            redis.call("ZREM", PREFIX .. set .. ":" .. node, members[i])
        elseif app.node ~= node then
            redis.call("ZREM", PREFIX .. set .. ":" .. node, members[i])
            redis.call("ZADD", PREFIX .. set .. ":" .. app.node, members[i + 1], members[i])
        elseif is_due(bucket, id) and not Tasks.is_active(kind, bucket, id) then
            local seed = kind .. members[i] .. int(now_ms())
            Tasks.queue({ id = derived_id("task" .. seed), job = derived_id("job" .. seed), kind = kind,
                account = app.account, app = id, app_name = app.name, bucket = bucket, created_by = "schedule",
                sample = sample }, node, "due")
            queued = queued + 1
        end
    end
    return queued
end

-- The details of a bucket: what its worker has found when it looked, and what verifications have.
function Tasks.bucket_details(bucket)
    local details = bucket.probe_details or "[]"
    if bucket.verify_ms then
        local count = redis.call("HLEN", PREFIX .. "damaged:" .. bucket.id)
        details = with_detail(details, "verified", "Last verification", time_text(bucket.verify_ms) .. ": " ..
            (count == 0 and "what was read is sound" or count .. " damaged, see the other details"))
    end
    local damaged = redis.call("HGETALL", PREFIX .. "damaged:" .. bucket.id)
    for i = 2, math.min(#damaged, 2 * Tasks.DAMAGED_MAX), 2 do
        details = with_detail(details, "data_damaged", "Repository damaged", damaged[i])
    end
    return details
end

-- damage: "" when what was read is sound.
function Tasks.note_verified(task, damage)
    local key = PREFIX .. "bucket:" .. task.bucket
    local damaged = PREFIX .. "damaged:" .. task.bucket
    if damage == "" then
        redis.call("HDEL", damaged, task.app)
    else
        redis.call("HSET", damaged, task.app, string.format("app %s: %s", task.app_name, damage))
    end
    redis.call("HSET", Tasks.key_of(task), "damage", damage)
    local bucket = read_hash(key)
    if bucket then
        bucket.verify_ms = int(now_ms())
        redis.call("HSET", key, "verify_ms", bucket.verify_ms, "state_details", Tasks.bucket_details(bucket))
    end
end

-- problem: "" when the backup's data is there. complete: all of it has been read, so that an earlier finding is void.
function Tasks.judge_backup(job, id, problem, complete)
    local backup = load_backup(id)
    if not backup or backup.app ~= job.app or backup.bucket ~= job.bucket then
        return
    end
    if problem ~= "" and backup.state == "completed" then
        transition(backup, "lose", note_of(job, problem), {
            state_unready = reasons(problem),
            state_details = with_detail(backup.state_details, "data_damaged", "Data gone or damaged", problem),
        })
    elseif problem == "" and complete and backup.state == "removed" then
        transition(backup, "find", note_of(job, "all of its data has been read and is sound"), {
            state_unready = "[]",
            state_details = with_detail(backup.state_details, "data_found", "Data found again",
                "a later verification has read all of it"),
        })
    end
end

-- Is this queued job still what its subject waits for?
function Tasks.is_wanted(job)
    if not is_task(job) then
        return is_wanted(job, load_backup(job.subject))
    end
    local task = Tasks.load(job.subject)
    return task ~= nil and task.job == job.id and task.state == "pending"
end

function Tasks.renew(job, lease_ms, report)
    local task, now = Tasks.of(job), now_ms()
    extend_lease(job, lease_ms, now, report.stage)
    Tasks.update(task, progress_changes(task, report), now)
    return answer_to(job, now)
end

function Tasks.advance(job, event, lease_ms, report)
    local task, now = Tasks.of(job), now_ms()
    local answer = answer_to(job, now)
    if answer == "ok" then
        Tasks.require_event(task, event)
    end
    extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = progress_changes(task, report)
    changes.state_unready = "[]"
    Tasks.transition(task, event, note_of(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end

AFTER.completion, AFTER.purge = Tasks.on_completed, Tasks.on_purged

-- A claimed job without its worker. Returns "retry", "quarantined", "canceled" if that had been asked for, "failed" after
-- its deadline, or "none" if there was nothing left to do.
local function bury(job, death)
    if is_task(job) then
        return Tasks.bury(job, death)
    end
    local backup = load_backup(job.subject)
    local kills = tonumber(job.kills) + 1
    local superseded = backup and backup.state == "deleting" and job.kind == "backup"
    local again = kills < death.kills_max or superseded
    local event = again and "requeue" or (job.kind == "delete" and "keep" or "fail")
    if not backup or not allows(backup, event) then
        end_job(job, "leftover: its backup is " .. (backup and backup.state or "gone"))
        return "none"
    end
    redis.call("HINCRBY", COUNTERS, "kills", 1)
    if is_to_end(job, backup) then
        cancel_backup(backup, job, cancel_note(job, ""), {})
        return "canceled"
    end
    if again then
        requeue(job, backup, {
            why = death.evidence, delay_ms = death.delay_ms, kills = int(kills),
            unready = string.format("attempt %s died, queued again: %s", job.attempt, death.evidence),
        }, {})
        return is_late(job, now_ms()) and "failed" or "retry"
    end
    local why = string.format("given up, its worker died %s times, at last: %s", int(kills), death.evidence)
    local changes = {}
    transition(backup, failure_event(job, backup, why, changes), note_of(job, why), changes)
    redis.call("HINCRBY", COUNTERS, "quarantined", 1)
    move_job(job, "quarantined", int(now_ms()), { reason = clean(why, REASON_MAX), kills = int(kills) })
    return "quarantined"
end

local function each_due(place, now, act)
    for _, id in ipairs(redis.call("ZRANGEBYSCORE", place, "-inf", int(now), "LIMIT", 0, SWEEP_MAX)) do
        local job = load_job(id)
        if job and place_of(job) == place then
            act(job)
        else
            redis.call("ZREM", place, id) -- nothing stands behind it
        end
    end
end

local function sweep(kills_max)
    local now = now_ms()
    each_due(DELAYED, now, function(job)
        queue_job(job, {})
    end)
    each_due(LEASES, now, function(job)
        redis.call("HINCRBY", COUNTERS, "expired_leases", 1)
        bury(job, {
            evidence = string.format("lease ended at %s without a word from %s", time_text(job.lease_until_ms),
                job.worker),
            kills_max = kills_max, delay_ms = 0,
        })
    end)
end

-- Apps, nodes, buckets ------------------------------------------------------------------------------------------------

local function node_is_alive(node, now)
    local heartbeat = redis.call("ZSCORE", NODES, node)
    return heartbeat and now - tonumber(heartbeat) <= NODE_ALIVE_MS
end

local function require_node(node)
    if redis.call("EXISTS", PREFIX .. "node:" .. node) == 0 then
        refuse("UNKNOWN_NODE", "node %s is not registered", node)
    end
end

local function find_app(account, id)
    local app = read_hash(PREFIX .. "app:" .. id)
    if not app or (account ~= "" and app.account ~= account) then
        refuse("UNKNOWN_APP", "there is no app %s here", id)
    end
    return app
end

-- As callers see it: an app whose node has no living worker is unavailable.
local function visible_app(app, now)
    if not node_is_alive(app.node, now) then
        app.state = "unavailable"
    end
    return app
end

local function find_bucket(account, id)
    local bucket = read_hash(PREFIX .. "bucket:" .. id)
    if not bucket or (account ~= "" and bucket.account ~= "" and bucket.account ~= account) then
        refuse("UNKNOWN_BUCKET", "there is no bucket %s here", id)
    end
    return bucket
end

-- An installation-wide bucket belongs to "shared".
local function bucket_owner(account)
    return account ~= "" and account or "shared"
end

local function choose_bucket(account, id)
    if id ~= "" then
        return find_bucket(account, id).id
    end
    local default = redis.call("HGET", DEFAULT_BUCKETS, account) or redis.call("HGET", DEFAULT_BUCKETS, "shared")
    if not default then
        refuse("NO_BUCKET", "account %s has no default bucket, and there is none for all accounts", account)
    end
    return default
end

local function check_snapshot(app, id)
    if id == "" then
        return
    end
    local owner = redis.call("HGET", PREFIX .. "snapshot:" .. id, "app")
    if not owner then
        refuse("UNKNOWN_SNAPSHOT", "there is no snapshot %s", id)
    elseif owner ~= app then
        refuse("FOREIGN_SNAPSHOT", "snapshot %s belongs to another app", id)
    end
end

local function by_name(a, b)
    if a.name ~= b.name then
        return a.name < b.name
    end
    return (a.id or "") < (b.id or "")
end

local function reply_with(records)
    local reply = {}
    for i, record in ipairs(records) do
        reply[i] = flatten(record)
    end
    return reply
end

local function all_accounts()
    return redis.call("SMEMBERS", ACCOUNTS)
end

-- Records behind the ids of a zset, each through see().
local function collect(key, prefix, records, see)
    for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
        local record = read_hash(PREFIX .. prefix .. id)
        if record then
            records[#records + 1] = see and see(record) or record
        end
    end
end

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

-- Who has this id, job or name: somebody in Redis, or another request of this call.
local function check_create_is_new(request, taken)
    local holder = taken[request.app .. request.name] or redis.call("HGET", PREFIX .. "names:" .. request.app, request.name)
    if holder then
        refuse("NAME_TAKEN", "name '%s' is in use by backup %s", request.name, holder)
    end
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
    if request.name == "" then
        request.name = call.name_prefix .. request.id:sub(1, 8)
    end
    local bucket = request.bucket == "" and call.buckets[request.account]
    if not bucket then
        bucket = choose_bucket(request.account, request.bucket)
        call.buckets[request.account] = request.bucket == "" and bucket or nil
    end
    check_snapshot(request.app, request.snapshot)
    check_create_is_new(request, call.taken)
    if app.concurrent_backups == "refuse" then
        check_app_has_none(app, call.taken)
    end
    take(request, call.taken)
    request.app_name, request.node, request.bucket, request.created_ms = app.name, app.node, bucket, call.created_ms
    return request
end

-- One request is answered by its record, several by an array with a record or an error reply for each: a refused one
-- does not touch the others. Many who create at the same time cost less than each for himself, since what they have in
-- common is looked up and indexed once.
local function create_backups(a)
    local count = #a.list / CREATE_ARGUMENTS
    if count < 1 or count > CREATE_MAX or count % 1 ~= 0 then
        refuse("INVALID_ARGUMENT", "%d arguments, expected are %d for each of at most %d backups", #a.list,
            CREATE_ARGUMENTS, CREATE_MAX)
    end
    local now = now_ms()
    local call = { apps = {}, buckets = {}, taken = {}, created_ms = int(now),
        name_prefix = utc(now, "backup-%04d%02d%02d%02d%02d%02d-") }
    local replies, backups, places, jobs = {}, {}, {}, {}
    for i = 1, count do
        a.at = (i - 1) * CREATE_ARGUMENTS
        local ok, result = attempt(function()
            return complete_request(read_create_request(a), call)
        end)
        if ok then
            backups[#backups + 1], places[#places + 1] = result, i
            jobs[#jobs + 1] = new_job(result.job, "backup", result, result.node, call.created_ms)
        else
            replies[i] = result
        end
    end
    for number, record in ipairs(store_new_backups(backups)) do
        replies[places[number]] = record
    end
    queue_new_jobs(jobs)
    return count == 1 and replies[1] or replies
end

define("backup_create", WRITES, create_backups)

-- Why a backup that looks idle is not running: true only now, so it is not stored.
local function waiting_reason(backup, now)
    local busy, subject, kind = busy_job(backup.app)
    if busy and busy ~= backup.job and Tasks.KINDS[kind] then
        return string.format("waiting for a %s of the same app", kind)
    end
    if busy and busy ~= backup.job then
        local name = redis.call("HGET", PREFIX .. "backup:" .. subject, "name")
        return string.format("waiting for backup %s of the same app", name or subject)
    end
    if busy then
        return ""
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
    local reason = ""
    if known.state == "pending" and (known.state_unready or "[]") == "[]" then
        reason = waiting_reason(known, now)
    end
    if reason ~= "" then
        record[#record + 1] = "state_unready" -- the last one counts
        record[#record + 1] = reasons(reason)
    end
    return record
end

-- A create with a key of the caller's: the first one with it makes the backup and is remembered for a day; the same
-- request again is answered by that backup, as it is by then. Replies with whether it is a repetition, and the record.
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

-- Of one whose record is at hand already: what it waits for, "" for nothing or when it does not wait any more.
define("backup_wait", READS, function(a)
    local id = a:id("backup")
    a:finish()
    local known = redis.call("HMGET", PREFIX .. "backup:" .. id, "state", "app", "job", "node", "bucket")
    if known[1] ~= "pending" then
        return ""
    end
    local reason = waiting_reason({ app = known[2], job = known[3], node = known[4], bucket = known[5] }, now_ms())
    return clean(reason, UNREADY_MAX)
end)

-- Ids of all accounts, oldest first: each account's part is sorted already.
local function ids_of_all(offset, count)
    local merged = {}
    for _, account in ipairs(all_accounts()) do
        local part = redis.call("ZRANGE", PREFIX .. "account-backups:" .. account, 0, offset + count - 1, "WITHSCORES")
        for i = 1, #part, 2 do
            merged[#merged + 1] = { id = part[i], created = tonumber(part[i + 1]) }
        end
    end
    table.sort(merged, function(x, y)
        if x.created ~= y.created then
            return x.created < y.created
        end
        return x.id < y.id
    end)
    local ids = {}
    for i = offset + 1, math.min(offset + count, #merged) do
        ids[#ids + 1] = merged[i].id
    end
    return ids
end

define("backup_list", READS, function(a)
    local account, app = a:optional_id("account"), a:optional_id("app")
    local offset, count = a:number("offset", 0, 1e9), a:number("count", 1, LIST_MAX)
    a:finish()
    local ids
    if app ~= "" then
        find_app(account, app)
        ids = redis.call("ZRANGE", PREFIX .. "backups:" .. app, offset, offset + count - 1)
    elseif account ~= "" then
        ids = redis.call("ZRANGE", PREFIX .. "account-backups:" .. account, offset, offset + count - 1)
    else
        ids = ids_of_all(offset, count)
    end
    local now, backups = now_ms(), {}
    for _, id in ipairs(ids) do
        backups[#backups + 1] = visible_backup(account, "", id, now)
    end
    return backups
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
    local event = (backup.state == "pending" and not claimed) and "withdraw" or "delete"
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

define("health", READS, function(a)
    a:finish()
    local persistence, memory, now = info("persistence"), info("memory"), now_ms()
    local queued = redis.call("ZCARD", DELAYED)
    for _, node in ipairs(redis.call("ZRANGE", NODES, 0, -1)) do
        queued = queued + redis.call("ZCARD", PREFIX .. "queue:" .. node)
    end
    local safe_log = persistence.aof_enabled == "1" and persistence.aof_last_write_status == "ok"
    local keeps_all = memory.maxmemory == "0" or memory.maxmemory_policy == "noeviction"
    return flatten({
        version = info("server").redis_version or "",
        append_only = safe_log and "1" or "0",
        never_evicts = keeps_all and "1" or "0",
        workers = int(redis.call("ZCOUNT", NODES, int(now - NODE_ALIVE_MS), "+inf")),
        queued = int(queued),
        quarantined = int(redis.call("ZCARD", QUARANTINE)),
    })
end)

-- Functions for workers -----------------------------------------------------------------------------------------------

define("node_register", WRITES, function(a)
    local node, version, slots = a:name("node", NODE_MAX), clean(a:some_text("version", 31), 31), a:number("slots", 1, 1024)
    a:finish()
    local schema = redis.call("GET", SCHEMA_KEY)
    if schema and schema ~= SCHEMA then
        refuse("SCHEMA_MISMATCH", "the keys here have schema %s, this program writes %s", schema, SCHEMA)
    end
    local now = int(now_ms())
    redis.call("SET", SCHEMA_KEY, SCHEMA)
    write_hash(PREFIX .. "node:" .. node, { name = node, version = version, slots = int(slots), running = "0",
        started_ms = now, heartbeat_ms = now })
    redis.call("ZADD", NODES, now, node)
    return DONE
end)

define("node_heartbeat", WRITES, function(a)
    local node, running = a:name("node", NODE_MAX), a:number("running", 0, 1024)
    a:finish()
    require_node(node)
    local now = int(now_ms())
    redis.call("HSET", PREFIX .. "node:" .. node, "running", int(running), "heartbeat_ms", now)
    redis.call("ZADD", NODES, now, node)
    return DONE
end)

local function read_apps(a)
    local _, list = a:json_array("apps", APPS_JSON_MAX)
    if #list > APPS_MAX then
        refuse("INVALID_ARGUMENT", "%d apps, at most %d are allowed", #list, APPS_MAX)
    end
    local apps = {}
    for _, entry in ipairs(list) do
        if type(entry) ~= "table" then
            refuse("INVALID_ARGUMENT", "an app must be an object")
        end
        local fields = Arguments.of({ tostring(entry.id or ""), tostring(entry.account or ""),
            tostring(entry.name or "") })
        local app = { id = fields:id("id"), account = fields:id("account"), name = fields:name("name", NAME_MAX),
            concurrent_backups = entry.concurrent_backups == "refuse" and "refuse" or "queue" }
        apps[#apps + 1] = app
    end
    return apps
end

-- The app has come from another host, or is defined again: what waits elsewhere would wait for ever.
local function move_waiting(key, to)
    local job = load_job(redis.call("HGET", key, "job") or "")
    if not job or job.node == to or (job.state ~= "queued" and job.state ~= "delayed") then
        return
    end
    local score = redis.call("ZSCORE", place_of(job), job.id)
    redis.call("HSET", key, "node", to)
    move_job(job, job.state, score, { node = to })
end

local function move_all_waiting(app, to)
    for _, state in ipairs({ "pending", "deleting" }) do
        for _, id in ipairs(redis.call("ZINTER", 2, PREFIX .. "state:" .. state, PREFIX .. "backups:" .. app)) do
            move_waiting(PREFIX .. "backup:" .. id, to)
        end
    end
    Tasks.each_active(app, function(task)
        move_waiting(PREFIX .. "task:" .. task.id, to)
    end)
end

local function register_app(app, node, now)
    local key = PREFIX .. "app:" .. app.id
    local old = read_hash(key)
    if old and old.node ~= node then
        redis.call("SREM", PREFIX .. "node-apps:" .. old.node, app.id)
        journal({ app = app.id, account = app.account, who = node,
            why = string.format("app %s is now registered by node %s, it was by %s", app.name, node, old.node) })
    end
    if not old or old.name ~= app.name or old.account ~= app.account or old.node ~= node
        or old.concurrent_backups ~= app.concurrent_backups then
        write_hash(key, { id = app.id, account = app.account, name = app.name, node = node,
            concurrent_backups = app.concurrent_backups, state = old and old.state or "ready", created_ms = old and old.created_ms or int(now),
            modified_ms = int(now) })
    end
    if not old or old.node ~= node then
        move_all_waiting(app.id, node)
    end
    redis.call("ZADD", PREFIX .. "apps:" .. app.account, old and old.created_ms or int(now), app.id)
    redis.call("SADD", PREFIX .. "node-apps:" .. node, app.id)
    redis.call("SADD", ACCOUNTS, app.account)
end

local function unregister_app(id, node)
    local app = read_hash(PREFIX .. "app:" .. id)
    redis.call("SREM", PREFIX .. "node-apps:" .. node, id)
    if app and app.node == node then
        redis.call("DEL", PREFIX .. "app:" .. id)
        redis.call("ZREM", PREFIX .. "apps:" .. app.account, id)
        journal({ app = id, account = app.account, who = node,
            why = string.format("app %s is no longer defined on node %s", app.name, node) })
    end
end

define("apps_register", WRITES, function(a)
    local node, apps = a:name("node", NODE_MAX), read_apps(a)
    a:finish()
    require_node(node)
    local now, kept = now_ms(), {}
    for _, app in ipairs(apps) do
        register_app(app, node, now)
        kept[app.id] = true
    end
    for _, id in ipairs(redis.call("SMEMBERS", PREFIX .. "node-apps:" .. node)) do
        if not kept[id] then
            unregister_app(id, node)
        end
    end
    return DONE
end)

local function set_default(owner, bucket)
    local default = redis.call("HGET", DEFAULT_BUCKETS, owner)
    if bucket.is_default == "1" then
        if default and default ~= bucket.id and redis.call("EXISTS", PREFIX .. "bucket:" .. default) == 1 then
            redis.call("HSET", PREFIX .. "bucket:" .. default, "is_default", "0")
        end
        redis.call("HSET", DEFAULT_BUCKETS, owner, bucket.id)
    elseif default == bucket.id then
        redis.call("HDEL", DEFAULT_BUCKETS, owner)
    end
end

local BUCKET_STATES = { pending = true, available = true, failed = true, removed = true, unknown = true }

define("bucket_register", WRITES, function(a)
    local bucket = {
        id = a:id("id"), account = a:optional_id("account"), name = a:name("name", NAME_MAX),
        provider = a:name("provider", 32), server_url = a:text("server_url", 1023),
        bucket_name = a:text("bucket_name", NAME_MAX), state = a:choice("state", BUCKET_STATES),
        state_details = (a:json_array("state_details", JSON_MAX)),
        is_default = a:choice("is_default", { ["0"] = true, ["1"] = true }),
        jobs_max = a:has_more() and int(a:number("jobs_max", 0, 1e6)) or "0",
    }
    a:finish()
    local key, owner, now = PREFIX .. "bucket:" .. bucket.id, bucket_owner(bucket.account), now_ms()
    local old = read_hash(key)
    bucket.created_ms = old and old.created_ms or int(now)
    bucket.modified_ms = int(now)
    bucket.probe_details, bucket.verify_ms = bucket.state_details, old and old.verify_ms
    bucket.state_details = Tasks.bucket_details(bucket)
    write_hash(key, bucket)
    redis.call("ZADD", PREFIX .. "buckets:" .. owner, bucket.created_ms, bucket.id)
    if bucket.account ~= "" then
        redis.call("SADD", ACCOUNTS, bucket.account)
    end
    set_default(owner, bucket)
    return DONE
end)

local function drop_leftover(id, job, node)
    if job then
        end_job(job, "leftover: its subject does not want it any more")
    end
    redis.call("ZREM", PREFIX .. "queue:" .. node, id)
end

-- known remembers which apps have a claimed job, and which buckets have as many as they may.
local function is_kept_waiting(job, known)
    if known[job.app] == nil then
        known[job.app] = busy_job(job.app) ~= nil
    end
    if known[job.bucket] == nil then
        known[job.bucket] = bucket_wait(job.bucket) ~= ""
    end
    return known[job.app] or known[job.bucket]
end

-- The first job of a page of the queue that may run now; then how many of the page stay, and how many it had.
local function pick(node, first, known)
    local queue = PREFIX .. "queue:" .. node
    local ids = redis.call("ZRANGE", queue, first, first + CLAIM_PAGE - 1)
    local skipped = 0
    for _, id in ipairs(ids) do
        local job = load_job(id)
        if job and is_kept_waiting(job, known) then
            skipped = skipped + 1
        elseif job and place_of(job) == queue and Tasks.is_wanted(job) then
            return job, skipped, #ids
        else
            drop_leftover(id, job, node)
        end
    end
    return nil, skipped, #ids
end

define("job_claim", WRITES, function(a)
    local node, worker = a:name("node", NODE_MAX), clean(a:some_text("worker", 79), 79)
    local lease_ms, kills_max = a:number("lease_ms", 1, LEASE_MAX_MS), a:number("kills_max", 1, 1000)
    local timeout_ms = a:has_more() and a:number("timeout_ms", 0, BYTES_MAX) or 0
    a:finish()
    require_node(node)
    sweep(kills_max)
    local first, known = 0, {}
    for _ = 1, CLAIM_PAGES do
        local job, skipped, seen = pick(node, first, known)
        if job then
            local now = now_ms()
            local until_ms = int(now + lease_ms)
            local is_first = timeout_ms > 0 and job.deadline_ms == "0"
            move_job(job, "claimed", until_ms, {
                deadline_ms = is_first and int(now + timeout_ms) or job.deadline_ms,
                epoch = int(job.epoch + 1), attempt = int(job.attempt + 1), worker = worker,
                lease_until_ms = until_ms, stage = "claimed",
            })
            return flatten(job)
        end
        if seen < CLAIM_PAGE then
            break
        end
        first = first + skipped -- those that were dropped have left the queue
    end
    return false
end)

define("job_get", READS, function(a)
    local id = a:id("job")
    a:finish()
    local job = load_job(id)
    if not job then
        refuse("UNKNOWN_JOB", "there is no job %s", id)
    end
    return flatten(job)
end)

-- The backup of a claimed job; it goes only through this job's own end, so a missing one means a lost lease.
local function backup_of(job)
    local backup = load_backup(job.subject)
    if not backup then
        refuse("LEASE_LOST", "job %s: its backup %s is gone", job.id, job.subject)
    end
    return backup
end

define("job_renew", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local lease_ms = a:number("lease_ms", 1, LEASE_MAX_MS)
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        return Tasks.renew(job, lease_ms, report)
    end
    local backup, now = backup_of(job), now_ms()
    extend_lease(job, lease_ms, now, report.stage)
    if job.kind == "backup" then
        update_backup(backup, progress_changes(backup, report), now)
    end
    return answer_to(job, now)
end)

local ADVANCE_EVENTS = { discovering = "discover", running = "run" }

define("job_advance", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local event = ADVANCE_EVENTS[a:choice("state", ADVANCE_EVENTS)]
    local lease_ms = a:number("lease_ms", 1, LEASE_MAX_MS)
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        return Tasks.advance(job, event, lease_ms, report)
    end
    local backup, now = backup_of(job), now_ms()
    local answer = answer_to(job, now)
    if answer == "ok" then
        require_event(backup, event)
    end
    extend_lease(job, lease_ms, now, report.stage)
    if answer ~= "ok" then
        return answer
    end
    local changes = progress_changes(backup, report)
    changes.state_unready = "[]"
    transition(backup, event, note_of(job, report.stage and "stage " .. report.stage or ""), changes)
    return "ok"
end)

define("job_finish", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local outcome = a:choice("outcome", FINISH)
    local finish = { delay_ms = a:number("delay_ms", 0, DELAY_MAX_MS), reason = a:sentence("reason") }
    local report = read_report(a)
    local job = fence(id, epoch)
    if is_task(job) then
        Tasks.finish(job, outcome, finish, report)
        return DONE
    end
    local backup = backup_of(job)
    require_event(backup, OUTCOME_EVENTS[job.kind][outcome])
    FINISH[outcome](job, backup, finish, job.kind == "backup" and progress_changes(backup, report) or {})
    return DONE
end)

define("job_died", WRITES, function(a)
    local id, epoch, evidence = a:id("job"), a:number("epoch", 0, BYTES_MAX), a:sentence("evidence")
    local kills_max, delay_ms = a:number("kills_max", 1, 1000), a:number("delay_ms", 0, DELAY_MAX_MS)
    a:finish()
    local job = load_job(id)
    if not job or job.state ~= "claimed" or tonumber(job.epoch) ~= epoch then
        return "none"
    end
    return bury(job, { evidence = evidence, kills_max = kills_max, delay_ms = delay_ms })
end)

define("sweep", WRITES, function(a)
    local kills_max = a:number("kills_max", 1, 1000)
    a:finish()
    sweep(kills_max)
    return DONE
end)

-- Functions for tasks -------------------------------------------------------------------------------------------------

-- A restore takes app and bucket from its backup.
function Tasks.read_restore(request)
    local backup = load_backup(request.backup)
    if not backup or (request.account ~= "" and backup.account ~= request.account) then
        refuse("UNKNOWN_BACKUP", "there is no backup %s here", request.backup)
    elseif request.app ~= "" and backup.app ~= request.app then
        refuse("FOREIGN_BACKUP", "backup %s is one of another app", request.backup)
    elseif backup.state ~= "completed" then
        refuse("BACKUP_NOT_READY", "backup %s is %s: only a completed one can be restored", request.backup,
            backup.state)
    end
    request.app, request.bucket = backup.app, backup.bucket
    request.backup_name, request.repository_snapshot = backup.name, backup.repository_snapshot
end

function Tasks.check_room(request)
    local count = 0
    Tasks.each_active(request.app, function(task)
        count = count + 1
        if task.kind == "restore" and request.kind == "restore" and task.target == "" and request.target == "" then
            refuse("TASK_EXISTS", "the app is being restored already: restore %s is %s", task.id, task.state)
        elseif task.kind == request.kind and task.kind ~= "restore" and task.bucket == request.bucket then
            refuse("TASK_EXISTS", "%s %s of this app is %s already", task.kind, task.id, task.state)
        end
    end)
    if count >= Tasks.ACTIVE_MAX then
        refuse("TASK_EXISTS", "%d tasks of this app wait or run already", count)
    end
end

define("task_create", WRITES, function(a)
    local request = {
        id = a:id("id"), job = a:id("job"), kind = a:choice("kind", Tasks.KINDS), account = a:optional_id("account"),
        app = a:optional_id("app"), bucket = a:optional_id("bucket"), backup = a:optional_id("backup"),
        created_by = clean(a:some_text("created_by", 128), 128), target = a:text("target", Tasks.TARGET_MAX),
        includes = (a:json_array("includes", Tasks.INCLUDES_MAX)), sample = int(a:number("sample", 0, 100)),
    }
    a:finish()
    local target = request.target
    if target ~= "" and (target:sub(1, 1) ~= "/" or target ~= clean(target, #target)) then
        refuse("INVALID_ARGUMENT", "target must be an absolute path of printable UTF-8")
    end
    if request.kind == "restore" then
        if request.app ~= "" then
            find_app(request.account, request.app)
        end
        Tasks.read_restore(request)
    end
    local app = find_app(request.account, request.app)
    if request.kind ~= "restore" then
        request.bucket = choose_bucket(app.account, request.bucket)
        request.backup = ""
    end
    request.account, request.app_name = app.account, app.name
    Tasks.check_room(request)
    if redis.call("EXISTS", PREFIX .. "job:" .. request.job) == 1 or Tasks.load(request.id) then
        refuse("INVALID_ARGUMENT", "job %s or task %s exists", request.job, request.id)
    end
    Tasks.queue(request, app.node, "requested")
    return redis.call("HGETALL", PREFIX .. "task:" .. request.id)
end)

-- As callers see it: with what it waits for, which is true only now.
function Tasks.visible(task, now)
    if task.state == "pending" and task.state_unready == "[]" then
        task.state_unready = reasons(waiting_reason(task, now))
    end
    return task
end

define("task_get", READS, function(a)
    local account, id = a:optional_id("account"), a:id("task")
    a:finish()
    return flatten(Tasks.visible(Tasks.find(account, "", id), now_ms()))
end)

define("task_list", READS, function(a)
    local account, app = a:optional_id("account"), a:optional_id("app")
    a:finish()
    local now, tasks = now_ms(), {}
    local apps = { app }
    if app == "" then
        apps = {}
        for _, owner in ipairs(account ~= "" and { account } or all_accounts()) do
            for _, id in ipairs(redis.call("ZRANGE", PREFIX .. "apps:" .. owner, 0, -1)) do
                apps[#apps + 1] = id
            end
        end
    end
    for _, id in ipairs(apps) do
        for _, task_id in ipairs(redis.call("ZREVRANGE", PREFIX .. "tasks:" .. id, 0, LIST_MAX - 1)) do
            local task = Tasks.load(task_id)
            if task and (account == "" or task.account == account) then
                tasks[#tasks + 1] = Tasks.visible(task, now)
            end
        end
    end
    table.sort(tasks, function(x, y)
        if x.created_ms ~= y.created_ms then
            return tonumber(x.created_ms) > tonumber(y.created_ms)
        end
        return x.id < y.id
    end)
    for i = #tasks, LIST_MAX + 1, -1 do
        tasks[i] = nil
    end
    return reply_with(tasks)
end)

define("task_cancel", WRITES, function(a)
    local account, id = a:optional_id("account"), a:id("task")
    local actor = clean(a:text("actor", 128), 128)
    a:finish()
    local task = Tasks.find(account, "", id)
    Tasks.require_event(task, "cancel")
    local job, why = load_job(task.job), "canceled on request"
    if job and job.state == "claimed" then
        ask_to_stop(job, actor, why)
    else
        Tasks.cancel(task, job, { job = task.job, epoch = job and job.epoch, who = actor, why = why }, {})
    end
    return DONE
end)

define("maintenance_queue", WRITES, function(a)
    local node = a:name("node", NODE_MAX)
    local prune_after, prune_ms = a:number("prune_after_deletes", 0, 1e9), a:number("prune_interval_ms", 0, BYTES_MAX)
    local verify_ms, sample = a:number("verify_interval_ms", 0, BYTES_MAX), int(a:number("sample", 1, 100))
    a:finish()
    require_node(node)
    local now, queued = now_ms(), 0
    if prune_after > 0 then
        local full = redis.call("ZRANGEBYSCORE", PREFIX .. "unreferenced:" .. node, int(prune_after), "+inf",
            "WITHSCORES", "LIMIT", 0, Tasks.DUE_MAX)
        queued = queued + Tasks.queue_due("unreferenced", node, full, "prune", function(bucket, app)
            local last = redis.call("HGET", PREFIX .. "repository:" .. bucket .. ":" .. app, "prune_ms")
            return now - tonumber(last or "0") >= prune_ms
        end)
    end
    if verify_ms > 0 then
        local old = redis.call("ZRANGEBYSCORE", PREFIX .. "verified:" .. node, "-inf", int(now - verify_ms),
            "WITHSCORES", "LIMIT", 0, Tasks.DUE_MAX)
        queued = queued + Tasks.queue_due("verified", node, old, "verify", function()
            return true
        end, sample)
    end
    return int(queued)
end)

define("verify_report", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local complete = a:choice("complete", { ["0"] = true, ["1"] = true }) == "1"
    local _, backups = a:json_array("backups", JSON_MAX)
    local is_last = a:choice("is_last", { ["0"] = true, ["1"] = true }) == "1"
    local damage = a:sentence("damage")
    a:finish()
    if #backups > LIST_MAX then
        refuse("INVALID_ARGUMENT", "%d backups, at most %d are allowed", #backups, LIST_MAX)
    end
    local job = fence(id, epoch)
    local task = Tasks.of(job)
    for _, entry in ipairs(backups) do
        if type(entry) ~= "table" or not tostring(entry.backup):find(ID_PATTERN) then
            refuse("INVALID_ARGUMENT", "an entry must have the id of a backup")
        end
    end
    for _, entry in ipairs(backups) do
        Tasks.judge_backup(job, entry.backup, clean(tostring(entry.problem or ""), REASON_MAX), complete)
    end
    if is_last then
        Tasks.note_verified(task, damage)
    end
    return DONE
end)

-- One entry of a report, checked; the record that it stands for is new.
function Tasks.read_entry(entry)
    local fields = Arguments.of(type(entry) == "table" and { tostring(entry.backup or ""),
        tostring(entry.name or ""), tostring(entry.snapshot or ""), int(tonumber(entry.taken_ms) or -1),
        int(tonumber(entry.bytes) or -1) } or {})
    return { id = fields:id("backup"), name = fields:name("name", NAME_MAX),
        repository_snapshot = fields:digest("snapshot"), taken_ms = int(fields:number("taken_ms", 0, BYTES_MAX)),
        bytes_total = int(fields:number("bytes", 0, BYTES_MAX)) }
end

-- A backup that has a record, in whatever state, keeps it. One that was deleted has nothing in the bucket to be found
-- by: its delete job, which no task of the app runs beside, removes that before the record.
define("catalog_report", WRITES, function(a)
    local id, epoch = a:id("job"), a:number("epoch", 0, BYTES_MAX)
    local _, list = a:json_array("backups", JSON_MAX)
    a:finish()
    if #list > LIST_MAX then
        refuse("INVALID_ARGUMENT", "%d backups, at most %d are allowed", #list, LIST_MAX)
    end
    local job = fence(id, epoch)
    local task, entries, now, count = Tasks.of(job), {}, now_ms(), 0
    for i, entry in ipairs(list) do
        entries[i] = Tasks.read_entry(entry)
    end
    for _, found in ipairs(entries) do
        if not load_backup(found.id) then
            found.account, found.app, found.app_name, found.bucket = task.account, task.app, task.app_name, task.bucket
            found.node, found.job, found.created_by, found.version = task.node, job.id, NIL_ID, "1.2"
            found.labels, found.created_ms, found.bytes_done = "[]", found.taken_ms, found.bytes_total
            found.percent_done = "100"
            found.state_details = with_detail("[]", "record_rebuilt", "Record rebuilt",
                "its record was lost and has been made from what is in the bucket, without its labels")
            store_found_backup(found, note_of(job, "found in the bucket"), now)
            AFTER.completion(found)
            count = count + 1
        end
    end
    return int(count)
end)

-- Functions for people with a bare redis-cli ---------------------------------------------------------------------------

local function seconds_from(now, ms)
    return string.format("%.1f s", (tonumber(ms) - now) / 1000)
end

local function explain_node(say, name, now)
    local node = read_hash(PREFIX .. "node:" .. name)
    if not node then
        say("Node %s has never registered a worker. Start appbackup-worker there.", name)
    elseif not node_is_alive(name, now) then
        say("Node %s has no living worker: the last heartbeat was at %s. Start appbackup-worker there.", name,
            time_text(node.heartbeat_ms))
    elseif tonumber(node.running) >= tonumber(node.slots) then
        say("Node %s works on %s jobs and has %s slots: it takes the next one when a slot is free.", name,
            node.running, node.slots)
    else
        say("Node %s has a living worker with %s of %s slots in use.", name, node.running, node.slots)
    end
end

local EXPLAIN_JOB = {}

function EXPLAIN_JOB.queued(say, job, now)
    local queue = PREFIX .. "queue:" .. job.node
    say("Its %s job %s waits in %s, at place %d of %d, after %s attempts.", job.kind, job.id, queue,
        (redis.call("ZRANK", queue, job.id) or -1) + 1, redis.call("ZCARD", queue), job.attempt)
    local busy, subject, kind = busy_job(job.app)
    if busy then
        say("It cannot start yet: job %s works on %s %s of the same app, and an app has one job at a time.",
            busy, Tasks.KINDS[kind] and kind or "backup", subject)
    end
    local full = bucket_wait(job.bucket)
    if full ~= "" then
        say("It cannot start yet: %s.", full)
    end
    explain_node(say, job.node, now)
    say("Next: the first claim of node %s that finds the app free takes it; a free worker looks at least every second.",
        job.node)
end

function EXPLAIN_JOB.delayed(say, job, now)
    local due = redis.call("ZSCORE", DELAYED, job.id) or int(now)
    say("Its %s job %s waits for a retry after attempt %s: %s", job.kind, job.id, job.attempt, job.reason)
    say("Next: it is queued on node %s at %s (in %s).", job.node, time_text(due), seconds_from(now, due))
    explain_node(say, job.node, now)
end

function EXPLAIN_JOB.claimed(say, job, now)
    say("Worker %s has its %s job %s: attempt %s, epoch %s, stage %s.", job.worker, job.kind, job.id, job.attempt,
        job.epoch, job.stage)
    say("Its lease ends at %s (in %s) unless it is renewed; then the job is queued again.",
        time_text(job.lease_until_ms), seconds_from(now, job.lease_until_ms))
    if job.cancel == "1" then
        say("%s has asked it to stop (%s): the worker learns it with its next renewal, within a second.",
            job.cancel_who, job.cancel_why)
    end
end

function EXPLAIN_JOB.quarantined(say, job)
    say("Its %s job %s is in quarantine: %s", job.kind, job.id, job.reason)
    say("Next: nothing happens by itself. Find out why the worker died; then request it again (a failed backup is "
        .. "deleted first).")
end

function EXPLAIN_JOB.done(say, job)
    say("Its last job %s (%s) is done%s", job.id, job.kind, job.reason ~= "" and ": " .. job.reason or ".")
end

local NEXT_STEPS = {
    completed = "Next: nothing, it can be restored or deleted.",
    failed = "Next: nothing happens by itself; request a new backup, or delete this one.",
    removed = "Next: a verification of everything (appbackupctl verify APP --all) that finds its data completes it again.",
    unknown = "Next: nothing happens by itself.",
}

local function explain_backup(say, backup, now)
    say("Backup %s (%s) of app %s on node %s is %s since %s.", backup.name, backup.id, backup.app_name, backup.node,
        backup.state, time_text(redis.call("ZSCORE", PREFIX .. "state:" .. backup.state, backup.id)
            or backup.modified_ms or backup.created_ms))
    if tonumber(backup.bytes_total) >= 0 then
        say("%s of %s bytes are done (%s %%).", backup.bytes_done, backup.bytes_total, backup.percent_done)
    end
    if backup.repository_snapshot ~= "" then
        say("Its data is restic snapshot %s in bucket %s.", backup.repository_snapshot, backup.bucket)
    end
    for _, reason in ipairs(cjson.decode(backup.state_unready)) do
        say("Reason: %s", reason)
    end
    local job = load_job(backup.job)
    if job then
        EXPLAIN_JOB[job.state](say, job, now)
    elseif NEXT_STEPS[backup.state] == nil then
        say("Its job %s does not exist: no worker will pick it up. Delete the backup.", backup.job)
    end
    if NEXT_STEPS[backup.state] then
        say("%s", NEXT_STEPS[backup.state])
    end
end

local function explain_task(say, task, now)
    say("Task %s is a %s, asked for by %s, and is %s.", task.id, Tasks.describe(task), task.created_by, task.state)
    if tonumber(task.bytes_total) >= 0 then
        say("%s of %s bytes are done (%s %%).", task.bytes_done, task.bytes_total, task.percent_done)
    end
    for _, reason in ipairs(cjson.decode(task.state_unready)) do
        say("Reason: %s", reason)
    end
    local job = load_job(task.job)
    if job then
        EXPLAIN_JOB[job.state](say, job, now)
    elseif task.state == "pending" or task.state == "running" then
        say("Its job %s does not exist: no worker will pick it up. Cancel the task.", task.job)
    end
end

define("explain", READS, function(a)
    local id = a:id("backup, task or job")
    a:finish()
    local now, lines = now_ms(), {}
    local function say(text, ...)
        lines[#lines + 1] = string.format(text, ...)
    end
    local job = load_job(id)
    local task = Tasks.load(job and job.subject or id)
    if task then
        explain_task(say, task, now)
        return lines
    end
    local backup = load_backup(job and job.subject or id)
    if backup then
        explain_backup(say, backup, now)
    elseif not job then
        refuse("UNKNOWN_BACKUP", "no backup, no task and no job has the id %s", id)
    else
        say("Backup %s, the subject of this job, is gone.", job.subject)
    end
    if job and (not backup or backup.job ~= id) then
        say("About job %s itself:", id)
        EXPLAIN_JOB[job.state](say, job, now)
    end
    return lines
end)

define("list", READS, function(a)
    local wanted = STATES
    if a:has_more() then
        local known = {}
        for _, state in ipairs(STATES) do
            known[state] = true
        end
        wanted = { a:choice("state", known) }
    end
    a:finish()
    local lines = {}
    for _, state in ipairs(wanted) do
        for _, id in ipairs(redis.call("ZREVRANGE", PREFIX .. "state:" .. state, 0, 99)) do
            local backup = load_backup(id)
            if backup then
                lines[#lines + 1] = string.format("%-11s %3s %%  %s  %s  app %s  node %s  %s", state,
                    backup.percent_done, time_text(backup.created_ms), backup.name, backup.app_name, backup.node, id)
            end
        end
    end
    return lines
end)
