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
