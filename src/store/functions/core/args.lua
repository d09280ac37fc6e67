-- Arguments -----------------------------------------------------------------------------------------------------------

local Args = {}
Args.__index = Args

function Args.of(list)
    return setmetatable({ list = list, at = 0, ids = {} }, Args) -- ids: those that have been checked
end

function Args:text(name, max)
    self.at = self.at + 1
    local text = self.list[self.at]
    if text == nil then
        Call.refuse("INVALID_ARGUMENT", "argument %d, %s, is missing", self.at, name)
    end
    if #text > max then
        Call.refuse("INVALID_ARGUMENT", "%s has %d bytes, at most %d are allowed", name, #text, max)
    end
    return text
end

function Args:some_text(name, max)
    local text = self:text(name, max)
    if text == "" then
        Call.refuse("INVALID_ARGUMENT", "%s is empty", name)
    end
    return text
end

-- A text in which everything that is not printable is replaced.
function Args:line(name, max)
    return Text.clean(self:text(name, max), max)
end

function Args:some_line(name, max)
    return Text.clean(self:some_text(name, max), max)
end

-- A reason for people; one that is too long is cut.
function Args:sentence(name)
    return Text.clean(self:text(name, Limits.SENTENCE_MAX), Limits.REASON_MAX)
end

-- Names of people's making: they become parts of keys and of sentences.
function Args:name(name, max)
    local text = self:some_text(name, max)
    if not text:find("^[A-Za-z0-9._-]+$") then
        Call.refuse("INVALID_ARGUMENT", "%s may only have letters, digits and ._-", name)
    end
    return text
end

function Args:optional_name(name, max)
    if self.list[self.at + 1] == "" then
        self.at = self.at + 1
        return ""
    end
    return self:name(name, max)
end

function Args:id(name)
    local text = self:text(name, Limits.ID_MAX)
    if self.ids[text] then -- a call for many has the same ones again and again
        return text
    end
    if not text:find(Ids.PATTERN) then
        Call.refuse("INVALID_ARGUMENT", "%s is not an id", name)
    end
    self.ids[text] = true
    return text
end

function Args:optional_id(name)
    if self.list[self.at + 1] == "" then
        self.at = self.at + 1
        return ""
    end
    return self:id(name)
end

-- SHA-256 in hex.
function Args:digest(name)
    local text = self:text(name, 64)
    if #text ~= 64 or text:find("[^0-9a-f]") then
        Call.refuse("INVALID_ARGUMENT", "%s must be 64 hex digits", name)
    end
    return text
end

function Args:number(name, min, max)
    local text = self:text(name, 20)
    local number = text:find("^%-?%d+$") and tonumber(text)
    if not number or number < min or number > max then
        Call.refuse("INVALID_ARGUMENT", "%s must be a whole number from %s to %s", name, Text.int(min), Text.int(max))
    end
    return number
end

function Args:choice(name, choices)
    local text = self:text(name, 64)
    if choices[text] == nil then
        Call.refuse("INVALID_ARGUMENT", "%s has an unknown value", name)
    end
    return text
end

function Args:flag(name)
    local text = self:text(name, 64)
    if text ~= "0" and text ~= "1" then
        Call.refuse("INVALID_ARGUMENT", "%s has an unknown value", name)
    end
    return text == "1"
end

-- The text, and what is in it.
function Args:json_array(name, max)
    local text = self:text(name, max)
    if text == "[]" then
        return text, {}
    end
    local ok, value = pcall(cjson.decode, text)
    if not ok or type(value) ~= "table" or text:sub(1, 1) ~= "[" or text:sub(-1) ~= "]" then
        Call.refuse("INVALID_ARGUMENT", "%s is not a JSON array", name)
    end
    return text, value
end

function Args:has_more()
    return self.at < #self.list
end

function Args:finish()
    if self:has_more() then
        Call.refuse("INVALID_ARGUMENT", "%d arguments, %d are expected", #self.list, self.at)
    end
end

function Args:decoded(name, max)
    local _, list = self:json_array(name, max)
    return list
end

-- The rest of the arguments: name value name value ...
function Args:pairs(readers)
    local values = {}
    while self:has_more() do
        local field = self:choice("field", readers)
        values[field] = readers[field](self)
    end
    return values
end

-- One set of arguments, or several of them: how many, and what reads one of them. So one that is refused does
-- not touch the others.
function Args:sets(read, size, most, noun)
    local count = #self.list / size
    if count < 1 or count > most or count % 1 ~= 0 then
        Call.refuse("INVALID_ARGUMENT", "%d arguments, expected are %d for each of at most %d %s", #self.list, size, most,
            noun)
    end
    return { count = count, read = function(number)
        self.at = (number - 1) * size
        return read(self)
    end }
end

function Call.run(read, body, list)
    return body(read(Args.of(list)))
end

-- Makes a function that src/store/protocol/functions.yaml declares; its body gets the arguments by name. A refusal
-- becomes an error reply.
function Call.define(name, body)
    local read = Functions[name] or error(name .. " is not declared")
    redis.register_function({
        function_name = "appbackup_" .. name,
        flags = Functions.READS[name] and { "no-writes" } or {},
        callback = function(_, list)
            Time.of_call = nil
            local _, reply = Call.attempt(Call.run, read, body, list)
            return reply
        end,
    })
end
