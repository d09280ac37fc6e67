-- The doctor: what keys and records look like ----------------------------------------------------------------------------

local is = {}

function is.id(text) return text:find(Ids.PATTERN) ~= nil end
function is.optional_id(text) return text == "" or is.id(text) end
function is.digest(text) return #text == 64 and not text:find("[^0-9a-f]") end
function is.optional_digest(text) return text == "" or is.digest(text) end
function is.name(text) return #text <= Limits.NAME_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function is.node(text) return #text <= Limits.NODE_MAX and text:find("^[A-Za-z0-9._-]+$") ~= nil end
function is.text(text) return #text < Limits.JSON_MAX and not text:find("%c") end
function is.some_text(text) return text ~= "" and is.text(text) end
function is.flag(text) return text == "0" or text == "1" end
function is.number(text) return #text <= 16 and text:find("^%d+$") ~= nil and tonumber(text) <= Limits.BYTES_MAX end
function is.bytes(text) return text == "-1" or is.number(text) end
function is.percent(text) return is.number(text) and tonumber(text) <= 100 end
function is.time(text) return is.number(text) and text ~= "0" and tonumber(text) <= Doctor.now + Doctor.CLOCK_SLACK_MS end
function is.owner(text) return text == "shared" or is.id(text) end
function is.state(text) return text ~= "none" and Facts.subjects.backup.transitions[text] ~= nil end
function is.task_state(text) return text ~= "none" and Facts.subjects.task.transitions[text] ~= nil end
function is.task_kind(text) return Facts.subjects.task.kinds[text] ~= nil end
function is.job_kind(text) return Facts.kinds[text] ~= nil end
function is.job_state(text) return Facts.job_places[text] ~= nil end
function is.bucket_state(text) return Functions.WORDS.bucket_state[text] ~= nil end

function is.json(text)
    local ok, value = pcall(cjson.decode, text)
    return ok and type(value) == "table" and text:sub(1, 1) == "[" and text:sub(-1) == "]"
end

-- The fields of each record and what their values are: one of the above, or one of several words. Those with a "!" are
-- always there.
local PROGRESS = " bytes_done:bytes bytes_total:bytes percent_done:percent taken_ms:number snapshot:optional_id"
    .. " repository_snapshot:optional_digest state_unready:json state_details:json hook_state:||success|failed"
    .. " hook_state_details:json"
local FIELDS = {
    backup = "id!:id account!:id app!:id app_name!:name name!:name state!:state bucket!:id node!:node job!:id"
        .. " version!:name created_by!:some_text created_ms!:number modified_ms:time revision:number labels:json"
        .. " schedule:text" .. PROGRESS,
    task = "id!:id kind!:task_kind account!:id app!:id app_name!:name bucket!:id node!:node job!:id state!:task_state"
        .. " created_by!:some_text created_ms!:time modified_ms!:time backup:optional_id backup_name:text target:text"
        .. " includes:json sample:percent" .. PROGRESS,
    job = "id!:id kind!:job_kind subject!:id account!:id app!:id bucket!:id node!:node created_ms!:number"
        .. " state!:job_state stage:text worker:text lease_until_ms:number attempt:number"
        .. " failures:number kills:number epoch:number cancel:flag cancel_who:text cancel_why:text deadline_ms:number"
        .. " reason:text",
    app = "id!:id account!:id name!:name node!:node concurrent_backups!:|queue|refuse state!:|ready|restoring|failed"
        .. " created_ms!:time modified_ms!:time state_details:json",
    bucket = "id!:id account!:optional_id name!:name provider!:node server_url!:text bucket_name!:text"
        .. " state!:bucket_state state_details!:json is_default!:flag jobs_max!:number created_ms!:time modified_ms!:time"
        .. " probe_details:json verify_ms:time",
    node = "name!:node version!:some_text slots!:number running!:number started_ms!:time heartbeat_ms!:time"
        .. " retries_max:number worker:text back_ms:time",
    repository = "prune_ms:time verify_ms:time catalog_ms:time prune_state:|completed|failed verify_state:|completed|failed"
        .. " catalog_state:|completed|failed damage:text",
    ["create-key"] = "account!:id backup!:id request!:digest",
    snapshot = "app!:id",
}

local function check_of(text)
    return is[text] or function(value)
        return not value:find("|", 1, true) and (text .. "|"):find("|" .. value .. "|", 1, true) ~= nil
    end
end

local parsed = {}

-- The fields of a kind of record in their order, and each by its name.
function Doctor.fields(kind)
    local fields = parsed[kind]
    if not fields then
        fields = {}
        for name, mark, check in FIELDS[kind]:gmatch("([%w_]+)(!?):(%S+)") do
            fields[#fields + 1] = { name = name, needed = mark == "!", is = check_of(check) }
            fields[name] = fields[#fields]
        end
        parsed[kind] = fields
    end
    return fields
end

-- The kind of record that an index leads to: a hash by its values, others by their members.
local INDEXES = { nodes = "node", ["node-apps"] = "app", apps = "app", ["app-busy"] = "job", ["bucket-jobs"] = "job",
    buckets = "bucket", ["default-buckets"] = "bucket", backups = "backup", ["account-backups"] = "backup",
    names = "backup", state = "backup", tasks = "task", ["active-tasks"] = "task", damaged = "repository", queue = "job",
    delayed = "job", leases = "job", quarantine = "job" }

-- Is this what follows a key's name, ":" and a value for each of its arguments?
function Doctor.are_arguments(rest, arguments)
    local count, known = 0, arguments or {}
    for value in rest:gmatch(":([^:]*)") do
        count = count + 1
        if not known[count] or not is[known[count]](value) then
            return false
        end
    end
    return count == #known and (rest == "" or rest:sub(1, 1) == ":")
end

-- What is known of a key, its name, and what follows that; nil when nobody knows it.
function Doctor.describe(key)
    local word, rest = key:match("^" .. Keys.PREFIX .. "([a-z-]+)(.*)$")
    local known = word and Keys.all[word]
    return known and Doctor.are_arguments(rest, known.arguments) and known or nil, word, rest and rest:sub(2)
end

-- Reading: what has another type than it should is as good as not there, and is found by itself.
function Doctor.ask(...)
    local reply = redis.pcall(...)
    return not (type(reply) == "table" and reply.err) and reply or nil
end

function Doctor.read(kind, id)
    local defaults = { backup = Backups.defaults, task = Tasks.defaults, job = Jobs.DEFAULTS }
    return Hash.unflatten(Doctor.ask("HGETALL", Keys.PREFIX .. kind .. ":" .. id) or {}, defaults[kind])
end

local READ = { hash = "HGET", set = "SISMEMBER", zset = "ZSCORE" }

-- What a key has for a member: its score, its value in a hash, "1" in a set; nil when it is not there.
function Doctor.value(key, member)
    local known = Doctor.describe(key)
    local value = known and READ[known.type] and Doctor.ask(READ[known.type], key, member)
    return value and value ~= 0 and tostring(value) or nil
end

function Doctor.score(key, member)
    return tonumber(Doctor.value(key, member) or nil)
end
